"""Records that the Template is tried with: the first, the last, some by chance, and some with NULLs."""

import random

import pyarrow as pa
import pyarrow.compute as pc

# A column of our own, under a name that no warehouse can give one.
POSITION = "\0position"
# Records of each sort; of those with NULLs one for each column.
FIRST, LAST, RANDOM = 20, 20, 40


class Sample:
    """Looks at each table of an extraction in turn, and keeps copies of a few records."""

    def __init__(self) -> None:
        self._seen = 0
        self._first: list[pa.Table] = []
        self._last: list[pa.Table] = []
        self._random: list[pa.Table] = []
        self._nulls: dict[str, pa.Table] = {}
        self._chance = random.Random()  # noqa: S311 - no secret

    def look(self, table: pa.Table) -> None:
        """Take what is needed of it."""
        if not table.num_rows:
            return
        if self._seen < FIRST:
            self._first.append(self._copy(table, range(min(FIRST - self._seen, table.num_rows))))
        self._keep_last(table)
        self._keep_some(table)
        for name in table.column_names:
            if name not in self._nulls and table[name].null_count:
                row = pc.index(pc.is_null(table[name]), pa.scalar(value=True)).as_py()
                self._nulls[name] = self._copy(table, [row])
        self._seen += table.num_rows

    def records(self, dropped: pa.BooleanArray) -> pa.Table:
        """Each of them, some maybe twice, but nobody who is dropped: of all that were looked at, in their order."""
        whole = pa.concat_tables([*self._first, *self._nulls.values(), *self._random, *self._last])
        return whole.filter(pc.invert(dropped.take(whole[POSITION].combine_chunks()))).drop_columns(POSITION)

    def _keep_last(self, table: pa.Table) -> None:
        self._last.append(self._copy(table, range(max(0, table.num_rows - LAST), table.num_rows)))
        while sum(kept.num_rows for kept in self._last[1:]) >= LAST:
            del self._last[0]

    def _keep_some(self, table: pa.Table) -> None:
        """Each place holds any of the records seen so far with the same chance."""
        share = table.num_rows / (self._seen + table.num_rows)
        for place in range(RANDOM):
            if self._chance.random() < share:
                taken = self._copy(table, [self._chance.randrange(table.num_rows)])
                self._random[place : place + 1] = [taken]

    def _copy(self, table: pa.Table, rows: "range | list[int]") -> pa.Table:
        """A slice would keep the whole table."""
        positions = pa.array([self._seen + row for row in rows], pa.int64())
        return table.take(pa.array(rows, pa.int64())).append_column(POSITION, positions)
