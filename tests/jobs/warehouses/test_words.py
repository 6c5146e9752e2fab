"""What people call the types of columns."""

import pyarrow as pa
import pytest

from accelerator import protocol
from jobs.warehouses.words import word

CALLED = {
    "text": [
        *(pa.string(), pa.large_string(), pa.string_view(), pa.uuid()),
        pa.dictionary(pa.int8(), pa.string()),
    ],
    "whole number": [pa.int8(), pa.uint64(), pa.decimal128(38, 0), pa.dictionary(pa.int8(), pa.int64())],
    "decimal number": [pa.float16(), pa.float64(), pa.decimal128(10, 2), pa.decimal256(76, 38)],
    "true/false": [pa.bool_()],
    "date": [pa.date32(), pa.date64()],
    "date and time": [pa.timestamp("us"), pa.timestamp("ns", "UTC")],
    "time": [pa.time32("s"), pa.time64("us")],
    "duration": [pa.duration("us"), pa.month_day_nano_interval()],
    "list": [pa.list_(pa.int64()), pa.large_list(pa.string()), pa.list_(pa.int64(), 3)],
    "object": [pa.struct([("a", pa.string())]), pa.map_(pa.string(), pa.string())],
    "binary": [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(16)],
    "empty": [pa.null()],
}


@pytest.mark.parametrize(
    ("kind", "called"),
    [(kind, called) for called, kinds in CALLED.items() for kind in kinds],
    ids=str,
)
def test_a_type_has_a_word_that_people_know(kind: pa.DataType, called: str) -> None:
    assert word(pa.field("x", kind)) == called


def test_json_is_json_though_arrow_has_it_as_text() -> None:
    assert word(protocol.nested(pa.field("x", pa.string()))) == "JSON"
    assert word(pa.field("x", pa.json_())) == "JSON"


def test_decimals_are_numbers_though_they_come_as_text() -> None:
    assert word(protocol.decimals(pa.field("x", pa.string()))) == "decimal number"
