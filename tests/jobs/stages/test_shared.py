"""Supplemental Data by a SELECT: read for the Job, frozen with it, and refused with a sentence."""

import pytest
from django.contrib.auth.models import User

from jobs import warehouses
from jobs.models import Warehouse
from jobs.stages import shared
from jobs.states import Failure, State
from jobs.warehouses import AudienceSqlError
from tests.jobs import cast
from tests.jobs.stages.conftest import run

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_first_row_stands_for_itself_and_all_rows_are_there(warehouse: Warehouse) -> None:
    sql = "SELECT id, first_name, 1.5::decimal(4,2) AS price, date '2026-11-01' AS day FROM customers ORDER BY id"
    found = shared.read(warehouse, sql)
    assert {name: value for name, value in found.items() if name != "rows"} == {
        "id": 1,
        "first_name": "Ann",
        "price": {"$numberDecimal": "1.50"},
        "day": "2026-11-01",
    }
    rows = found["rows"]
    assert isinstance(rows, list)
    assert [row["first_name"] for row in rows] == ["Ann", "Ben", "Cat"]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT 1 AS one WHERE false", "no row"),
        ("SELECT 1 AS rows", 'called "rows"'),
        ("SELECT n FROM range(1001) AS r(n)", "more than 1,000 rows"),
        ("SELECT repeat('x', 3000000) AS long", "more than"),
        ("SELECT nope FROM customers", "nope"),
        ("DELETE FROM customers", "only reads"),
    ],
)
def test_what_can_not_be_shared_is_refused_with_a_sentence(
    warehouse: Warehouse, sql: str, words: str
) -> None:
    with pytest.raises(AudienceSqlError, match=words):
        shared.read(warehouse, sql)


def test_a_job_freezes_what_the_select_gave(warehouse: Warehouse, alice: User) -> None:
    job = cast.job(
        warehouse,
        alice,
        supplemental_sql="SELECT 'autumn' AS season",
        text="{{ first_name }} {{ supplemental.season }}",
    )
    job = run(job, "initializing")
    assert job.state == State.PROCESSING
    assert job.instructions.supplemental["season"] == "autumn"


def test_a_template_that_needs_more_than_it_gave_fails_the_job(warehouse: Warehouse, alice: User) -> None:
    job = cast.job(
        warehouse, alice, supplemental_sql="SELECT 'x' AS season", text="{{ supplemental.discount }}"
    )
    job = run(job, "initializing")
    assert (job.state, job.failure) == (State.FAILED, Failure.TEMPLATE)


def test_a_select_that_fails_fails_the_job_and_says_which(warehouse: Warehouse, alice: User) -> None:
    job = run(cast.job(warehouse, alice, supplemental_sql="SELECT nope"), "initializing")
    assert (job.state, job.failure) == (State.FAILED, Failure.CAMPAIGN)
    assert job.failure_sentence.startswith("The Supplemental Data can't be read")


def test_pages_read_it_with_patience(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouses, "PATIENCE", 0.2)
    slow = "SELECT count(*) AS n FROM range(20000000000) a WHERE a.range % 7 = 3"
    with pytest.raises(warehouses.TooSlow):
        shared.read(warehouse, slow)
