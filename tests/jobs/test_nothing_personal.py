"""After its time nothing in a database names a person of a Job's, and its pages tell the same numbers."""

import os
import re
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from accelerator.protocol import Event, EventPage
from campaigns import launching, samples
from campaigns import retention as planning
from campaigns.models import Audience, Campaign
from jobs import notices, retention, spool, steps
from jobs.client import CloudClient
from jobs.models import Event as StoredEvent
from jobs.models import Job, Notice, Warehouse
from jobs.results import facts
from jobs.states import Failure, State, Wish
from tests.campaigns import cast as plans
from tests.contract.conftest import REPOSITORY
from tests.jobs import cast
from tests.jobs.stages.conftest import cloud, cloud_address, cloud_database, run_until, sender
from tests.jobs.test_retention import DAY, rested
from tests.jobs.views import standing
from tests.jobs.views.conftest import client
from tests.mail import MailReceiver

__all__ = ["client", "cloud", "cloud_address", "cloud_database", "sender"]

pytestmark = pytest.mark.django_db(transaction=True)

# An address, a name, a recipient's id, a value of a launch variable, one of the Supplemental Data, what people write.
PEOPLE = ("annegret@", "Hinterseher", "K-4711", "Zwickau", "Tante Erna", "rang on Tuesday")
ROWS = [("K-4711", "annegret@kunden.example", "Hinterseher"), ("K-4712", "annegret@", "Zwickau")]
AT = datetime(2026, 11, 22, 10, 31, tzinfo=UTC)
NUMBERS = re.compile(
    r'data-measure="[^"]+"[^>]*>[^<]*<|\d[\d,.]*\N{NO-BREAK SPACE}%|\d+ (?:more rows?|extracted)'
)


def found() -> set[str]:
    """Which of them are anywhere in the database, each row of each table read as text."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            rows += [row for (row,) in cursor.fetchall()]
    text = "\n".join(rows)
    return {word for word in PEOPLE if word in text}


def found_at(database: psycopg.Connection) -> dict[str, set[str]]:
    """The same of another database, by tables."""
    tables = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    places = {}
    for (table,) in tables:
        text = "\n".join(row for (row,) in database.execute(f'SELECT t::text FROM "{table}" t').fetchall())
        places[table] = {word for word in PEOPLE if word in text}
    return {table: words for table, words in places.items() if words}


@pytest.fixture(autouse=True)
def a_week(settings: Settings) -> None:
    settings.RETENTION = 7 * DAY
    settings.AUDIENCE_MOST_INVALID = 0.9


@pytest.fixture
def warehouse(db: None, tmp_path: Path) -> Warehouse:
    path = tmp_path / "warehouse.duckdb"
    made = cast.customers(path, [])
    with duckdb.connect(str(path)) as database:
        database.execute("ALTER TABLE customers ALTER id TYPE TEXT")
        database.execute("CREATE TABLE hosts AS SELECT 'Tante Erna' AS greets")
        database.executemany("INSERT INTO customers VALUES (?, ?, ?)", ROWS)
    return made


@pytest.fixture
def campaign(warehouse: Warehouse) -> Campaign:
    """Its audience has a launch variable, and was looked at."""
    audience = plans.audience(
        warehouse,
        sql="SELECT id, email, first_name FROM customers WHERE first_name <> {{ town }} OR true",
        variables=[{"name": "town", "kind": "text", "value": "Jena"}],
    )
    return plans.campaign(
        audience=audience,
        template=plans.template(),
        sending_profile=plans.profile(),
        supplemental_sql="SELECT greets FROM hosts",
    )


def launched(campaign: Campaign, by: User) -> Job:
    return launching.launch(campaign, by=by, token=uuid.uuid4(), values={"town": "Zwickau"})


def extracted(job: Job) -> Job:
    steps.run(cast.step(job, "initializing").pk)
    job.refresh_from_db()
    return job


def contacted(job: Job) -> Job:
    """Sent, opened and clicked; paused and cancelled by somebody who says why. The Cloud was away for a while."""
    kinds = ("delivered", "open", "open", "click", "unsubscribe")
    facts.store(
        standing.counted(job, transferred=1, delivered=1, attempted=1),
        EventPage(
            events=[
                Event(position=n, kind=kind, at=AT, batch=0, record=0, recipient_id="K-4711")
                for n, kind in enumerate(kinds, start=1)
            ],
            last=len(kinds),
        ),
    )
    return job


def stopped(job: Job, by: User) -> Job:
    for wish in (Wish.PAUSE, Wish.CANCEL):
        standing.granted(
            standing.asked(job, wish, by, why="Hinterseher rang on Tuesday"),
            transferred=1,
            delivered=1,
            attempted=1,
        )
    Job.objects.filter(pk=job.pk).update(waiting_for="refused: annegret@", waiting_since=Now())
    return job


def later() -> None:
    """Both windows and the retention are over for every Job, and for the look at the Audience."""
    for job in Job.objects.all():
        rested(job, 40)
    Audience.objects.update(sampled_at=F("sampled_at") - 40 * DAY)


def numbers(client: Client, job: Job) -> list[str]:
    pages = [client.get(url) for url in (standing.detail(job), reverse("jobs:list"))]
    assert [page.status_code for page in pages] == [200, 200]
    return [number for page in pages for number in NUMBERS.findall(page.content.decode())]


def test_of_a_job_that_was_sent_nothing_personal_is_left(
    client: Client, campaign: Campaign, alice: User
) -> None:
    job = stopped(contacted(extracted(launched(campaign, alice))), alice)
    assert (job.state, job.extracted, job.dropped) == (State.FAILED, 1, 1)
    assert found() == set(PEOPLE)
    before = numbers(client, job)
    assert len(before) > 10

    later()
    assert retention.sweep() == 1
    assert planning.sweep() == 1
    assert found() == set()
    assert list(spool.jobs()) == []
    assert numbers(client, job) == before
    facts.recount(job)
    assert numbers(client, job) == before


def test_of_a_job_that_the_cloud_has_sent_nothing_personal_is_left_on_either_side(
    client: Client,
    campaign: Campaign,
    alice: User,
    cloud: CloudClient,
    cloud_database: str,
    sender: MailReceiver,
    tmp_path: Path,
) -> None:
    def sweep() -> None:
        """The Cloud's own."""
        environment = {
            "DJANGO_SETTINGS_MODULE": "accelerator.cloud.settings",
            "CLOUD_DATABASE_URL": cloud_database,
        }
        code = "import django; django.setup(); from accelerator.cloud import retention; retention.sweep()"
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | environment | {"MARKS": str(tmp_path / "cloud's marks")},
            cwd=REPOSITORY,
            check=True,
        )

    job = extracted(launched(campaign, alice))
    job = run_until(job, "processing", State.COLLECTING)
    Job.objects.filter(pk=job.pk).update(collecting_until=Now())
    job = run_until(job, "collecting", State.COMPLETED)
    before = numbers(client, job)
    assert sender.received() == ["annegret@kunden.example"]

    with psycopg.connect(cloud_database, autocommit=True) as database:
        assert "annegret@" in found_at(database)["cloud_intent"]
        sweep()
        later()
        for column in ("cloud_mailing SET over_at = over_at", "cloud_logentry SET at = at"):
            database.execute(f"UPDATE {column} - interval '40 days'")
        assert retention.sweep() == 1
        planning.sweep()
        sweep()
        assert found_at(database) == {}
        assert not database.execute("SELECT FROM cloud_batchbytes").fetchall()
    assert found() == set()
    assert numbers(client, job) == before
    page = client.get(reverse("jobs:recipients", args=[job.pk, "delivered"]))
    assert page.status_code == 410
    assert "The records of this Job were deleted" in page.content.decode()


