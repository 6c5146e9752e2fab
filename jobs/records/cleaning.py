"""Rows without an address or a recipient id, or with an invalid one, set apart with the reason; addresses normalised.

What an address is says `accelerator.protocol`; a recipient id is what the Warehouse has, as text, spaces and all. One
of nothing but white space is none, and one with a NUL is invalid: no database stores it.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from jobs.records import addresses
from jobs.records.duplicates import unlike_the_one_before

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
        recipient = pc.cast(table[self.recipient_id_column], pa.string())
        # In this order: one column may be both, and is an address then.
        table = _replace(_replace(table, self.recipient_id_column, recipient), self.email_column, address)

        present = pc.and_(_filled(address), _filled(addresses.trimmed(recipient)))
        table, without = _parted(table, present)
        normal, keys = addresses.normal_and_keys(table[self.email_column])
        good = pc.and_(
            normal.is_valid(), pc.invert(pc.match_substring(table[self.recipient_id_column], "\0"))
        )
        table, spoilt = _parted(table, good)
        if spoilt.num_rows:
            normal, keys = normal.filter(good), keys.filter(good)
        table = _replace(table, self.email_column, normal)
        self.missing += without.num_rows
        self.invalid += spoilt.num_rows
        dropped = {MISSING: without, INVALID: spoilt}
        fresh = unlike_the_one_before(keys)
        if fresh is not None:
            table, dropped[DUPLICATE] = _parted(table, fresh)
            keys = keys.filter(fresh)
            self.duplicate += dropped[DUPLICATE].num_rows
        return Cleaned(table, keys, {why: rows for why, rows in dropped.items() if rows.num_rows})


def _filled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.not_equal(column, ""), fill_value=False)


def _parted(table: pa.Table, good: pa.ChunkedArray) -> tuple[pa.Table, pa.Table]:
    """Those rows, and the others."""
    if pc.all(good, min_count=0).as_py():
        return table, table.slice(0, 0)
    return table.filter(good), table.filter(pc.invert(good))


def _replace(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)
