"""From the Audience's rows to records: addresses checked and normalised, rows without one and duplicates dropped.

Works on columns; only addresses that are not plain ASCII are looked at one by one.
"""

import hashlib
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from accelerator import protocol

# A cheap check, not RFC 5322: something that mail can be tried with. No spaces, no control characters, no comments.
BARRED = r'\s@"(),:;<>\[\]\\\x00-\x1f\x7f'
PLAUSIBLE = rf"^[^{BARRED}]{{1,64}}@[^{BARRED}_]+\.[^{BARRED}_.]{{2,}}$"
LONGEST = 254  # RFC 5321, section 4.5.3.1.3


@dataclass
class Cleaner:
    """Cleans one extraction's tables in turn, and counts what it drops by reason.

    The digests of the addresses seen are held in memory: about 100 bytes a record.
    """

    recipient_id_column: str
    email_column: str
    missing: int = 0
    invalid: int = 0
    duplicate: int = 0
    _seen: set[bytes] = field(default_factory=set)

    def clean(self, table: pa.Table) -> pa.Table:
        """The records of a table: addresses trimmed, recipient ids as text, other columns as they came."""
        address = pc.utf8_trim_whitespace(pc.cast(table[self.email_column], pa.string()))
        recipient = pc.cast(table[self.recipient_id_column], pa.string())
        present = pc.and_(_filled(address), _filled(recipient))
        self.missing += _count_false(present)
        table = _replace(_replace(table, self.email_column, address), self.recipient_id_column, recipient)
        table = table.filter(present)

        plausible = _plausible(table[self.email_column])
        self.invalid += _count_false(plausible)
        table = table.filter(plausible)

        first = pa.array([self._first(key) for key in _keys(table[self.email_column])], pa.bool_())
        self.duplicate += _count_false(first)
        return table.filter(first)

    def _first(self, key: str) -> bool:
        digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
        if digest in self._seen:
            return False
        self._seen.add(digest)
        return True


def _filled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.not_equal(column, ""), fill_value=False)


def _plausible(addresses: pa.ChunkedArray) -> pa.ChunkedArray:
    short = pc.less_equal(pc.binary_length(addresses), LONGEST)
    fits = pc.and_(pc.match_substring_regex(addresses, PLAUSIBLE), short)
    if pc.all(pc.string_is_ascii(addresses), min_count=0).as_py():
        return fits
    verdicts = [
        ok and (text.isascii() or _has_key(text))
        for ok, text in zip(fits.to_pylist(), addresses.to_pylist(), strict=True)
    ]
    return pa.chunked_array([pa.array(verdicts, pa.bool_())])


def _has_key(address: str) -> bool:
    try:
        protocol.address_key(address)
    except protocol.AddressInvalid:
        return False
    return True


def _keys(addresses: pa.ChunkedArray) -> list[str]:
    """The address keys of `protocol.address_key`: for ASCII its lower case."""
    return [text.lower() if text.isascii() else protocol.address_key(text) for text in addresses.to_pylist()]


def _count_false(mask: pa.ChunkedArray | pa.Array) -> int:
    return len(mask) - int(pc.sum(pc.cast(mask, pa.int64())).as_py() or 0)


def _replace(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)
