"""After its time nothing of a mailing names a person, its counts stay, and old links keep what they promise."""

from datetime import timedelta

import pyarrow as pa
import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from pytest_django import Settings

from accelerator import protocol
from accelerator.cloud import (
    complaining,
    events,
    hits,
    intake,
    links,
    listing,
    restoring,
    retention,
    suppressing,
)
from accelerator.cloud.celery import app
from accelerator.cloud.models import BatchBytes, Intent, LogEntry, Mailing
from accelerator.marks import Generating
from accelerator.protocol import Complaint, Desired, MailingState
from tests.accelerator.cloud.mailings import (
    addresses,
    control,
    counts,
    leave_in_flight,
    request,
    send,
    status,
    submit,
)
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
# The address of a reader, of one refused, of one who may have got it, of one who did not; their ids; what all share;
# who writes to them.
PEOPLE = (
    "annegret@",
    "reject-benno@",
    "dropafterdot-carla@",
    "defer-dora@",
    "K-471",
    "Tante Erna",
    "Zwickau",
)
ANNEGRET = "annegret@kunden.example"


@pytest.fixture(autouse=True)
def times(settings: Settings) -> None:
    settings.COLLECTING_WINDOW, settings.RETENTION = timedelta(days=30), timedelta(days=7)
    settings.UNREAD_RETENTION = timedelta(days=90)
    settings.RETRY_DELAYS = []


@pytest.fixture
def client() -> Client:
    return Client(headers={"User-Agent": BROWSER})


def told() -> protocol.MailingRequest:
    sender = protocol.Sender(from_name="Zwickau", from_address="news@shop.example")
    return request([data()], supplemental={"greets": "Tante Erna"}, sender=sender)


def data() -> bytes:
    names = [f"{name}kunden.example" for name in PEOPLE[:4]]
    columns = {
        "customer": [f"K-471{number}" for number in range(5)],
        "email": [*names, ANNEGRET],
        "first_name": ["Hinterseher"] * 5,
    }
    return protocol.encode_batch(
        pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})
    )


@pytest.fixture
def mailing(receiver: MailReceiver, client: Client) -> Mailing:
    """One of everything: delivered, bounced, unknown, given up, the same address twice; opened and clicked."""
    made = intake.accept(Mailing().key, told())
    intake.store_batch(made.key, 0, data())
    send()
    assert counts(made) == {"delivered": 1, "bounced": 2, "unknown": 1, "suppressed": 1}
    Intent.objects.filter(mailing=made, state="bounced").update(
        reply="550 5.1.1 no reject-benno@kunden.example here"
    )
    click(client, made)
    read(made)
    return made


def place(mailing: Mailing, position: int = 0) -> tuple[int, int]:
    return mailing.batches.get(number=0).pk, position


def path(url: str) -> str:
    return url.removeprefix("http://localhost:8001")


def click(client: Client, mailing: Mailing) -> None:
    assert client.get(path(links.Links(*place(mailing)).open_url)).status_code == 200
    answer = client.get(path(links.Links(*place(mailing)).click(0, "https://shop.example/")))
    assert (answer.status_code, answer["Location"]) == (302, "https://shop.example/")


def read(mailing: Mailing) -> None:
    """A client stores all there is, and asks for what is behind it."""
    hits.tell(mailing.key)
    last = events.page(mailing.key, 0, 1_000).last
    assert events.page(mailing.key, last, 1_000).events == []


def later(days: float) -> None:
    """So many days after whatever the database knows of ends and events."""
    with connection.cursor() as cursor:
        for column in (
            "cloud_mailing SET over_at = over_at",
            "cloud_logentry SET at = at",
            "cloud_hit SET at = at",
        ):
            cursor.execute(f"UPDATE {column} - %s * interval '1 day'", [days])


def forgotten(mailing: Mailing) -> Mailing:
    """Over, and for long enough; the first sweep deletes, the second finds nothing left."""
    retention.sweep()
    later(38)
    assert [retention.sweep() for _ in range(3)] == [0, 1, 0]
    mailing.refresh_from_db()
    assert mailing.forgotten_at is not None
    return mailing


def found() -> dict[str, set[str]]:
    """In which tables which of the people are, each row read as text."""
    places = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            text = "\n".join(row for (row,) in cursor.fetchall())
            places[table] = {word for word in PEOPLE if word in text}
    return {table: words for table, words in places.items() if words}


