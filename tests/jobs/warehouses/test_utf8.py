"""Text that is no UTF-8 is found wherever it stands in a batch, and its column is named."""

import datetime

import pyarrow as pa
import pytest

from jobs import warehouses
from jobs.warehouses import AudienceSqlError, utf8

GOOD, BAD = ["a", "ü€😀", None, ""], [b"a", b"f\xfc", None, b""]


def bad(kind: pa.DataType) -> pa.Array:
    """What a driver may hand over: Arrow looks at no byte of it."""
    return pa.array(BAD, pa.large_binary() if kind == pa.large_string() else pa.binary()).cast(
        kind, safe=False
    )


def columns(text: pa.Array) -> dict[str, pa.Array]:
    """The four texts at all the places where a column may hold them."""
    offsets = pa.array([0, 1, 2, 3, 4], pa.int32())
    struct = pa.StructArray.from_arrays([pa.array(range(4)), text], ["n", "text"])
    return {
        "alone": text,
        "list": pa.ListArray.from_arrays(offsets, text),
        "large_list": pa.LargeListArray.from_arrays(offsets.cast(pa.int64()), text),
        "fixed": pa.FixedSizeListArray.from_arrays(text, 1),
        "struct": struct,
        "list of structs": pa.ListArray.from_arrays(offsets, struct),
        "map": pa.MapArray.from_arrays(offsets, pa.array(range(4)), text),
        "dictionary": pa.DictionaryArray.from_arrays(pa.array(range(4), pa.int32()), text),
    }


TYPES = [pa.string(), pa.large_string(), pa.string_view()]
PLACES = list(columns(pa.array(GOOD)))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_it_is_found(kind: pa.DataType, place: str) -> None:
    batch = pa.record_batch({"n": pa.array(range(4)), "first_name": columns(bad(kind))[place]})
    with pytest.raises(AudienceSqlError, match=r'^The column "first_name" holds text .* leave it out\.$'):
        utf8.check(batch)
    with pytest.raises(AudienceSqlError, match=r"write first_name differently\.$"):
        utf8.check(pa.Table.from_batches([batch.slice(0, 1), batch]), "write {name} differently")


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_rows_that_are_cut_off_hurt_nobody(kind: pa.DataType) -> None:
    kept = {place: columns(bad(kind))[place] for place in PLACES if place not in {"map", "dictionary"}}
    utf8.check(pa.record_batch(kept).slice(2))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_other_text_passes(kind: pa.DataType, place: str) -> None:
    utf8.check(pa.record_batch({"x": columns(pa.array(GOOD, kind))[place]}))


def test_what_is_no_text_is_not_looked_at() -> None:
    midnight = pa.array([86_400_000_000], pa.int64()).view(
        pa.time64("us")
    )  # 24:00, which Arrow finds too late
    batch = pa.record_batch(
        {"t": midnight, "b": pa.array([b"\xfc"]), "d": pa.array([datetime.date(2026, 11, 26)])}
    )
    utf8.check(batch)


def test_rows_that_python_can_not_hold_are_told_from_times_that_it_can_not_hold() -> None:
    """The second line, for text that came past a connector."""
    for place in ("alone", "list of structs"):
        with pytest.raises(AudienceSqlError, match='"first_name" holds text that is not UTF-8'):
            warehouses.as_python(pa.record_batch({"first_name": columns(bad(pa.string()))[place]}))
    with pytest.raises(AudienceSqlError, match="a date or time that can't be read"):
        warehouses.as_python(pa.record_batch({"x": pa.array([1 << 62]).view(pa.timestamp("us"))}))
