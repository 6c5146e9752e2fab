"""What stands in a batch, as a Template has it."""

import struct
from decimal import Decimal

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from accelerator import protocol

SINGLES = st.floats(width=32, allow_nan=False)


@given(st.lists(SINGLES | st.none()))
def test_a_number_of_single_precision_is_the_shortest_that_is_the_same_there(
    values: list[float | None],
) -> None:
    table = pa.table({"x": pa.array(values, pa.float32())})
    found = [row["x"] for row in protocol.rows(table)]
    assert [single(value) for value in found] == values
    assert all(not isinstance(value, float) or digits(value) <= 9 for value in found)


@given(st.lists(st.integers(-9_999_999, 9_999_999)), st.integers(0, 4))
def test_what_was_written_with_few_digits_is_written_with_them_again(numbers: list[int], places: int) -> None:
    values = [number / 10**places for number in numbers]
    table = pa.table({"x": pa.array(values, pa.float32())})
    assert [row["x"] for row in protocol.rows(table)] == values


def digits(value: float) -> int:
    """As many as it is written with, without the zeros at its ends."""
    return len(Decimal(repr(value)).normalize().as_tuple().digits)


def single(value: object) -> float | None:
    """The number of single precision that is nearest."""
    return struct.unpack("f", struct.pack("f", value))[0] if isinstance(value, float) else None
