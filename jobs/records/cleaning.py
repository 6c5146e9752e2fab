"""Rows without an address or a recipient id, or with an invalid one, set apart with the reason; addresses normalised.

What an address is says `accelerator.protocol`; a recipient id is what the Warehouse has, as text, spaces and all. One
of nothing but white space is none, and one with a NUL is invalid: no database stores it.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from jobs.records import addresses, pieces
from jobs.records.duplicates import like_the_one_before

# A column of our own, under a name that no warehouse can give one.
KEY = "\0key"
MISSING, INVALID, DUPLICATE = "missing", "invalid", "duplicate"


@dataclass(frozen=True)
class Cleaned:
    """What became of a table: its records, their address keys, and what was dropped, by reason.

    What is dropped is as it came, trimmed; but a duplicate has its address as mail has it, like the record it repeats.
    """

    records: pa.Table
    keys: pa.ChunkedArray
    dropped: dict[str, pa.Table]


@dataclass
class Cleaner:
    """Cleans one extraction's tables in turn, and counts what it drops by reason."""

    recipient_id_column: str
    email_column: str
    missing: int = 0
    invalid: int = 0
    duplicate: int = 0  # of the record right before; `duplicates.Seen` finds the others

    def clean(self, table: pa.Table) -> Cleaned:
        """Addresses as mail has them; recipient ids as text; other columns as they came."""
        address = addresses.trimmed(pc.cast(table[self.email_column], pa.string()))
        recipient, named, whole = _ids(table[self.recipient_id_column])
        # In this order: one column may be both, and is an address then.
        table = _replace(_replace(table, self.recipient_id_column, recipient), self.email_column, address)

        present = pc.and_(_filled(address), named)
        normal, keys = addresses.normal_and_keys(_where(present, address))
        good = pc.and_(normal.is_valid(), whole)
        again = like_the_one_before(_where(good, keys))
        kept = pc.and_not(good, again)
        records = _replace(table, self.email_column, normal)
        dropped = {
            MISSING: _only(table, pc.invert(present)),
            INVALID: _only(table, pc.and_not(present, good)),
            DUPLICATE: _only(records, again),
        }
        self.missing += dropped[MISSING].num_rows
        self.invalid += dropped[INVALID].num_rows
        self.duplicate += dropped[DUPLICATE].num_rows
        if not _all(kept):
            records = pieces.filtered(records.append_column(KEY, keys), kept)
            records, keys = records.drop_columns(KEY), records[KEY]
        return Cleaned(records, keys, {why: rows for why, rows in dropped.items() if rows.num_rows})


def _ids(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray, pa.ChunkedArray]:
    """Recipient ids as text, where there is one, and where it is one that can be stored."""
    text = pc.cast(column, pa.string())
    if pa.types.is_integer(column.type):
        there = column.is_valid()
        return text, there, there
    whole = pc.fill_null(pc.invert(pc.match_substring(text, "\0")), fill_value=False)
    return text, _filled(addresses.trimmed(text)), whole


def _filled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.not_equal(column, ""), fill_value=False)


def _all(mask: pa.ChunkedArray) -> bool:
    """Whether it is true everywhere: null is not."""
    found: bool = mask.null_count == 0 and pc.all(mask, min_count=0).as_py()
    return found


def _where(mask: pa.ChunkedArray, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column, with null elsewhere."""
    return column if _all(mask) else pc.if_else(mask, column, None)


def _only(table: pa.Table, mask: pa.ChunkedArray) -> pa.Table:
    return table.filter(mask) if pc.any(mask, min_count=0).as_py() else table.slice(0, 0)


def _replace(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)
