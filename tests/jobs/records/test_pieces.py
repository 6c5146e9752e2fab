"""Columns that change in few places: what Arrow makes of them, whichever way is taken."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.records import pieces

ROWS = st.lists(st.tuples(st.none() | st.text(max_size=3), st.booleans()), max_size=12)
# So that pieces are copied always, sometimes and never.
WAYS = st.sampled_from([0, 4, 1_000])


@settings(deadline=None)
@given(ROWS, WAYS, st.data())
def test_texts_stand_where_they_belong(
    rows: list[tuple[str | None, bool]], way: int, data: st.DataObject
) -> None:
    count = sum(there for _, there in rows)
    texts = data.draw(st.lists(st.none() | st.text(max_size=3), min_size=count, max_size=count))
    column, mask = (
        pa.array([text for text, _ in rows], pa.string()),
        pa.array([there for _, there in rows], pa.bool_()),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "ROWS", way)
        found = pieces.replaced(column, mask, pa.array(texts, pa.string()))
    left = iter(texts)
    assert found.to_pylist() == [next(left) if there else text for text, there in rows]


@settings(deadline=None)
@given(ROWS, WAYS)
def test_rows_stay_in_their_order(rows: list[tuple[str | None, bool]], way: int) -> None:
    table = pa.table(
        {
            "n": pa.array(range(len(rows)), pa.int64()),
            "text": pa.array([text for text, _ in rows], pa.string()),
        }
    )
    mask = pa.chunked_array([pa.array([there for _, there in rows], pa.bool_())])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "ROWS", way)
        found = pieces.filtered(table, mask)
    assert found.schema == table.schema
    assert found.column("n").num_chunks <= 1
    assert list(zip(found["n"].to_pylist(), found["text"].to_pylist(), strict=True)) == [
        (number, text) for number, (text, there) in enumerate(rows) if there
    ]