def test_nothing_personal_is_left_and_the_counts_stay(mailing: Mailing) -> None:
    before, stood = status(mailing).counts, found()
    assert set().union(*stood.values()) == set(PEOPLE)
    assert BatchBytes.objects.exists()
    forgotten(mailing)
    # Who bounced hard stays on the suppression list: not to be written to is what it is kept for.
    assert found() == {"cloud_suppression": {"reject-benno@"}}
    assert not BatchBytes.objects.exists()
    assert status(mailing).counts == before
    assert Intent.objects.filter(mailing=mailing).count() == 5


def test_it_is_kept_until_both_times_are_over(mailing: Mailing) -> None:
    retention.sweep()
    later(36.9)
    assert retention.sweep() == 0
    assert BatchBytes.objects.exists()
    assert listing.recipients(mailing, "delivered", "", 10).recipients[0].address == ANNEGRET
    later(0.2)
    retention.sweep()
    assert not BatchBytes.objects.exists()


def test_a_client_that_was_away_finds_its_results(mailing: Mailing, client: Client) -> None:
    click(client, mailing)
    retention.sweep()
    later(126)
    assert retention.sweep() == 0
    hits.tell(mailing.key)
    kinds = [event.kind for event in events.page(mailing.key, 0, 1_000).events]
    assert kinds[-4:] == ["open", "click", "open", "click"]
    assert retention.sweep() == 0  # they were sent, and may not have arrived
    read(mailing)
    retention.sweep()
    assert not LogEntry.objects.exists()


def test_results_that_nobody_comes_for_are_kept_for_so_much_longer_and_no_longer(
    receiver: MailReceiver, client: Client
) -> None:
    """As of a mailing that was over before it was noted who had read what."""
    mailing = submit(["annegret@kunden.example"], names=["Hinterseher"])
    send()
    click(client, mailing)
    retention.sweep()
    later(126.9)
    assert retention.sweep() == 0
    assert found()
    assert BatchBytes.objects.exists()
    assert LogEntry.objects.exists()
    later(0.2)
    assert [retention.sweep() for _ in range(2)] == [0, 1]
    assert found() == {}
    # Whoever comes too late is told that there was more.
    page = events.page(mailing.key, 0, 1_000)
    assert (page.events, page.last) == ([], 3)


def test_what_comes_after_the_end_is_not_waited_for(mailing: Mailing, client: Client) -> None:
    retention.sweep()
    later(38)
    click(client, mailing)
    events.stamp(mailing.key, 0)
    retention.sweep()
    assert not LogEntry.objects.exists()


def test_a_mailing_that_still_has_somebody_to_send_to_is_left_alone(
    receiver: MailReceiver, settings: Settings
) -> None:
    settings.RETRY_DELAYS = [timedelta(days=1)]
    waiting = submit(addresses(2), transferred=False)
    paused = submit(addresses(2))
    control(paused, 1, Desired.PAUSE)
    deferred = submit(["defer@customers.example"])
    send()
    assert counts(deferred) == {"deferred": 1}
    retention.sweep()
    later(400)
    assert retention.sweep() == 0
    over = Mailing.objects.filter(over_at__isnull=False)
    assert not over.exists()
    for made in (waiting, paused, deferred):
        control(made, 5, Desired.CANCEL)
    flying = submit(addresses(2))
    leave_in_flight(flying, 1)
    control(flying, 5, Desired.CANCEL)
    retention.sweep()
    assert set(over) == {waiting, paused, deferred}


def test_nobody_is_forgotten_who_may_still_be_contacted_though_an_end_was_noted(
    receiver: MailReceiver,
) -> None:
    waiting = submit(addresses(2))
    flying = submit(addresses(2, "up"))
    leave_in_flight(flying, 1)
    control(flying, 5, Desired.CANCEL)
    Mailing.objects.update(over_at=Now() - timedelta(days=400))
    assert retention.sweep() == 0
    assert not Mailing.objects.exclude(over_at=None, forgotten_at=None).exists()
    assert BatchBytes.objects.count() == 2
    send()
    assert counts(waiting) == {"delivered": 2}


def test_a_resume_begins_its_time_anew(mailing: Mailing) -> None:
    retention.sweep()
    later(36.9)
    control(mailing, 7, Desired.RUN)
    for days, there in ((36.9, True), (0.2, False)):
        retention.sweep()
        control(mailing, 7, Desired.RUN)  # the same word again is nothing new
        later(days)
        retention.sweep()
        assert BatchBytes.objects.exists() is there


def test_a_resume_at_the_last_moment_is_heeded(mailing: Mailing, monkeypatch: pytest.MonkeyPatch) -> None:
    retention.sweep()
    later(38)
    overdue = retention.overdue()
    assert overdue == [mailing]
    control(mailing, 7, Desired.RUN)
    monkeypatch.setattr(retention, "overdue", lambda: overdue)
    assert retention.sweep() == 0
    mailing.refresh_from_db()
    assert (mailing.forgotten_at, mailing.desired) == (None, Desired.RUN)
    assert BatchBytes.objects.exists()


