"""Records that the Template is tried with: the first, the last, some by chance, and some with NULLs."""

import random
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Positions = NDArray[np.int64]

# A column of our own, under a name that no warehouse can give one.
POSITION = "\0position"
# Records of each sort.
FIRST, LAST, RANDOM = 20, 20, 40
# Records with a NULL in a column, half of them the first and half by chance: whoever comes first may be dropped later.
# They are fewer where there are so many columns that these would be more for all of them together, but two at least.
NULLS, MOST_NULLS = 8, 400


class Sample:
    """Looks at each table of an extraction in turn, and keeps copies of a few records."""

    def __init__(self) -> None:
        self._seen = 0
        self._any = _Some(FIRST, RANDOM)
        self._nulls: dict[str, _Some] = {}
        self._kept: list[pa.Table] = []
        self._last: list[pa.Table] = []

    def look(self, table: pa.Table) -> None:
        """Take what is needed of it."""
        if not table.num_rows:
            return
        self._any.look(table.num_rows, lambda: self._seen + np.arange(table.num_rows))
        each = max(2, min(NULLS, MOST_NULLS // table.num_columns)) // 2
        for name, column in zip(table.column_names, table.columns, strict=True):
            if count := column.null_count:
                some = self._nulls.setdefault(name, _Some(each, each))
                some.look(count, partial(self._where_null, column))
        self._keep(table)
        self._keep_last(table)
        self._seen += table.num_rows

    def records(self, dropped: pa.BooleanArray) -> pa.Table:
        """Each of them, some maybe twice, but nobody who is dropped: of all that were looked at, in their order."""
        whole = pa.concat_tables([self._wanted(), *self._last])
        return whole.filter(pc.invert(dropped.take(whole[POSITION].combine_chunks()))).drop_columns(POSITION)

    def _where_null(self, column: pa.ChunkedArray) -> Positions:
        found: Positions = pc.indices_nonzero(pc.is_null(column)).to_numpy().astype(np.int64)
        return self._seen + found

    def _keep(self, table: pa.Table) -> None:
        """The records of the table that are wanted; those that are not wanted any more go, now and then."""
        wanted = self._positions()
        new = sorted(position - self._seen for position in wanted if position >= self._seen)
        if new:
            self._kept.append(self._copy(table, new))
            if sum(kept.num_rows for kept in self._kept) > 2 * len(wanted):
                self._kept = [self._wanted()]

    def _wanted(self) -> pa.Table:
        whole = pa.concat_tables(self._kept).combine_chunks()
        return whole.filter(pc.is_in(whole[POSITION], pa.array(self._positions(), pa.int64())))

    def _positions(self) -> set[int]:
        return set(self._any.positions).union(*(some.positions for some in self._nulls.values()))

    def _keep_last(self, table: pa.Table) -> None:
        self._last.append(self._copy(table, range(max(0, table.num_rows - LAST), table.num_rows)))
        while sum(kept.num_rows for kept in self._last[1:]) >= LAST:
            del self._last[0]

    def _copy(self, table: pa.Table, rows: "range | list[int]") -> pa.Table:
        """A slice would keep the whole table."""
        positions = pa.array([self._seen + row for row in rows], pa.int64())
        return table.take(pa.array(rows, pa.int64())).append_column(POSITION, positions)


class _Some:
    """Positions of the first records of a sort, and of some of the rest by chance (-1: of none)."""

    def __init__(self, first: int, chance: int) -> None:
        self._most, self._seen = first, 0
        self._first: list[int] = []
        self._chosen = [-1] * chance
        self._chance = random.Random()  # noqa: S311 - no secret

    @property
    def positions(self) -> list[int]:
        return self._first + self._chosen

    def look(self, count: int, find: Callable[[], Positions]) -> None:
        """So many more are of the sort; `find` says where they are, if that is asked."""
        missing = min(self._most - len(self._first), count)
        rest = count - missing
        self._seen += rest
        # Each place holds any of the rest with the same chance.
        places = [place for place in range(len(self._chosen)) if self._chance.random() * self._seen < rest]
        if not (missing or places):
            return
        found = find()
        self._first += found[:missing].tolist()
        for place in places:
            self._chosen[place] = int(found[missing + self._chance.randrange(rest)])
