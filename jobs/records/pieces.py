"""Columns that change in a few places only: what lies between these is copied in whole pieces, which takes a fraction
of the time of looking at every row."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# As many rows as this for each place that changes, and pieces are faster than what Arrow does.
ROWS = 50


def replaced(column: pa.StringArray, mask: pa.BooleanArray, texts: pa.StringArray) -> pa.StringArray:
    """The column with these texts where the mask is true, in turn; it is nowhere null."""
    if not len(texts):
        return column
    places = pc.indices_nonzero(mask).to_numpy()
    if len(places) * ROWS > len(column):
        chosen = np.arange(len(column))
        chosen[places] = np.arange(len(column), len(column) + len(texts))
        return pa.concat_arrays([column, texts]).take(pa.array(chosen))
    pieces: list[pa.StringArray] = []
    for number, (begin, end) in enumerate(_between(places.tolist(), len(column))):
        pieces += [column.slice(begin, end - begin), texts.slice(number, 1)]
    return pa.concat_arrays(pieces)


def filtered(table: pa.Table, mask: pa.ChunkedArray) -> pa.Table:
    """The rows where the mask is true, in one chunk; it is nowhere null."""
    gone = pc.indices_nonzero(pc.invert(mask)).to_numpy()
    if len(gone) * ROWS > table.num_rows:
        return table.filter(mask)
    pieces = [table.slice(begin, end - begin) for begin, end in _between(gone.tolist(), table.num_rows)]
    return pa.concat_tables(pieces).combine_chunks()


def _between(places: Sequence[int], rows: int) -> list[tuple[int, int]]:
    """From where to where the rows lie that are none of these places: one more than there are places."""
    return list(zip([0, *(place + 1 for place in places)], [*places, rows], strict=True))
