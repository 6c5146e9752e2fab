"""What services tell afterwards of messages that they took: who may tell it, and what becomes of it."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accelerator import protocol
from accelerator.cloud import events, suppressing
from accelerator.cloud.models import Intent, Mailing, Objection
from accelerator.cloud.services import carrier, webhooks
from accelerator.cloud.services.definitions import Definition, DefinitionInvalid, parse
from accelerator.cloud.services.unusable import Unusable
from tests.accelerator.cloud import mailings
from tests.accelerator.cloud.mailings import counts, leave_in_flight, send
from tests.accelerator.cloud.services.provider import KEY, Provider

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning"),
]

SECRET = "postmark:a-long-password-for-it"
BASIC = {"Authorization": "Basic " + base64.b64encode(SECRET.encode()).decode()}

Told = dict[str, Any]


@pytest.fixture
def calls(provider: Provider, settings: Settings) -> list[Told]:
    """What the service was told of two messages that it took, by position."""
    hooked(provider, settings)
    mailings.submit(mailings.addresses(2), service="esp")
    send()
    return sorted(provider.calls, key=lambda call: call["To"])


def hooked(provider: Provider, settings: Settings) -> None:
    provider.webhook = {"webhook_secret": SECRET}
    settings.MAIL_SERVICES = {"esp": provider.definition}


def tell(*documents: Told, headers: dict[str, str] | None = None) -> int:
    """Postmark tells this: the last answer's status."""
    status = 0
    for document in documents:
        status = (
            Client()
            .post(
                "/w/esp",
                json.dumps(document),
                content_type="application/json",
                headers=BASIC if headers is None else headers,
            )
            .status_code
        )
    return status


def about(call: Told, kind: str, **more: object) -> Told:
    """As Postmark tells of a message, with the metadata that it was given."""
    return {
        "RecordType": kind,
        "MessageID": f"id-{call['To']}",
        "Metadata": call["Metadata"],
        "ID": 42,
    } | more


def bounce(call: Told, kind: str = "HardBounce", said: str = "unknown user, mailbox not found") -> Told:
    return about(call, "Bounce", Type=kind, Email=call["To"], Description=said)


def mailing() -> Mailing:
    return Mailing.objects.get()


def told() -> list[protocol.Event]:
    return events.page(mailing().key, 0, 100).events


def test_a_message_that_bounced(calls: list[Told]) -> None:
    assert tell(bounce(calls[0]), bounce(calls[0])) == 200
    assert counts(mailing()) == {"delivered": 1, "bounced": 1}
    *_, last = told()
    assert (last.kind, last.record, last.category, last.hard) == ("bounced", 0, "unknown_user", True)
    assert len(told()) == 3
    assert [row.address_key for row in suppressing.page(0, 9)] == ["ok0@customers.example"]


def test_what_the_far_server_said_is_what_counts(calls: list[Told]) -> None:
    tell(bounce(calls[1], "SoftBounce", "smtp;552 5.2.2 The mailbox is full"))
    *_, last = told()
    assert (last.code, last.category, last.hard) == ("5.2.2", "mailbox_full", False)
    assert Intent.objects.get(position=1).reply == "The mailbox is full"
    assert suppressing.page(0, 9) == []


@pytest.mark.parametrize(
    ("kind", "more", "objection"),
    [
        ("SpamComplaint", {"Type": "SpamComplaint"}, "complaint"),
        (
            "SubscriptionChange",
            {"SuppressSending": True, "SuppressionReason": "ManualSuppression"},
            "unsubscribe",
        ),
    ],
)
def test_a_complaint_and_an_unsubscribe(
    calls: list[Told], kind: str, more: dict[str, object], objection: str
) -> None:
    assert tell(*[about(calls[1], kind, Email=calls[1]["To"], **more)] * 3) == 200
    assert [(one.kind, one.position) for one in Objection.objects.all()] == [(objection, 1)]
    assert [event.kind for event in told()] == ["delivered", "delivered", objection]
    assert counts(mailing()) == {"delivered": 2}


