"""Addresses checked and normalised, rows without one set apart with the reason.

Works on columns; only addresses that are not plain ASCII are looked at one by one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from accelerator import protocol
from jobs.records.duplicates import unlike_the_one_before

# A cheap check, not RFC 5322: something that mail can be tried with. No spaces, no control characters, no comments.
BARRED = r'\s@"(),:;<>\[\]\\\x00-\x1f\x7f'
PLAUSIBLE = rf"^[^{BARRED}]{{1,64}}@[^{BARRED}_]+\.[^{BARRED}_.]{{2,}}$"
LONGEST = 254  # RFC 5321, section 4.5.3.1.3

MISSING, INVALID, DUPLICATE = "missing", "invalid", "duplicate"


@dataclass(frozen=True)
class Cleaned:
    """What became of a table: its records, their address keys, and what was dropped, by reason (as it came)."""

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
        """Addresses trimmed, their domains as mail has them; recipient ids as text; other columns as they came."""
        address = pc.utf8_trim_whitespace(pc.cast(table[self.email_column], pa.string()))
        recipient = pc.cast(table[self.recipient_id_column], pa.string())
        # In this order: one column may be both, and is an address then.
        table = _replace(_replace(table, self.recipient_id_column, recipient), self.email_column, address)

        present = pc.and_(_filled(address), _filled(recipient))
        table, without = _parted(table, present)
        table, spoilt = _parted(table, _plausible(table[self.email_column]))
        self.missing += without.num_rows
        self.invalid += spoilt.num_rows

        normal = _normal(table[self.email_column])
        table, keys = _replace(table, self.email_column, normal), _lower(normal)
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


def _plausible(addresses: pa.ChunkedArray) -> pa.ChunkedArray:
    short = pc.less_equal(pc.binary_length(addresses), LONGEST)
    fits = pc.and_(pc.match_substring_regex(addresses, PLAUSIBLE), short)
    return pc.and_(fits, _where_not_ascii(addresses, fits, _has_key))


def _has_key(address: str) -> bool:
    try:
        protocol.address_key(address)
    except protocol.AddressInvalid:
        return False
    return True


def _normal(addresses: pa.ChunkedArray) -> pa.ChunkedArray:
    """Each with its domain in A-labels and lower case (`protocol.normal_address`)."""
    if pc.all(pc.equal(pc.ascii_lower(addresses), addresses), min_count=0).as_py():
        lowered = addresses
    else:
        parts = pc.split_pattern(addresses, "@")
        domain = pc.ascii_lower(pc.list_element(parts, 1))
        lowered = pc.binary_join_element_wise(pc.list_element(parts, 0), domain, "@")
    return _where_not_ascii(addresses, lowered, protocol.normal_address)


def _lower(addresses: pa.ChunkedArray) -> pa.ChunkedArray:
    """The address keys of normal addresses (`protocol.address_key`)."""
    return _where_not_ascii(addresses, pc.ascii_lower(addresses), str.lower)


def _where_not_ascii(
    addresses: pa.ChunkedArray, found: pa.ChunkedArray, look: Callable[[str], object]
) -> pa.ChunkedArray:
    """What was found, but for addresses of other scripts, which are looked at one by one."""
    foreign = pc.invert(pc.string_is_ascii(addresses))
    if not pc.any(foreign, min_count=0).as_py():
        return found
    looked = [look(text) for text in addresses.filter(foreign).to_pylist()]
    mask = foreign.combine_chunks() if isinstance(foreign, pa.ChunkedArray) else foreign
    whole = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    return pa.chunked_array([pc.replace_with_mask(whole, mask, pa.array(looked, whole.type))])


def _replace(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)
