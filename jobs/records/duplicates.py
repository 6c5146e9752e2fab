"""Who is there twice, in any number of records: digests of the address keys lie on disk, memory stays flat.

DuckDB compares them: 24 bytes a record in a file of its own, with a bound on what it holds in memory. Two different
keys have the same 128 bits once in 10^20 extractions of ten million.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

# Of DuckDB's; what does not fit lies beside the file. Records that are compared at once must fit.
MEMORY = "40MB"
TOGETHER = 1_000_000
# Keys that are put there at once, and positions that are told at once.
PUT, TOLD = 50_000, 100_000

STORE = "INSERT INTO seen SELECT hash(key), hash('#' || key), $start + position FROM added"
# By a part of the hash: whoever is there twice is so in one part.
COMPARE = """
INSERT INTO double
WITH these AS NOT MATERIALIZED (SELECT * FROM seen WHERE a % $parts::UBIGINT = $part::UBIGINT),
    again AS (SELECT a, b, min(position) AS first FROM these GROUP BY a, b HAVING count(*) > 1)
SELECT position FROM these JOIN again USING (a, b) WHERE position > first
"""
TELL = "SELECT position FROM double ORDER BY position"


def numbers(begins: int, ends: int) -> pa.Array:
    """The numbers from the first up to the last, which is not among them (int64)."""
    return pc.add(pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), ends - begins)), begins - 1)


def unlike_the_one_before(keys: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Where a key differs from the one before it, as booleans; None if all do.

    People who are there twice are often neighbours, as a join makes them: who is dropped here costs nothing later.
    """
    if not len(keys):
        return None
    other = pc.not_equal(keys.slice(1), keys.slice(0, len(keys) - 1))
    if pc.all(other, min_count=0).as_py():
        return None
    return pa.chunked_array(
        [pa.array([True]), *(other.chunks if isinstance(other, pa.ChunkedArray) else [other])]
    )


class Seen:
    """The keys of one extraction, in the order of its records. `folder` is its own, and empty."""

    def __init__(self, folder: Path) -> None:
        self._database = duckdb.connect(
            folder / "seen.duckdb",
            config={
                "memory_limit": MEMORY,
                "threads": "1",
                "preserve_insertion_order": "false",
                "temp_directory": str(folder),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        self._database.execute("CREATE TABLE seen (a UBIGINT, b UBIGINT, position UBIGINT)")
        self._database.execute("CREATE TABLE double (position UBIGINT)")
        self._held: list[pa.ChunkedArray] = []
        self._waiting = 0
        self._stored = 0

    def add(self, keys: pa.ChunkedArray) -> None:
        """Those of the next records."""
        self._held.append(keys)
        self._waiting += len(keys)
        if self._waiting >= PUT:
            self._store()

    def again(self) -> Iterator[pa.Array]:
        """Positions of records whose key stood before them, counted from 0, rising; in pieces."""
        self._store()
        parts = self._stored // TOGETHER + 1
        for part in range(parts):
            self._database.execute(COMPARE, {"parts": parts, "part": part})
        for batch in self._database.sql(TELL).to_arrow_reader(TOLD):
            yield batch.column(0)

    def interrupt(self) -> None:
        """End what it is at, from any thread: `duckdb.InterruptException`."""
        self._database.interrupt()

    def close(self) -> None:
        self._database.close()

    def _store(self) -> None:
        if not self._waiting:
            return
        keys = pa.chunked_array([piece for held in self._held for piece in held.iterchunks()], pa.string())
        added = pa.table({"key": keys, "position": numbers(0, len(keys))})
        with_added = self._database.cursor()
        with_added.register("added", added)
        with_added.execute(STORE, {"start": self._stored})
        with_added.close()
        self._stored += self._waiting
        self._held, self._waiting = [], 0
