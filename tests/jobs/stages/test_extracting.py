"""One pass over the Audience: each person once, whatever was dropped is listed, and what is frozen is exactly that."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from pytest_django.fixtures import Settings

from accelerator import protocol
from jobs import spool
from jobs.models import Job, LaunchValue
from jobs.states import Failure, State
from tests.jobs import cast
from tests.jobs.stages.conftest import run
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import Connection, postgresql

pytestmark = pytest.mark.django_db(transaction=True)


def spooled(job: Job) -> list[tuple[object, object]]:
    """Recipient ids and addresses, batch by batch, each as its digest says."""
    found: list[tuple[object, object]] = []
    for batch in job.batches.order_by("number"):
        data = spool.read(batch)
        assert (protocol.digest(data), len(data)) == (batch.sha256, batch.size)
        table = protocol.decode_batch(data)
        assert table.num_rows == batch.records
        found += zip(table["id"].to_pylist(), table["email"].to_pylist(), strict=True)
    return found


def files(job: Job, place: str = "") -> list[str]:
    folders, found = storages["spool"].listdir(f"{job.pk}/{place}".rstrip("/"))
    return sorted(found + [f"{folder}/{name}" for folder in folders for name in files(job, folder)])


def listed(job: Job) -> list[dict[str, str]]:
    with storages["spool"].open(job.dropped_file, "r") as file:
        return list(csv.DictReader(file))


def audience(path: Path, rows: Sequence[tuple[object, object]], alice: User, **changes: object) -> Job:
    return cast.job(cast.customers(path / "w.duckdb", [(*row, "A") for row in rows]), alice, **changes)


def test_the_later_record_of_each_person_is_dropped_from_whichever_batch_has_it(
    tmp_path: Path, alice: User, settings: Settings
) -> None:
    settings.BATCH_RECORDS = 3
    settings.AUDIENCE_MOST_INVALID = 1
    rows = [(n, f"p{n}@example.com") for n in range(1, 8)]
    rows[3:3] = [
        (11, "P1@Example.COM "),
        (12, "p2@example.com"),
        (13, "p1@EXAMPLE.com"),
    ]  # the whole second batch
    rows.append((14, "p7@example.com"))
    job = run(audience(tmp_path, rows, alice, sql="SELECT * FROM customers"), "initializing")
    assert job.state == State.PROCESSING
    assert spooled(job) == [(str(n), f"p{n}@example.com") for n in range(1, 8)]
    assert (job.extracted, job.dropped_duplicate, job.dropped) == (7, 4, 4)
    assert [batch.number for batch in job.batches.order_by("number")] == list(range(job.batches.count()))
    # Nothing but what is frozen lies there, and the list of what was dropped.
    assert files(job) == sorted(
        [Path(job.dropped_file).name]
        + [str(Path(batch.path).relative_to(str(job.pk))) for batch in job.batches.all()]
    )
    assert sorted(row["recipient_id"] for row in listed(job)) == ["11", "12", "13", "14"]


def test_every_dropped_row_is_listed_with_its_reason(tmp_path: Path, alice: User, settings: Settings) -> None:
    settings.AUDIENCE_MOST_INVALID = 0.5
    rows = [(1, "a@example.com"), (2, "A@example.com"), (3, None), (4, "x@y.example\r\nBcc: z@z.example")]
    job = run(audience(tmp_path, rows, alice), "initializing")
    assert [tuple(row.values())[:2] for row in listed(job)] == [
        ("missing", "3"),
        ("invalid", "4"),
        ("duplicate", "2"),
    ]
    assert (job.dropped_missing, job.dropped_invalid, job.dropped_duplicate) == (1, 1, 1)


def test_a_duplicate_is_listed_with_its_address_as_mail_has_it_wherever_it_was_found(
    tmp_path: Path, alice: User
) -> None:
    """Right behind the record that it repeats, or anywhere."""
    rows = [(1, "ann@example.com"), (2, " Ann@EXAMPLE.com"), (3, "ben@example.com"), (4, "ANN@Example.com ")]
    job = run(audience(tmp_path, rows, alice), "initializing")
    assert [tuple(row.values()) for row in listed(job)] == [
        ("duplicate", "2", "Ann@example.com"),
        ("duplicate", "4", "ANN@example.com"),
    ]


def test_an_id_that_no_database_stores_is_dropped_and_listed(
    tmp_path: Path, alice: User, settings: Settings
) -> None:
    settings.AUDIENCE_MOST_INVALID = 0.5
    sql = "SELECT CASE id WHEN 1 THEN '1' || chr(0) ELSE id::TEXT END AS id, email, first_name FROM customers"
    job = run(audience(tmp_path, [(1, "a@x.example"), (2, "b@x.example")], alice, sql=sql), "initializing")
    assert job.state == State.PROCESSING
    assert spooled(job) == [("2", "b@x.example")]
    assert [(row["reason"], row["recipient_id"]) for row in listed(job)] == [("invalid", "1\ufffd")]


@pytest.mark.parametrize("value", ["[1, 2]", "{'a': 1}", "'a'::BLOB"])
def test_an_id_that_is_no_text_fails_the_job_with_what_helps(tmp_path: Path, alice: User, value: str) -> None:
    sql = f"SELECT {value} AS id, email, first_name FROM customers"
    job = run(audience(tmp_path, [(1, "a@x.example")], alice, sql=sql), "initializing")
    assert (job.state, job.failure) == (State.FAILED, Failure.AUDIENCE_SQL)
    assert 'The recipient-id column "id" is of the type ' in job.failure_sentence
    assert "cast it to text in the SQL." in job.failure_sentence


def test_nothing_dropped_is_no_list(job: Job) -> None:
    assert run(job, "initializing").dropped_file == ""


def test_too_large_a_share_of_invalid_addresses_fails_the_job_and_keeps_the_list(
    tmp_path: Path, alice: User, settings: Settings
) -> None:
    rows = [(n, "nobody" if n < 4 else f"p{n}@example.com") for n in range(10)]
    job = run(audience(tmp_path, rows, alice), "initializing")
    assert (job.state, job.failure) == (State.FAILED, Failure.AUDIENCE_SQL)
    assert "4 of the Audience's 10 rows (40%)" in job.failure_sentence
    assert "Nobody was contacted." in job.failure_sentence
    assert not job.batches.exists()
    assert files(job) == [Path(job.dropped_file).name]
    assert len(listed(job)) == 4


def test_a_share_that_is_allowed_does_not(tmp_path: Path, alice: User) -> None:
    rows = [(n, "nobody" if n < 3 else f"p{n}@example.com") for n in range(10)]
    assert run(audience(tmp_path, rows, alice), "initializing").state == State.PROCESSING


@pytest.mark.parametrize(
    ("cap", "named"), [({"AUDIENCE_MOST_RECORDS": 2}, "2 records"), ({"AUDIENCE_MOST_BYTES": 0}, "0 MB")]
)
def test_an_audience_above_the_caps_fails(
    job: Job, settings: Settings, cap: dict[str, int], named: str
) -> None:
    settings.BATCH_RECORDS = 1
    for name, value in cap.items():
        setattr(settings, name, value)
    job = run(job, "initializing")
    assert (job.state, job.failure) == (State.FAILED, Failure.AUDIENCE_SQL)
    assert named in job.failure_sentence


def test_launch_variables_are_bound(tmp_path: Path, alice: User) -> None:
    rows = [(1, "a@example.com"), (2, "b@example.com")]
    hostile = "b@example.com' OR '1'='1"
    for value, expected in (("b@example.com", [("2", "b@example.com")]), (hostile, [])):
        folder = tmp_path / str(len(value))
        folder.mkdir()
        job = audience(
            folder,
            rows,
            alice,
            sql="SELECT id, email, first_name FROM customers WHERE email = {{ whom }}",
            variables=(LaunchValue(name="whom", kind="text", value=value),),
        )
        job.warehouse.name = str(len(value))
        job.warehouse.save()
        job = run(job, "initializing")
        assert spooled(job) == expected


def test_a_template_is_not_tried_with_who_is_dropped(tmp_path: Path, alice: User) -> None:
    rows = [(n, f"p{n}@example.com", "A") for n in range(50)]
    warehouse = cast.customers(tmp_path / "w.duckdb", [*rows, (99, "p7@example.com", None)])
    job = run(cast.job(warehouse, alice, sql="SELECT * FROM customers ORDER BY id"), "initializing")
    assert (job.state, job.failure_sentence) == (State.PROCESSING, "")


@pytest.fixture(scope="module")
def unencoded() -> Iterator[Connection]:
    """A PostgreSQL database that takes whatever bytes it is given for text."""
    with elephants.database("unencoded", "SQL_ASCII") as admin:
        yield admin


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("email", "'c' || n || E'f\\374r@example.com'"),
        ("first_name", "E'f\\374r'"),
        ("words", "ARRAY['good', E'f\\374r']"),
        ("id", "n || E'\\374'"),
    ],
)
@pytest.mark.parametrize("where", [1, 15_000], ids=["in the sample", "beyond it"])
def test_text_that_is_no_utf_8_fails_the_job_and_names_its_column(
    unencoded: Connection, alice: User, column: str, value: str, where: int
) -> None:
    good = {
        "id": "n::text",
        "email": "'c' || n || '@example.com'",
        "first_name": "repeat('ü', 100)",
        "words": "ARRAY['a']",
    }
    columns = ", ".join(
        f"CASE WHEN n = {where} THEN {value} ELSE {shown} END AS {name}"
        if name == column
        else f"{shown} AS {name}"
        for name, shown in good.items()
    )
    job = _from(unencoded, alice, f"SELECT {columns} FROM generate_series(1, 30000) n ORDER BY n")
    assert (job.state, job.failure) == (State.FAILED, Failure.AUDIENCE_SQL)
    assert f'The column "{column}" holds text that is not UTF-8: leave it out' in job.failure_sentence
    assert "Nobody was contacted." in job.failure_sentence
    assert not job.batches.exists()


def test_good_text_of_a_database_that_knows_no_encoding_is_frozen(unencoded: Connection, alice: User) -> None:
    job = _from(unencoded, alice, "SELECT 'ü' AS id, 'c1@example.com' AS email, '😀' AS first_name")
    assert job.state == State.PROCESSING
    assert spooled(job) == [("ü", "c1@example.com")]


def _from(admin: Connection, by: User, sql: str) -> Job:
    warehouse = postgresql(admin, f"unencoded_{elephants.RUN}")
    warehouse.save()
    return run(cast.job(warehouse, by, sql=sql), "initializing")