def test_a_mailing_that_is_held_after_a_restoration_is_not_over(receiver: MailReceiver) -> None:
    mailing = submit(addresses(2), transferred=False)
    Mailing.objects.update(over_at=Now())
    restoring.hold(Generating.Cause.NOTICED)
    mailing.refresh_from_db()
    assert mailing.over_at is None


def test_who_was_not_sent_to_is_forgotten_too(receiver: MailReceiver) -> None:
    mailing = submit([ANNEGRET, "defer-dora@kunden.example"], names=["Hinterseher", "Hinterseher"])
    control(mailing, 1, Desired.CANCEL)
    mailing.refresh_from_db()
    assert len(listing.recipients(mailing, "not_sent", "", 10).recipients) == 2
    forgotten(mailing)
    assert found() == {}
    assert counts(mailing) == {"not_sent": 2}
    for outcome in ("not_sent", "delivered"):
        with pytest.raises(listing.Forgotten, match="not kept any more"):
            listing.recipients(mailing, outcome, "", 10)


def test_nothing_makes_it_send_again(mailing: Mailing, receiver: MailReceiver) -> None:
    forgotten(mailing)
    sent = len(receiver.messages)
    assert control(mailing, 99, Desired.RUN).desired == Desired.CANCEL
    with pytest.raises(intake.Cancelled):
        intake.accept(mailing.key, told())
    with pytest.raises(intake.Cancelled):
        intake.store_batch(mailing.key, 0, data())
    send()
    assert len(receiver.messages) == sent
    assert status(mailing).state == MailingState.CANCELLED


def test_an_old_link_still_unsubscribes(mailing: Mailing, client: Client, receiver: MailReceiver) -> None:
    forgotten(mailing)
    link = path(links.Links(*place(mailing)).unsubscribe_url)
    assert "<button" in client.get(link).content.decode()
    assert client.post(link).status_code == 200
    assert "<button" not in client.get(link).content.decode()
    assert not LogEntry.objects.exists()
    assert "annegret" not in str(found())

    sent = len(receiver.messages)
    again = submit([" Annegret@Kunden.example"])
    send()
    assert counts(again) == {"suppressed": 1}
    assert len(receiver.messages) == sent
    assert Intent.objects.get(mailing=again).code == "unsubscribed"


def test_whoever_unsubscribed_so_is_found_by_the_address_and_taken_off(
    mailing: Mailing, client: Client
) -> None:
    forgotten(mailing)
    client.post(path(links.Links(*place(mailing)).unsubscribe_url))
    assert [(row.address_key, row.reason) for row in suppressing.find([ANNEGRET])] == [
        (ANNEGRET, "unsubscribed")
    ]
    suppressing.add([ANNEGRET], reason=suppressing.ADDED)
    assert len(suppressing.find([ANNEGRET])) == 1
    assert suppressing.remove([ANNEGRET, "nobody@kunden.example"]) == 1
    assert suppressing.find([ANNEGRET]) == []
    assert suppressing.remove([ANNEGRET]) == 0


def test_a_complaint_that_comes_late_is_heeded(mailing: Mailing) -> None:
    forgotten(mailing)
    assert complaining.complain([Complaint(request_id=mailing.request_id or "", address=ANNEGRET)]) == 1
    assert complaining.complain([Complaint(link=links.Links(*place(mailing)).open_url)]) == 0
    assert suppressing.find([ANNEGRET])[0].reason == "complained"


def test_opens_and_clicks_are_answered_and_counted_nowhere(mailing: Mailing, client: Client) -> None:
    forgotten(mailing)
    click(client, mailing)
    hits.tell(mailing.key)
    assert not LogEntry.objects.exists()
    page = events.page(mailing.key, 0, 1_000)
    assert (page.events, page.last) == ([], 7)


def test_it_takes_up_no_more_when_its_time_is_spent_and_goes_on_the_next_time(
    receiver: MailReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = submit(addresses(4), per_batch=1)
    send()
    read(mailing)
    retention.sweep()
    later(38)
    monkeypatch.setattr(retention, "BUDGET", 0.0)
    left = []
    for _ in range(4):
        assert retention.sweep() == 0
        left.append(BatchBytes.objects.count())
    assert left == [3, 2, 1, 0]
    with pytest.raises(listing.Forgotten):
        listing.recipients(Mailing.objects.get(pk=mailing.pk), "delivered", "", 10)


def test_it_is_planned() -> None:
    assert app.conf.beat_schedule["forget"]["task"] in app.tasks