@pytest.mark.parametrize("word", ["cut", "broken"])
def test_of_whom_nobody_knew_it_is_known_then(provider: Provider, settings: Settings, word: str) -> None:
    hooked(provider, settings)
    mailings.submit([f"{word}1@a.example", f"{word}2@a.example"], service="esp")
    send()
    assert counts(mailing()) == {"unknown": 2}
    first, second = sorted(provider.calls, key=lambda call: call["To"])
    assert tell(about(first, "Delivery", Recipient=first["To"])) == 200
    assert tell(bounce(second)) == 200
    assert counts(mailing()) == {"delivered": 1, "bounced": 1}
    # Services tell in any order: who is bounced stays it.
    assert tell(about(second, "Delivery", Recipient=second["To"])) == 200
    assert counts(mailing()) == {"delivered": 1, "bounced": 1}


@pytest.mark.parametrize("kind", ["Transient", "DnsError", "AutoResponder", "Unknown", "Subscribe"])
def test_what_says_nothing_of_a_loss_changes_nothing(calls: list[Told], kind: str) -> None:
    assert tell(bounce(calls[0], kind), about(calls[0], "Open"), about(calls[0], "Click")) == 200
    assert [event.kind for event in told()] == ["delivered", "delivered"]


def test_by_our_message_id_where_the_service_keeps_it(calls: list[Told]) -> None:
    [ours] = [header["Value"] for header in calls[1]["Headers"] if header["Name"] == "Message-ID"]
    wrong = bounce(calls[1]) | {"Metadata": {}, "MessageID": ours, "Email": "ok0@customers.example"}
    assert tell(wrong) == 200
    assert counts(mailing()) == {"delivered": 2}
    assert tell(wrong | {"MessageID": ours.strip("<>"), "Email": calls[1]["To"]}) == 200
    assert counts(mailing()) == {"delivered": 1, "bounced": 1}


def test_nobody_by_an_address_or_a_word_that_is_not_ours(calls: list[Told]) -> None:
    forged = calls[0]["Metadata"]["accelerator"][:-3] + "AAA"
    for metadata in ({}, {"accelerator": forged}, {"accelerator": ["x"]}, {"accelerator": None}):
        assert tell(bounce(calls[0]) | {"Metadata": metadata}) == 200
    assert counts(mailing()) == {"delivered": 2}


def test_what_comes_too_early_is_to_be_told_again(provider: Provider, settings: Settings) -> None:
    hooked(provider, settings)
    mailings.submit(mailings.addresses(1), service="esp")
    batch = leave_in_flight(mailing(), 1)
    from accelerator.cloud import links

    token = links.Links(batch.pk, 0).unsubscribe_url.rpartition("/")[2]
    call = {"To": "ok0@customers.example", "Metadata": {"accelerator": token}}
    assert tell(bounce(call)) == 503
    send()
    assert tell(bounce(call)) == 200
    assert counts(mailing()) == {"bounced": 1}


