"""Columns of addresses: what is said of each is what is said of it alone."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from accelerator import protocol
from jobs.records import addresses
from tests import hostile

MIXED = [
    "Ann@Example.com",
    "none",
    "ben@example.com",
    "\ufeffZo\xeb@B\xfccher.example ",
    '"c..d"@X.com',
    "a..b@x.com",
]


def alone(written: str) -> tuple[str | None, str | None]:
    try:
        return protocol.normal_address(written), protocol.address_key(written)
    except protocol.AddressInvalid:
        return None, None


def together(written: list[str]) -> list[tuple[str | None, str | None]]:
    column = pa.chunked_array([pa.array(written, pa.string())])
    normal, keys = addresses.normal_and_keys(addresses.trimmed(column))
    return list(zip(normal.to_pylist(), keys.to_pylist(), strict=True))


def test_each_stays_in_its_place() -> None:
    assert together(MIXED) == [
        ("Ann@example.com", "ann@example.com"),
        (None, None),
        ("ben@example.com", "ben@example.com"),
        ("Zo\xeb@xn--bcher-kva.example", "zo\xeb@xn--bcher-kva.example"),
        ('"c..d"@x.com', '"c..d"@x.com'),
        (None, None),
    ]


def test_none_and_several_chunks_are_fine() -> None:
    assert together([]) == []
    column = pa.chunked_array([[one] for one in MIXED])
    normal, keys = addresses.normal_and_keys(addresses.trimmed(column))
    assert list(zip(normal.to_pylist(), keys.to_pylist(), strict=True)) == together(MIXED)


@given(st.lists(hostile.addresses | st.sampled_from(MIXED), max_size=20))
def test_columns_and_single_addresses_agree(written: list[str]) -> None:
    assert together(written) == [alone(one) for one in written]
