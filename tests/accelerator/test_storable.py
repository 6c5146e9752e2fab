import json
import math

from accelerator import storable


def test_text_loses_what_postgresql_and_pages_refuse() -> None:
    assert storable.text("a\0b\x1b\x7f\x85\ud800c\r\n\td") == "abc\n\td"


def test_text_of_every_script_stays() -> None:
    for kept in ("höron", "שלום", "👩\u200d💻", "été"):
        assert storable.text(kept) == kept


def test_a_document_becomes_strict_json() -> None:
    value = {"a\0": [math.nan, math.inf, -math.inf, 1.5, None, True], "b": {"c": "d\0"}}
    found = storable.document(value)
    assert found == {"a": ["NaN", "inf", "-inf", 1.5, None, True], "b": {"c": "d"}}
    json.dumps(found, allow_nan=False)
