"""Rows of a driver's that gives no Arrow, taken until they are enough for a record batch."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

# Of a record batch, and the first ones decide on the types of the columns. (Many more, and Python's collector looks
# through them again and again.)
MOST = 2_000
# Bytes of what is long in them, about; and seconds until rows are shown that come slowly.
BATCH, PROMPT = 2 << 20, 0.5

Row = Sequence[Any]


def taken(rows: Iterator[Row]) -> list[Row]:
    """The next rows, none at the end: fewer than MOST if they come slowly, or are long."""
    found: list[Row] = []
    size, until = 0, time.monotonic() + PROMPT
    for row in rows:
        found.append(row)
        for value in row:
            if value.__class__ is str or value.__class__ is bytes:
                size += len(value)
        if len(found) == MOST or size > BATCH or time.monotonic() > until:
            break
    return found
