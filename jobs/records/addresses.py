"""What `protocol.normal_address` says of an address, said of whole columns: only addresses that are not ordinary are
looked at one by one."""

import pyarrow as pa
import pyarrow.compute as pc

from accelerator import protocol
from accelerator.protocol.addresses import AROUND, ORDINARY, SHORT
from jobs.records import pieces

PATTERN = f"^(?:{ORDINARY})$"


def trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text without what stands around an address."""
    return pc.utf8_trim(column, characters=AROUND)


def normal_and_keys(addresses: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """The addresses as mail has them, and their keys; null where there is none. What comes is trimmed."""
    whole = addresses.combine_chunks()
    short = pc.less_equal(pc.binary_length(whole), SHORT)
    ordinary = pc.fill_null(pc.and_(short, pc.match_substring_regex(whole, PATTERN)), fill_value=False)
    keys = pc.ascii_lower(whole)
    mixed = pc.and_(ordinary, pc.not_equal(whole, keys))
    rest = pc.and_not(whole.is_valid(), ordinary)
    found = pa.array([_normal(address) for address in whole.filter(rest).to_pylist()], pa.string())
    low = _with_low_domains(whole.filter(mixed))
    changed = pc.or_(mixed, rest)
    texts = pc.replace_with_mask(whole.filter(changed), rest.filter(changed), found)
    texts = pc.replace_with_mask(texts, mixed.filter(changed), low)
    normal, keys = pieces.replaced(whole, changed, texts), pieces.replaced(keys, rest, _keys(found))
    return pa.chunked_array([normal]), pa.chunked_array([keys])


def _with_low_domains(addresses: pa.StringArray) -> pa.StringArray:
    parts = pc.split_pattern(addresses, "@")
    return pc.binary_join_element_wise(
        pc.list_element(parts, 0), pc.ascii_lower(pc.list_element(parts, 1)), "@"
    )


def _normal(address: str) -> str | None:
    try:
        return protocol.normal_address(address)
    except protocol.AddressInvalid:
        return None


def _keys(normal: pa.StringArray) -> pa.StringArray:
    keys = [address and protocol.key_of_normal(address) for address in normal.to_pylist()]
    return pa.array(keys, pa.string())
