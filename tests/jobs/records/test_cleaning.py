"""Addresses: what is dropped and by which reason, and how the others are written."""

import datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator import protocol
from jobs.records.cleaning import Cleaned, Cleaner


def table(*emails: str | None, ids: list[object] | None = None) -> pa.Table:
    return pa.table({"id": ids or list(range(len(emails))), "email": pa.array(emails, pa.string())})


def cleaned(*emails: str | None, ids: list[object] | None = None) -> tuple[list[str], Cleaner]:
    cleaner = Cleaner("id", "email")
    return cleaner.clean(table(*emails, ids=ids)).records["email"].to_pylist(), cleaner


def test_addresses_are_trimmed() -> None:
    assert cleaned(" ann@example.com\t")[0] == ["ann@example.com"]


def test_a_domain_is_written_as_mail_has_it_and_a_name_as_it_came() -> None:
    kept, _ = cleaned(
        "Ann@Example.COM", "Ann@B\u00fccher.Example", "ben@example.com", "J\u00f6rg@Example.com"
    )
    assert kept == [
        "Ann@example.com",
        "Ann@xn--bcher-kva.example",
        "ben@example.com",
        "J\u00f6rg@example.com",
    ]


def test_the_same_person_in_other_spellings_has_one_key() -> None:
    found: Cleaned = Cleaner("id", "email").clean(
        table(" ann@b\u00fccher.example", "ANN@XN--BCHER-kva.Example", "ann@B\u00dcCHER.example\t")
    )
    assert set(found.keys.to_pylist()) == {"ann@xn--bcher-kva.example"}


def test_what_is_dropped_is_there_as_it_came_by_reason() -> None:
    found = Cleaner("id", "email").clean(table(" nonsense ", None, "ann@example.com", ids=[1, 2, 3]))
    told = {reason: rows.to_pylist() for reason, rows in found.dropped.items()}
    assert told == {"invalid": [{"id": "1", "email": "nonsense"}], "missing": [{"id": "2", "email": None}]}


def test_the_first_of_neighbours_stays() -> None:
    cleaner = Cleaner("id", "email")
    found = cleaner.clean(table("ben@example.com", "Ann@Example.com", "ann@example.com ", "ANN@example.COM"))
    assert found.records["id"].to_pylist() == ["0", "1"]
    assert found.keys.to_pylist() == ["ben@example.com", "ann@example.com"]
    assert found.dropped["duplicate"]["id"].to_pylist() == ["2", "3"]
    assert cleaner.duplicate == 2


def test_a_dropped_row_is_nobodys_first() -> None:
    cleaner = Cleaner("id", "email")
    emails = ["ann@example.com"] * 3 + [None, "ben@example.com", "ben@example.com"]
    found = cleaner.clean(table(*emails, ids=["1\0", None, "3", "4", " ", "6"]))
    assert found.records["id"].to_pylist() == ["3", "6"]
    assert {reason: rows["id"].to_pylist() for reason, rows in found.dropped.items()} == {
        "invalid": ["1\0"],
        "missing": [None, "4", " "],
    }
    assert (cleaner.missing, cleaner.invalid, cleaner.duplicate) == (3, 1, 0)


def test_an_id_is_kept_as_it_is_in_the_warehouse() -> None:
    found = Cleaner("id", "email").clean(table("ann@example.com", "ben@example.com", ids=[" 7 ", "A b\n"]))
    assert found.records["id"].to_pylist() == [" 7 ", "A b\n"]


def test_an_id_that_no_database_stores_is_invalid_and_listed_as_it_came() -> None:
    cleaner = Cleaner("id", "email")
    found = cleaner.clean(
        table("ann@example.com", "Ben@Example.com", "cat@example.com", ids=["1", "2\0", "3"])
    )
    assert found.records["id"].to_pylist() == ["1", "3"]
    assert found.keys.to_pylist() == ["ann@example.com", "cat@example.com"]
    assert found.dropped["invalid"].to_pylist() == [{"id": "2\0", "email": "Ben@Example.com"}]
    assert (cleaner.missing, cleaner.invalid) == (0, 1)


