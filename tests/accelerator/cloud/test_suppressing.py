"""Two suppression lists hold for a mailing: its account's and everybody's; what happens to mails fills them by rule."""

import json
import uuid

import pytest
from django.db import connection
from django.test import Client
from pydantic import ValidationError
from pytest_django import Settings

from accelerator import protocol
from accelerator.cloud import complaining, intake, ledger, links, objecting, suppressing
from accelerator.cloud.models import Intent, Mailing, Objection, Suppression
from accelerator.cloud.statements import LISTED
from accelerator.protocol import Complaint
from tests.accelerator.cloud.mailings import counts, make_due, request, send, submit, table
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _by_accounts(settings: Settings) -> None:
    settings.UNSUBSCRIBE_FROM = "account"


BOB = "bob@customers.example"
NORTH, SOUTH = "7", "8"


def listed() -> list[tuple[str, str, str]]:
    return sorted(Suppression.objects.values_list("account", "address_key", "reason"))


def delivered(account: str, *people: str) -> Mailing:
    mailing = submit(people, account=account)
    send()
    return mailing


def withheld(*accounts: str, address: str = BOB) -> list[str]:
    """Why new mailings of the accounts withhold the address, one each; empty: they do not."""
    mailings = [submit([address], account=account) for account in accounts]
    send()
    intents = [Intent.objects.get(mailing=mailing) for mailing in mailings]
    return [intent.code if intent.state == Intent.State.SUPPRESSED else "" for intent in intents]


def unsubscribe(mailing: Mailing) -> None:
    intents = Intent.objects.filter(mailing=mailing).select_related("batch")
    objecting.record(intents, Objection.Kind.UNSUBSCRIBE)


def link(mailing: Mailing) -> str:
    intent = Intent.objects.get(mailing=mailing)
    return "/" + links.Links(intent.batch_id, intent.position).unsubscribe_url.split("/", 3)[3]


# --- at send time ---------------------------------------------------------------------------------------


def test_the_list_of_an_account_holds_for_its_mailings_alone(receiver: MailReceiver) -> None:
    suppressing.add(["Bob@Customers.example"], reason="added", account=NORTH)
    assert withheld(NORTH, SOUTH, "") == ["added", "", ""]
    assert len(receiver.messages) == 2


def test_everybodys_list_holds_for_all(receiver: MailReceiver) -> None:
    suppressing.add([BOB], reason="added")
    assert withheld(NORTH, SOUTH, "") == ["added"] * 3
    assert not receiver.messages


@pytest.mark.parametrize("first", [NORTH, ""])
def test_of_two_lists_everybodys_says_why(receiver: MailReceiver, first: str) -> None:
    for account in (first, "" if first else NORTH):
        suppressing.add([BOB], reason="unsubscribed" if account else "complained", account=account)
    assert withheld(NORTH) == ["complained"]
    assert suppressing.remove([BOB]) == 1
    assert withheld(NORTH, SOUTH) == ["unsubscribed", ""]


def test_before_a_retry_the_accounts_list_is_read_again(receiver: MailReceiver) -> None:
    mailings = [delivered(account, "defer@a.example") for account in (NORTH, SOUTH)]
    suppressing.add(["defer@a.example"], reason="added", account=NORTH)
    for mailing in mailings:
        make_due(mailing)
    send()
    assert [counts(mailing) for mailing in mailings] == [{"suppressed": 1}, {"deferred": 1}]


def test_a_window_asks_for_its_addresses_on_two_lists_by_one_index() -> None:
    suppressing.add([f"a{number}@a.example" for number in range(2_000)], reason="added", account=NORTH)
    suppressing.add([f"a{number}@a.example" for number in range(2_000)], reason="added")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE cloud_suppression")
        cursor.execute(f"EXPLAIN {LISTED}", [[f"a{number}@a.example" for number in range(20)], NORTH])
        plan = "\n".join(row for (row,) in cursor.fetchall())
    assert "listed_once" in plan
    assert "Seq Scan" not in plan


# --- by rule --------------------------------------------------------------------------------------------


def test_a_hard_bounce_is_everybodys(receiver: MailReceiver) -> None:
    delivered(NORTH, "reject@a.example")
    assert listed() == [("", "reject@a.example", "hard_bounce")]
    assert withheld(SOUTH, address="reject@a.example") == ["hard_bounce"]


def test_a_complaint_is_everybodys(receiver: MailReceiver) -> None:
    mailing = delivered(NORTH, BOB)
    complaining.complain([Complaint(request_id=mailing.request_id or "", address=BOB)])
    assert listed() == [("", BOB, "complained")]
    assert withheld(SOUTH) == ["complained"]


def test_an_unsubscribe_is_the_accounts_that_sent(receiver: MailReceiver) -> None:
    unsubscribe(delivered(NORTH, BOB))
    assert listed() == [(NORTH, BOB, "unsubscribed")]
    assert withheld(NORTH, SOUTH) == ["unsubscribed", ""]


