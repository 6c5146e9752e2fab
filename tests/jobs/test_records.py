"""From rows to records: what is dropped, and by which reason."""

import pyarrow as pa
import pytest

from accelerator import protocol
from jobs.records import Cleaner


def cleaned(*emails: str | None, ids: list[object] | None = None) -> tuple[list[str], Cleaner]:
    cleaner = Cleaner("id", "email")
    table = pa.table({"id": ids or list(range(len(emails))), "email": pa.array(emails, pa.string())})
    return cleaner.clean(table)["email"].to_pylist(), cleaner


def test_addresses_are_trimmed() -> None:
    assert cleaned(" ann@example.com\t")[0] == ["ann@example.com"]


def test_the_same_person_in_other_spellings_is_a_duplicate() -> None:
    kept, cleaner = cleaned(
        "ann@example.com",
        "ANN@Example.com",
        " ann@example.com",
        "ann@bücher.example",
        "ann@xn--bcher-kva.example",
    )
    assert kept == ["ann@example.com", "ann@bücher.example"]
    assert cleaner.duplicate == 3


def test_duplicates_are_found_across_batches() -> None:
    cleaner = Cleaner("id", "email")
    batch = pa.table({"id": [1], "email": ["ann@example.com"]})
    assert cleaner.clean(batch).num_rows == 1
    assert cleaner.clean(batch).num_rows == 0


def test_rows_without_address_or_id_are_missing() -> None:
    kept, cleaner = cleaned(
        None, "", "  ", "ann@example.com", "ben@example.com", ids=["1", "2", "3", None, "5"]
    )
    assert kept == ["ben@example.com"]
    assert cleaner.missing == 4


@pytest.mark.parametrize(
    "address",
    [
        "no-at.example.com",
        "two@@example.com",
        "a b@example.com",
        "ann@example",
        "ann@",
        "@example.com",
        "ann@exa_mple.com",
        "ann@example.com\r\nBcc: all@example.com",
        "Ann <ann@example.com>",
        "ann@example.com,ben@example.com",
        "ann@-.\u00ad.com",
        "x" * 250 + "@example.com",
        "ann@example.com.",
        "ann@example.com\u3002",
        "ann@example.com\uff0e",
        "ann@example.com\uff61",
    ],
)
def test_what_is_no_address_is_invalid(address: str) -> None:
    kept, cleaner = cleaned(address)
    assert kept == []
    assert cleaner.invalid == 1


def test_every_kept_address_has_a_key_that_the_cloud_computes_too() -> None:
    kept, _ = cleaned("Ann@Example.com", "почта@пример.рф", "用户@例え.jp", "o'hara+x@example.co.uk")
    assert len({protocol.address_key(address) for address in kept}) == len(kept) == 4


def test_an_empty_batch_passes() -> None:
    assert cleaned()[0] == []
