"""Lists of recipients with a real Cloud behind them: each with its reason, each recipient exactly once."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from accelerator import leases
from accelerator.protocol import Addresses
from jobs import control, spool, steps
from jobs.client import CloudClient
from jobs.models import Job
from jobs.stages import processing
from jobs.states import State, Wish
from tests.jobs import cast
from tests.jobs.stages.conftest import cloud, cloud_address, cloud_database, fresh, sender
from tests.mail import MailReceiver

__all__ = ["cloud", "cloud_address", "cloud_database", "sender"]

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE = "<script>alert(1)</script>"


def run(job: Job, kind: str) -> Job:
    """One step of a kind, due or not."""
    leases.wake(job.steps.filter(kind=kind))
    steps.run(cast.step(job, kind).pk)
    return fresh(job)


def asked(job: Job, wish: Wish, by: User) -> Job:
    control.ask(job, wish, by=by, seen=job.version)
    return run(job, "controlling")


def rows(text: str) -> list[list[str]]:
    """The cells of the list, as somebody reads them."""
    body = text[text.index("<tbody>") : text.index("</tbody>")]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>.*?</tr>", body)]
    return [[re.sub(r"<[^>]+>", "", cell) for cell in row[:-1]] for row in cells]


def listed(client: Client, job: Job, outcome: str) -> list[list[str]]:
    return [row for page in pages(client, job, outcome) for row in page]


def pages(client: Client, job: Job, outcome: str) -> Iterator[list[list[str]]]:
    """Page after page, as somebody who presses Next."""
    url = reverse("jobs:recipients", args=[job.pk, outcome])
    query = ""
    for _ in range(20):
        response = client.get(f"{url}{query}")
        assert response.status_code == 200
        text = response.content.decode()
        assert HOSTILE not in text
        yield rows(text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        if not following:
            return
        query = following[1]
    raise AssertionError("The list does not end.")


def test_each_class_tells_its_reasons(
    tmp_path: Path, alice: User, client: Client, cloud: CloudClient, sender: MailReceiver
) -> None:
    cloud.suppress(Addresses(addresses=["gone@listed.example"]))
    people = [
        (1, "ok@listed.example", "Ann"),
        (2, "reject@listed.example", "Ben"),
        (3, "gone@listed.example", "Cat"),
        (4, "defer@listed.example", "Dan"),
        (5, "dropafterdot@listed.example", "Eve"),
    ]
    sql = f"SELECT '{HOSTILE}' || id AS id, email, first_name FROM customers ORDER BY customers.id"
    job = cast.job(cast.customers(tmp_path / "w.duckdb", people), alice, sql=sql)
    job = run(job, "initializing")
    for _ in range(400):
        job = run(job, "processing")
        if job.state == State.COLLECTING:
            break
        threading.Event().wait(0.05)
    assert job.state == State.COLLECTING
    ids = {number: f"&lt;script&gt;alert(1)&lt;/script&gt;{number}" for number in range(1, 6)}
    assert listed(client, job, "delivered")[0][:2] == [ids[1], "ok@listed.example"]
    assert listed(client, job, "bounced") == [
        [ids[2], "reject@listed.example", "Hard: no such mailbox", "5.1.1 No such user"]
    ]
    assert listed(client, job, "suppressed") == [[ids[3], "gone@listed.example", "Put on the list by hand"]]
    assert [row[0] for row in listed(client, job, "unknown")] == [ids[5]]
    assert [row[0] for row in listed(client, job, "deferred")] == [ids[4]]
    job = asked(asked(job, Wish.PAUSE, alice), Wish.CANCEL, alice)
    assert job.state == State.FAILED
    assert listed(client, job, "not_sent") == [
        [ids[4], "defer@listed.example", "Tried, refused for now", "4.2.1 Greylisted, try again later"]
    ]


@pytest.fixture
def partly(
    tmp_path: Path, alice: User, settings: Settings, cloud: CloudClient, request: pytest.FixtureRequest
) -> Job:
    """Cancelled when the Cloud had some of the five batches, and before anybody was contacted."""
    settings.BATCH_RECORDS = 60
    people = [(number, f"p{number:03}@partly.example", "Pat") for number in range(270)]
    job = run(cast.job(cast.customers(tmp_path / "w.duckdb", people), alice), "initializing")
    job = asked(job, Wish.PAUSE, alice)
    cloud.submit(job.pk, processing._request(job))
    for batch in job.batches.filter(number__lt=request.param):
        cloud.put_batch(
            job.pk, batch.number, spool.read(batch)
        )  # the answer is lost: transferred_at is empty
    job = asked(run(job, "collecting"), Wish.CANCEL, alice)
    assert (job.state, job.counts.transferred) == (State.FAILED, min(270, 60 * request.param))
    return job


@pytest.mark.parametrize("partly", [0, 1, 2, 5], indirect=True)
def test_who_was_not_sent_is_listed_once_from_the_cloud_and_from_the_spool(
    partly: Job, client: Client
) -> None:
    shown = list(pages(client, partly, "not_sent"))
    assert [len(page) for page in shown] == [100, 100, 70]
    people = [row for page in shown for row in page]
    assert [(row[0], row[1]) for row in people] == [
        (str(number), f"p{number:03}@partly.example") for number in range(270)
    ]
    reasons = [row[2] for row in people]
    transferred = partly.counts.transferred
    assert set(reasons[:transferred]) <= {"Not attempted"}
    assert set(reasons[transferred:]) <= {"Never transferred to the Cloud"}


@pytest.mark.parametrize("partly", [2], indirect=True)
def test_a_cursor_that_no_page_gave_is_not_found(partly: Job, client: Client) -> None:
    url = reverse("jobs:recipients", args=[partly.pk, "not_sent"])
    # Of the Cloud's, one it cannot read; of ours, one that would list again whom the Cloud has.
    for after in ("cloud:nonsense", "cloud:1.2.3", "spool:0.0", "spool:1.59"):
        assert client.get(url, {"after": after}).status_code == 404
    assert client.get(url, {"after": "spool:2.59"}).status_code == 200
    assert "Nobody more here" in client.get(url, {"after": "spool:999999999.0"}).content.decode()
    assert client.get(url.replace("not_sent", "delivered"), {"after": "spool:2.0"}).status_code == 404


@pytest.mark.parametrize("partly", [2], indirect=True)
def test_a_spool_that_was_lost_gets_a_sentence(partly: Job, client: Client) -> None:
    spool.clear(partly.pk)
    url = reverse("jobs:recipients", args=[partly.pk, "not_sent"])
    assert client.get(url).status_code == 200  # the first hundred are at the Cloud
    response = client.get(url, {"after": "spool:2.0"})
    assert response.status_code == 503
    text = response.content.decode()
    assert "their file is not in the spool" in text
    assert "270 of 270 extracted" in text


@pytest.mark.parametrize("partly", [2], indirect=True)
def test_after_its_time_nobody_is_listed_though_the_cloud_still_could(partly: Job, client: Client) -> None:
    url = reverse("jobs:recipients", args=[partly.pk, "not_sent"])
    assert "p000@partly.example" in client.get(url).content.decode()
    Job.objects.filter(pk=partly.pk).update(forgotten_at=Now())
    for query in ({}, {"after": "spool:2.0"}):
        response = client.get(url, query)
        assert response.status_code == 410
        assert "@partly.example" not in response.content.decode()


@pytest.mark.parametrize("partly", [2], indirect=True)
def test_whom_the_cloud_has_forgotten_is_not_listed_and_that_is_no_trouble(
    partly: Job, client: Client, cloud_database: str
) -> None:
    with psycopg.connect(cloud_database, autocommit=True) as database:
        database.execute("UPDATE cloud_mailing SET forgotten_at = now() WHERE key = %s", [partly.pk])
    response = client.get(reverse("jobs:recipients", args=[partly.pk, "not_sent"]))
    assert response.status_code == 410
    text = response.content.decode()
    assert "Who the recipients were is not kept any more" in text
    assert "270 of 270 extracted" in text
    assert "can't be shown now" not in text
