"""What `protocol.normal_address` says of an address, said of whole columns: only addresses that are not ordinary are
looked at one by one."""

import pyarrow as pa
import pyarrow.compute as pc

from accelerator import protocol
from accelerator.protocol.addresses import AROUND, ORDINARY, SHORT

PATTERN = f"^(?:{ORDINARY})$"


def trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text without what stands around an address."""
    return pc.utf8_trim(column, characters=AROUND)


def normal_and_keys(addresses: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """The addresses as mail has them, and their keys; null where there is none. What comes is trimmed, and not null."""
    whole = addresses.combine_chunks()
    short = pc.less_equal(pc.binary_length(whole), SHORT)
    ordinary = pc.and_(short, pc.match_substring_regex(whole, PATTERN))
    keys = pc.ascii_lower(whole)
    normal = _with_low_domains(whole, pc.and_(ordinary, pc.not_equal(whole, keys)))
    if not pc.all(ordinary, min_count=0).as_py():
        rest = pc.invert(ordinary)
        found = pa.array([_normal(address) for address in whole.filter(rest).to_pylist()], pa.string())
        normal = pc.replace_with_mask(normal, rest, found)
        keys = pc.replace_with_mask(keys, rest, _keys(found))
    return pa.chunked_array([normal]), pa.chunked_array([keys])


def _with_low_domains(addresses: pa.StringArray, mixed: pa.BooleanArray) -> pa.StringArray:
    """Those of mixed case with their domain in lower case."""
    if not pc.any(mixed, min_count=0).as_py():
        return addresses
    parts = pc.split_pattern(addresses.filter(mixed), "@")
    domains = pc.ascii_lower(pc.list_element(parts, 1))
    return pc.replace_with_mask(
        addresses, mixed, pc.binary_join_element_wise(pc.list_element(parts, 0), domains, "@")
    )


def _normal(address: str) -> str | None:
    try:
        return protocol.normal_address(address)
    except protocol.AddressInvalid:
        return None


def _keys(normal: pa.StringArray) -> pa.StringArray:
    keys = [address and protocol.key_of_normal(address) for address in normal.to_pylist()]
    return pa.array(keys, pa.string())