@pytest.mark.parametrize("blank", ["", " ", "\t\r\n", "\u3000\xa0", "\ufeff"])
def test_an_id_of_nothing_but_white_space_is_missing(blank: str) -> None:
    kept, cleaner = cleaned("ann@example.com", "ben@example.com", ids=[blank, "2"])
    assert kept == ["ben@example.com"]
    assert (cleaner.missing, cleaner.invalid) == (1, 0)


@pytest.mark.parametrize(
    "ids",
    [
        pa.array([None, "b"], pa.string()),
        pa.array([None, "b"], pa.large_string()),
        pa.array([None, b"b"], pa.binary()),
        pa.array([None, 2], pa.int64()),
        pa.array([None, 2.5], pa.float64()),
        pa.array([None, Decimal("2.5")], pa.decimal128(4, 2)),
        pa.array([None, datetime.date(2026, 1, 2)], pa.date32()),
        pa.array([None, "b"], pa.string()).dictionary_encode(),
    ],
    ids=lambda ids: str(ids.type),
)
def test_a_row_without_an_id_is_missing_if_all_else_is_clean(ids: pa.Array) -> None:
    cleaner = Cleaner("id", "email")
    found = cleaner.clean(pa.table({"id": ids, "email": ["ann@example.com", "ben@example.com"]}))
    assert found.records["email"].to_pylist() == found.keys.to_pylist() == ["ben@example.com"]
    assert found.records["id"].null_count == 0
    assert (cleaner.missing, cleaner.invalid, cleaner.duplicate) == (1, 0, 0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "", " ", "1", "2", "3\0"]),
            st.sampled_from([None, "", "ann@b.example", "ANN@b.example", "ben@b.example", "nonsense"]),
        ),
        max_size=6,
    )
)
def test_each_row_is_a_record_or_dropped_for_one_reason(rows: list[tuple[str | None, str | None]]) -> None:
    columns = {"id": [row[0] for row in rows], "email": [row[1] for row in rows]}
    cleaner = Cleaner("id", "email")
    found = cleaner.clean(pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()}))
    expected: list[str] = []
    counts = {"missing": 0, "invalid": 0, "duplicate": 0}
    before = None
    for identity, email in rows:
        key = None
        if not (identity or "").strip() or not email:
            counts["missing"] += 1
        elif "\0" in (identity or "") or "@" not in email:
            counts["invalid"] += 1
        else:
            key = email.lower()
            if key == before:
                counts["duplicate"] += 1
            else:
                expected.append(key)
        before = key
    assert (
        found.keys.to_pylist() == expected == [email.lower() for email in found.records["email"].to_pylist()]
    )
    assert {why: table.num_rows for why, table in found.dropped.items()} == {
        why: count for why, count in counts.items() if count
    }
    assert {"missing": cleaner.missing, "invalid": cleaner.invalid, "duplicate": cleaner.duplicate} == counts


def test_rows_without_address_or_id_are_missing() -> None:
    kept, cleaner = cleaned(
        *(None, "", "  ", "\ufeff", "ann@example.com", "ben@example.com"), ids=["1", "2", "3", "4", None, "6"]
    )
    assert kept == ["ben@example.com"]
    assert cleaner.missing == 5


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


@given(
    st.lists(st.emails() | st.text(max_size=12) | st.sampled_from(["\u0416@\u0446.\u0440\u0444", "a@b.cd"]))
)
def test_keys_are_those_of_the_cloud_whatever_came(emails: list[str]) -> None:
    found = Cleaner("id", "email").clean(table(*emails))
    kept = found.records["email"].to_pylist()
    assert found.keys.to_pylist() == [protocol.address_key(address) for address in kept]
    assert [protocol.normal_address(address) for address in kept] == kept
    assert len(kept) + sum(rows.num_rows for rows in found.dropped.values()) == len(emails)


def test_an_empty_batch_passes() -> None:
    assert cleaned()[0] == []


def test_one_column_may_be_both_id_and_address() -> None:
    table = pa.table({"email": [" ann@example.com", "Bob@EXAMPLE.com ", None, "none"]})
    cleaner = Cleaner("email", "email")
    assert cleaner.clean(table).records["email"].to_pylist() == ["ann@example.com", "Bob@example.com"]
    assert (cleaner.missing, cleaner.invalid) == (1, 1)
