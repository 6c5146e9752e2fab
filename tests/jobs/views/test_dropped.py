"""The list of dropped rows: counted on the page by reason, taken away by whoever may open it, gone after its time."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from jobs.models import Job, Warehouse
from jobs.stages import initializing, readiness
from jobs.states import Failure, State, Wish
from tests.jobs import cast
from tests.jobs.stages.conftest import run
from tests.jobs.views import standing
from tests.jobs.views.test_detail import page, words

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

ONE_INVALID = "SELECT id, email, first_name FROM customers UNION ALL SELECT 9, 'none', 'Nemo'"
CSV = b'"reason","recipient_id","email"\n"invalid","1","none"\n'


def get(client: Client, job: Job) -> "Response":
    return client.get(reverse("jobs:dropped", args=[job.pk]))


def taken(client: Client, job: Job) -> bytes:
    """The file, as far as it is one."""
    response = get(client, job)
    assert response.status_code == 200
    content: bytes = response.getvalue()  # to its end, which closes the file
    return content


def kept(job: Job) -> Job:
    """With a list in the spool."""
    place = storages["spool"].save(f"{job.pk}/dropped-1.csv", ContentFile(CSV))
    Job.objects.filter(pk=job.pk).update(dropped_file=place, dropped_invalid=1_200, dropped_missing=1)
    job.refresh_from_db()
    return job


def test_it_is_a_file_to_take_away_that_nobody_keeps_on_the_way(client: Client, job: Job) -> None:
    response = get(client, kept(job))
    assert response.status_code == 200
    assert response["Content-Disposition"] == f'attachment; filename="dropped-{job.pk}.csv"'
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert "no-store" in response["Cache-Control"]
    assert response.getvalue() == CSV


@pytest.mark.django_db(transaction=True)
def test_what_an_extraction_drops_is_counted_and_listed(
    client: Client, warehouse: Warehouse, bob: User
) -> None:
    sql = (
        "SELECT id, CASE id WHEN 1 THEN 'none' WHEN 2 THEN NULL ELSE email END AS email, first_name FROM customers"
        " UNION ALL SELECT 4, 'CAT@example.com', '=Cat' UNION ALL SELECT 5, 'eve@example.com', 'Eve'"
        " UNION ALL SELECT 6, '=1+1', 'Formula'"
        " UNION ALL SELECT n, 'x' || n || '@example.com', 'X' FROM range(10, 20) t(n)"
    )
    job = run(cast.job(warehouse, bob, sql=sql), "initializing")
    text = page(client, job)
    assert "4 more rows dropped: 1 without id or address, 2 invalid, 1 duplicate" in words(text)
    assert 'href="dropped/"' in text
    assert reverse("jobs:dropped", args=[job.pk]) == f"{standing.detail(job)}dropped/"
    lines = taken(client, job).decode().splitlines()
    assert lines[0] == '"reason","recipient_id","email"'
    assert sorted(lines[1:]) == [
        '"duplicate","4","CAT@example.com"',
        '"invalid","1","none"',
        '"invalid","6","\'=1+1"',
        '"missing","2",""',
    ]


@pytest.mark.django_db(transaction=True)
def test_it_outlives_a_failure_over_what_else_is_in_the_rows(
    client: Client, warehouse: Warehouse, bob: User
) -> None:
    sql = f"SELECT *, ['290309-12-22'::timestamp] AS times FROM (\n{ONE_INVALID}\n)"
    job = run(cast.job(warehouse, bob, sql=sql), "initializing")
    assert (job.state, job.failure) == (State.FAILED, Failure.AUDIENCE_SQL)
    offers_the_list_and_has_nothing_else(client, job)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("troubles", "state"), [(0, State.INITIALIZING), (initializing.LAST_TROUBLE - 1, State.FAILED)]
)
def test_it_outlives_a_warehouse_that_goes_away_behind_the_extraction(
    client: Client,
    warehouse: Warehouse,
    bob: User,
    troubles: int,
    state: State,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: object) -> None:
        Path(warehouse.location).rename(f"{warehouse.location}.away")

    job = cast.job(warehouse, bob, sql=ONE_INVALID, supplemental_sql="SELECT 1 AS season")
    Job.objects.filter(pk=job.pk).update(troubles=troubles)
    monkeypatch.setattr(readiness, "check_share", away)
    job = run(job, "initializing")
    assert job.state == state
    assert "does not exist" in job.waiting_for + job.failure_sentence
    offers_the_list_and_has_nothing_else(client, job)


def offers_the_list_and_has_nothing_else(client: Client, job: Job) -> None:
    assert 'href="dropped/"' in page(client, job)
    assert taken(client, job).decode().splitlines()[1:] == ['"invalid","9","none"']
    folder = Path(storages["spool"].path(str(job.pk)))
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [Path(job.dropped_file).name]


@pytest.mark.parametrize("standing_at", ["initializing", "processing", "completed", "failed"])
def test_it_is_offered_in_each_state(client: Client, job: Job, alice: User, standing_at: str) -> None:
    if standing_at in ("processing", "completed"):
        (standing.halfway if standing_at == "processing" else standing.completed)(job)
    elif standing_at == "failed":
        standing.asked(job, Wish.CANCEL, alice)
    text = page(client, kept(job))
    assert text.count('href="dropped/"') == 1
    assert "1,200 invalid" in words(text)


def test_where_nothing_was_dropped_there_is_nothing(client: Client, job: Job) -> None:
    assert get(client, job).status_code == 404
    assert 'id="dropped"' not in page(client, standing.reading(job, extracting=10))


def test_a_file_that_is_gone_is_not_found(client: Client, job: Job) -> None:
    storages["spool"].delete(kept(job).dropped_file)
    assert get(client, job).status_code == 404


def test_after_its_time_the_page_says_that_it_was_deleted_and_when(client: Client, job: Job) -> None:
    standing.completed(kept(job))
    Job.objects.filter(pk=job.pk).update(dropped_file="", forgotten_at=Now())
    assert get(client, job).status_code == 404
    text = page(client, job)
    assert 'href="dropped/"' not in text
    assert "The list was deleted" in text
    assert (
        "Records, and whatever else could name a person, deleted here for good; the Cloud deletes its own"
        in text
    )
    assert "1,200 invalid" in text


def test_charlie_does_not_find_it_sam_of_support_does_and_nobody_logs_in_first(
    job: Job, charlie: User, sam: User
) -> None:
    kept(job)
    browser = Client()
    assert get(browser, job).status_code == 302
    browser.force_login(charlie)
    assert get(browser, job).status_code == 404
    browser.force_login(sam)
    assert taken(browser, job) == CSV


def test_it_is_read_and_never_written(client: Client, job: Job) -> None:
    assert client.post(reverse("jobs:dropped", args=[kept(job).pk])).status_code == 405


def test_the_list_of_a_deleted_job_is_gone_for_everybody(client: Client, job: Job, alice: User) -> None:
    kept(standing.completed(job))
    Job.objects.filter(pk=job.pk).update(deleted_at=Now(), deleted_by=alice)
    assert get(client, job).status_code == 404
