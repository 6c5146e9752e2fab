import pytest

from campaigns import supplemental
from campaigns.supplemental import SupplementalInvalid


def nested(depth: int) -> str:
    return '{"a": ' * depth + "1" + "}" * depth


def test_one_object_is_read() -> None:
    assert supplemental.read('{"season": "autumn", "off": [30, 1.5, null, true]}') == {
        "season": "autumn",
        "off": [30, 1.5, None, True],
    }


@pytest.mark.parametrize("typed", ["", "  \n", "{}", "null"])
def test_nothing_is_an_empty_one(typed: str) -> None:
    assert supplemental.read(typed) == {}


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert supplemental.read(r'{"a": "\ud83d\ude00"}') == {"a": "😀"}


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("[1]", "one JSON object"),
        ('"text"', "one JSON object"),
        ('{"a": }', "no JSON: Expecting value at line 1, column 7"),
        (r'{"a": "x\u0000"}', "no message can show"),
        (r'{"\u0000": 1}', "no message can show"),
        (r'{"a": ["\ud800"]}', "no message can show"),
        ('{"a": NaN}', "NaN is no value of JSON"),
        ('{"a": -Infinity}', "-Infinity is no value of JSON"),
        ('{"a": 1e400}', "too large"),
        ('{"a": ' + "9" * 5000 + "}", "too large"),
        (nested(51), "more than 50 deep"),
        (nested(5000), "more than 50 deep"),
        ('{"a": ' + "[" * 100_000, "more than 50 deep"),
        ('{"a": "' + "x" * 1_000_001 + '"}', "larger than 1000 kB"),
    ],
)
def test_what_a_later_reader_would_refuse_is_refused_with_a_sentence(typed: str, sentence: str) -> None:
    with pytest.raises(SupplementalInvalid, match=sentence):
        supplemental.read(typed)


def test_the_deepest_is_taken() -> None:
    assert supplemental.read(nested(supplemental.DEEPEST))