def test_a_failure_that_quotes_a_row_says_so_no_more(client: Client, campaign: Campaign, alice: User) -> None:
    sql = "SELECT id, email, CAST(first_name AS INTEGER) AS first_name FROM customers"
    Audience.objects.update(sql=sql, variables=[], columns={}, sample=[])
    campaign.refresh_from_db()
    job = extracted(launched(campaign, alice))
    assert job.failure == Failure.AUDIENCE_SQL
    assert "Hinterseher" in job.failure_sentence
    [pk] = notices.due(job.pk)
    notices.hand_over(pk)
    assert "Hinterseher" in Notice.objects.get().body
    before = numbers(client, job)

    later()
    assert retention.sweep() == 1
    planning.sweep()
    assert found() == set()
    assert numbers(client, job) == before
    text = client.get(standing.detail(job)).content.decode()
    assert "The details were deleted after the retention period." in text
    assert "Audience" in text
    assert "Notification mail</dt><dd>Accepted by the mail server" in text


def test_a_launch_after_that_begins_with_the_values_of_the_audience(campaign: Campaign, alice: User) -> None:
    extracted(launched(campaign, alice))
    assert [value.value for value in launching.proposed(campaign)] == ["Zwickau"]
    Job.objects.update(state=State.COMPLETED)
    later()
    assert retention.sweep() == 1
    assert [value.value for value in launching.proposed(campaign)] == ["Jena"]


def test_many_events_are_gone_through_piece_by_piece(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "FORGOTTEN_AT_ONCE", 3)
    positions = [1, 2, 3, 4, 5, 6, 9, 2**61]
    told = [
        Event(position=n, kind="open", at=AT, batch=0, record=n % 7, recipient_id="K-4711") for n in positions
    ]
    facts.store(job, EventPage(events=told, last=2**61))
    facts.forget_recipients(job.pk)
    assert list(StoredEvent.objects.values_list("recipient_id", flat=True)) == [""] * len(positions)


def test_a_sample_is_kept_for_its_time_and_previews_go_on_without_it(campaign: Campaign) -> None:
    audience = Audience.objects.get()
    assert planning.sweep() == 0
    Audience.objects.update(sampled_at=F("sampled_at") - 7.1 * DAY)
    assert planning.sweep() == 1
    assert planning.sweep() == 0
    audience.refresh_from_db()
    assert audience.column_names == ["id", "email", "first_name"]
    assert audience.size == 2
    assert campaign.template is not None
    assert samples.record(audience, campaign.template) == {"first_name": "[first_name]"}
    samples.refresh(audience)
    assert planning.sweep() == 0
