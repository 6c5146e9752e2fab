"""What is an address, how it is written, and when two are one person; the hostile ones included."""

import re
import string
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from accelerator.protocol import AddressInvalid, address_key, addresses, key_of_normal, normal_address
from tests import hostile

# Stands in an SMTP command, and in a header, as it is.
SAFE = re.compile(
    r'(?:[^\s\x00-\x1f\x7f-\x9f<>()\[\],;:\\"@]+|"[^\s\x00-\x1f\x7f-\x9f<>()\[\],;:\\"@]+")@[a-z0-9.-]+'
)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann@Example.COM", "Ann@example.com"),
        ("\ufeff\u200b ann@example.com\u3000\u2060\r\n", "ann@example.com"),
        ("o'hara+x_y@a-b.example.co.uk", "o'hara+x_y@a-b.example.co.uk"),
        ("!#$%&'*+/=?^_`{|}~-@example.com", "!#$%&'*+/=?^_`{|}~-@example.com"),
        ("i@example\u3002com", "i@example.com"),
        ("i@example\uff0ecom", "i@example.com"),
        ("i@example\uff61com", "i@example.com"),
        ("user@\uff25\uff38\uff21\uff2d\uff30\uff2c\uff25.com", "user@example.com"),
        ("ann@B\xdcCHER.Example", "ann@xn--bcher-kva.example"),
        ("ann@XN--BCHER-kva.Example", "ann@xn--bcher-kva.example"),
        ("\u043f\u043e\u0447\u0442\u0430@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444",
         "\u043f\u043e\u0447\u0442\u0430@xn--e1afmkfd.xn--p1ai"),
        ("J\xf6rg@Example.com", "J\xf6rg@example.com"),
        ("Jo\u0308rg@example.com", "J\xf6rg@example.com"),
        ('"ann"@example.com', "ann@example.com"),
        ('"a\\nn"@example.com', "ann@example.com"),
        ('"a..b."@example.com', '"a..b."@example.com'),
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
        ("a@" + "x" * 63 + ".com", "a@" + "x" * 63 + ".com"),
        ("a@x.xn--fiqs8s", "a@x.xn--fiqs8s"),
        ("a@123.com", "a@123.com"),
    ],
)  # fmt: skip
def test_an_address_is_written_as_mail_has_it(written: str, normal: str) -> None:
    assert normal_address(written) == normal


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "@", "ann", "ann@", "@example.com", "a@@example.com", "a@b@example.com", "\ufeff"),
        *("a@example..com", "a@.example.com", "a@example.com.", "a@example.com\u3002", "a@example\u2025com"),
        *("a@-x.com", "a@x-.com", "a@exa!mple.com", "a@exa_mple.com", "a@/x", "a@example.com:25", "a@ab--c.com"),
        *("a@localhost", "a@example.c", "a@1.2.3.4", "a@[1.2.3.4]", "a@[IPv6:::1]", "a@example.c0m"),
        *(".a@example.com", "a.@example.com", "a..b@example.com"),
        *('"a b"@example.com', '"a,b"@example.com', '"<a>"@example.com', '"a@b"@example.com', '"a\\"b"@example.com'),
        *('""@example.com', '"a@example.com', 'a"b@example.com', '"a"b@example.com', '"a\u037eb"@example.com'),
        *("a>@example.com", "a@example.com>", "a@exam,ple.com", "a@-"),
        *("a,b@example.com", "<a@example.com>", "A <a@example.com>", "a(b)@example.com", "a\\@example.com"),
        *("a b@example.com", "a@exam ple.com", "a@example.com b@example.com", "a\r\n@example.com"),
        *("a@xn--a.com", "a@xn--.com", "a@xn---bbk.com", "a@xn--zzzzz-.com", "a@\xfc..com", "a@\u2488com.com"),
        *("a" * 65 + "@example.com", "\xe9" * 33 + "@example.com", "a@" + "x" * 64 + ".com"),
        *("a@" + "x." * 127 + "com", "a" * 64 + "@" + ("x" * 62 + ".") * 3 + "com", "a@" + "\xfc" * 62 + ".com"),
        "\u023a" * 32 + "@example.com",  # its key would be too long
    ],
)  # fmt: skip
def test_what_is_none_is_refused_without_being_repeated(written: str) -> None:
    with pytest.raises(AddressInvalid, match=r"^not an address: ") as refusal:
        normal_address(written)
    assert len(written) < 4 or written not in str(refusal.value)
    assert refusal.value.__cause__ is None