def test_while_nothing_can_be_recorded_it_is_to_be_told_again(calls: list[Told]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE cloud_intent RENAME TO elsewhere")
    try:
        assert tell(bounce(calls[0])) == 503
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO cloud_intent")
    assert tell(bounce(calls[0])) == 200
    assert counts(mailing()) == {"delivered": 1, "bounced": 1}


# --- who may tell it --------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["", "Basic cG9zdG1hcms6d3Jvbmc=", "Bearer x"])
def test_only_the_service_is_let_in(calls: list[Told], said: str) -> None:
    assert tell(bounce(calls[0]), headers={"Authorization": said} if said else {}) == 403
    assert counts(mailing()) == {"delivered": 2}


def test_of_a_service_without_a_webhook_nothing_is_heard(provider: Provider) -> None:
    assert tell({}) == 404
    assert Client().post("/w/other").status_code == 404


def test_other_methods_and_documents_that_cannot_be_read(calls: list[Told], caplog: Any) -> None:
    assert Client().head("/w/esp").status_code == 200
    assert Client().get("/w/esp").status_code == 405
    for body in ("", "[1]", '{"RecordType": ', '{"Bounces": 3}'):
        answer = Client().post("/w/esp", body, content_type="application/json", headers=BASIC)
        assert answer.status_code in (200, 400)
    assert counts(mailing()) == {"delivered": 2}
    assert "@" not in "".join(record.getMessage() for record in caplog.records if "webhook" in record.msg)


def test_signatures_are_anymail_s_to_check(provider: Provider, settings: Settings) -> None:
    """Mailgun signs each call; the login is asked for beside it."""
    key = "mailgun-signing-key"
    settings.MAIL_SERVICES = {
        "esp": Definition(
            "esp",
            "mailgun",
            {"api_key": KEY, "sender_domain": "shop.example"},
            webhook={"webhook_signing_key": key, "webhook_secret": SECRET},
        )
    }
    mailings.submit(mailings.addresses(1))
    batch = leave_in_flight(mailing(), 1)
    Intent.objects.update(state="delivered")
    type(batch).objects.update(in_flight=0, delivered=1)
    from accelerator.cloud import links

    token = links.Links(batch.pk, 0).unsubscribe_url.rpartition("/")[2]
    signature = {"timestamp": "1764000000", "token": "t" * 50}
    event = {
        "event": "failed",
        "severity": "permanent",
        "id": "1",
        "timestamp": 1764000000.5,
        "recipient": "ok0@customers.example",
        "message": {"headers": {"message-id": "x@y"}},
        "user-variables": {"accelerator": token},
        "delivery-status": {"code": 550, "message": "550 5.1.1 No such user"},
    }
    made = hmac.digest(
        key.encode(), (signature["timestamp"] + signature["token"]).encode(), hashlib.sha256
    ).hex()
    assert tell({"signature": signature | {"signature": "0" + made[1:]}, "event-data": event}) == 403
    assert counts(mailing()) == {"delivered": 1}
    assert tell({"signature": signature | {"signature": made}, "event-data": event}) == 200
    assert counts(mailing()) == {"bounced": 1}


# --- definitions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "webhook", ['"x"', '{"webhook_secret": "short:short"}', '{"signing_key": "k"}', '{"webhook_secret": 7}']
)
def test_a_webhook_needs_a_login(webhook: str) -> None:
    with pytest.raises(DefinitionInvalid, match='"webhook" without a "webhook_secret"'):
        parse(f'{{"esp": {{"backend": "postmark", "server_token": "t", "webhook": {webhook}}}}}')


def test_of_a_file(tmp_path: Any, provider: Provider, settings: Settings, calls: list[Told]) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    provider.webhook = {"webhook_secret": f"file:{tmp_path}/secret"}
    settings.MAIL_SERVICES = {"esp": provider.definition}
    assert tell(bounce(calls[0]), headers={}) == 403
    assert tell(bounce(calls[0])) == 200


BACKENDS: dict[str, dict[str, object]] = {
    "brevo": {},
    "mailersend": {"signing_secret": "s"},
    "mailgun": {"webhook_signing_key": "s"},
    "mailjet": {},
    "mailtrap": {},
    "mandrill": {"webhook_key": "s"},
    "postal": {"webhook_key": "s"},
    "postmark": {},
    "resend": {},
    "sendgrid": {},
    "sparkpost": {},
    "unisender_go": {"api_key": "k"},
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_whose_webhooks_are_read(backend: str) -> None:
    assert webhooks.view(Definition("esp", backend, webhook={"webhook_secret": SECRET, **BACKENDS[backend]}))


def test_whose_are_not(provider: Provider, settings: Settings) -> None:
    with pytest.raises(Unusable, match="reads no webhook"):
        webhooks.view(Definition("esp", "scaleway", webhook={"webhook_secret": SECRET}))
    settings.MAIL_SERVICES = {
        "esp": Definition(
            "esp",
            "postal",
            {"api_key": "k", "api_url": "http://x.example"},
            webhook={"webhook_secret": SECRET},
        )
    }
    assert 'its "webhook" lacks a setting' in carrier.problems()["esp"]