def test_an_unsubscribe_of_a_mailing_without_an_account_is_everybodys(receiver: MailReceiver) -> None:
    unsubscribe(delivered("", BOB))
    assert listed() == [("", BOB, "unsubscribed")]
    assert withheld(NORTH) == ["unsubscribed"]


def test_an_unsubscribe_is_everybodys_where_the_cloud_is_told_so(
    receiver: MailReceiver, settings: Settings
) -> None:
    settings.UNSUBSCRIBE_FROM = "everybody"
    unsubscribe(delivered(NORTH, BOB))
    assert listed() == [("", BOB, "unsubscribed")]


def test_those_who_object_at_once_by_mailings_of_several_accounts_enter_each_their_own(
    receiver: MailReceiver,
) -> None:
    for account in (NORTH, SOUTH, ""):
        delivered(account, BOB, "ann@customers.example")
    everybody = Intent.objects.select_related("batch").order_by("-pk")
    assert objecting.record(everybody, Objection.Kind.UNSUBSCRIBE) == 6
    assert [(account, key) for account, key, _ in listed()] == [
        (account, key) for account in ("", NORTH, SOUTH) for key in ("ann@customers.example", BOB)
    ]


def test_what_an_old_mail_unsubscribes_from_is_the_same_once_its_mailing_is_forgotten(
    receiver: MailReceiver, client: Client
) -> None:
    mailing = delivered(NORTH, BOB)
    forget(mailing)
    assert client.post(link(mailing)).status_code == 200
    assert BOB not in str(listed())
    (entry,) = suppressing.find([BOB], NORTH)
    assert (entry.address_key, entry.account, entry.reason) == (BOB, NORTH, "unsubscribed")
    assert suppressing.find([BOB]) == suppressing.find([BOB], SOUTH) == []
    assert withheld(NORTH, SOUTH) == ["unsubscribed", ""]
    assert suppressing.remove([BOB]) == suppressing.remove([BOB], SOUTH) == 0
    assert suppressing.remove([BOB], NORTH) == 1
    assert withheld(NORTH) == [""]


def forget(mailing: Mailing) -> None:
    """As the sweep does once the time is over."""
    intent = Intent.objects.get(mailing=mailing)
    ledger.forget(intent.batch_id)
    Mailing.objects.filter(pk=mailing.pk).update(instructions="", forgotten_at="2026-01-01T00:00Z")


def test_a_server_that_refuses_everybody_takes_nothing_off_other_lists(receiver: MailReceiver) -> None:
    mailing = delivered(NORTH, "reject@a.example")
    for account in (NORTH, SOUTH):
        suppressing.add(["reject@a.example"], reason="hard_bounce", account=account)
    suppressing.take_back(mailing.key)
    assert [account for account, _, _ in listed()] == [NORTH, SOUTH]


# --- what the page of an unsubscribe says ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "setting", "said"),
    [
        (NORTH, "account", "from this sender"),
        (NORTH, "everybody", "from us, whoever's name stands on them"),
        ("", "account", "from us, whoever's name stands on them"),
    ],
)
def test_the_page_says_whose_mail_ends(
    receiver: MailReceiver, client: Client, settings: Settings, account: str, setting: str, said: str
) -> None:
    settings.UNSUBSCRIBE_FROM = setting
    url = link(delivered(account, BOB))
    for answer in (client.get(url), client.post(url), client.get(url)):
        assert said in answer.content.decode()


def test_the_page_asks_again_only_where_no_list_holds(receiver: MailReceiver, client: Client) -> None:
    url = link(delivered(NORTH, BOB))
    client.post(url)
    suppressing.add([BOB], reason="added")
    suppressing.remove([BOB], NORTH)
    assert "<button" not in client.get(url).content.decode()
    suppressing.remove([BOB])
    suppressing.add([BOB], reason="added", account=SOUTH)
    assert "<button" in client.get(url).content.decode()


# --- intake ---------------------------------------------------------------------------------------------


def test_a_mailing_without_an_account_is_the_document_that_an_older_dashboard_submits() -> None:
    made = request([protocol.encode_batch(table([BOB]))])
    document = made.model_dump(mode="json")
    for later in ("account", "domain_rates", "service"):
        del document["instructions"][later]
    told = json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert intake.accept(uuid.uuid4(), made).digest == protocol.digest(told.encode())


def test_the_same_mailing_of_another_account_is_another_mailing() -> None:
    batches, key = [protocol.encode_batch(table([BOB]))], uuid.uuid4()
    intake.accept(key, request(batches, account=NORTH))
    assert Mailing.objects.get().account == NORTH
    assert intake.accept(key, request(batches, account=NORTH)).account == NORTH
    for other in ("", SOUTH):
        with pytest.raises(intake.Conflict):
            intake.accept(key, request(batches, account=other))


@pytest.mark.parametrize("wrong", ["a b", "7\n", "\0", "Müller", "x" * 65])
def test_what_could_be_no_account_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        request([protocol.encode_batch(table([BOB]))], account=wrong)