UNSEEN = (
    "\0\x01\x1b\x7f\x80\x85\x9f\xad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d"
    "\u202e\u2060\u2061\u2066\u2067\u2068\u2069\u3164\ufe0f\ufeff\ufffc\U000e0061\ud800"
)


@pytest.mark.parametrize("letter", UNSEEN, ids=ascii)
@pytest.mark.parametrize(
    "shape", ["a{}b@example.com", "ab@exam{}ple.com", "a{}\xe9@example.com", '"a{}."@example.com']
)
def test_nothing_that_nobody_sees_is_inside(letter: str, shape: str) -> None:
    with pytest.raises(AddressInvalid):
        normal_address(shape.format(letter))


@pytest.mark.parametrize("letter", [one for one in UNSEEN if one not in addresses.AROUND], ids=ascii)
def test_what_turns_text_round_or_joins_it_is_no_white_space_either(letter: str) -> None:
    with pytest.raises(AddressInvalid):
        normal_address(f"a@example.com{letter}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bob@example.com", "bob@EXAMPLE.com"),
        ('"bob"@example.com', "bob@example.com"),
        ("bob@B\xdcCHER.example", "bob@xn--bcher-kva.example"),
        ("J\xd6RG@example.com", "jo\u0308rg@example.com"),
        ("J\u030can@example.com", "\u01f0an@example.com"),
        ("\ufeffbob@example.com", "bob@example\uff0ecom "),
    ],
)
def test_two_spellings_are_one_person(one: str, other: str) -> None:
    assert address_key(one) == address_key(other)


@given(hostile.addresses)
def test_what_is_normal_stays_and_its_key_is_an_address_with_the_same_key(written: str) -> None:
    try:
        normal = normal_address(written)
    except AddressInvalid:
        assume(False)
    key = address_key(written)
    assert normal_address(normal) == normal
    assert address_key(normal) == key_of_normal(normal) == address_key(key) == key


@given(hostile.addresses)
def test_an_address_breaks_no_command_no_header_and_no_limit(written: str) -> None:
    try:
        normal = normal_address(written)
    except AddressInvalid:
        assume(False)
    name, _, domain = normal.rpartition("@")
    assert SAFE.fullmatch(normal)
    assert not {unicodedata.category(letter) for letter in normal} & {"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"}
    assert (len(normal.encode()), len(name.encode()), len(domain)) <= (254, 64, 253)
    assert all(1 <= len(label) <= 63 for label in domain.split("."))
    assert "." in domain


def _joined(parts: st.SearchStrategy[str], between: str, least: int, most: int) -> st.SearchStrategy[str]:
    return st.lists(parts, min_size=least, max_size=most).map(between.join)


# What `addresses.ORDINARY` describes, made quickly.
_atoms = st.text(string.ascii_letters + string.digits + "!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=12)
_labels = _joined(st.text(string.ascii_letters + string.digits, min_size=1, max_size=6), "-", 1, 3)
ordinary = st.tuples(
    _joined(_atoms, ".", 1, 3),
    _joined(_labels, ".", 1, 3),
    st.text(string.ascii_letters, min_size=2, max_size=8),
).map(lambda it: f"{it[0]}@{it[1]}.{it[2]}")


@given(ordinary)
def test_an_ordinary_address_is_the_same_when_it_is_looked_at_closely(written: str) -> None:
    assert re.fullmatch(addresses.ORDINARY, written)
    assume(len(written) <= addresses.SHORT)
    at_once = normal_address(written)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(addresses, "SHORT", 0)
        assert normal_address(written) == at_once
