"""Hostile records and senders, sent for real: one message to one address each, with our headers and no others."""

import email
import email.policy
import uuid
from email.message import EmailMessage

import pytest

from accelerator import protocol
from accelerator.cloud import intake
from accelerator.cloud.models import Intent
from accelerator.protocol import Sender
from tests.accelerator.cloud import mailings
from tests.accelerator.cloud.mailings import counts, send, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)

HEADERS = {
    *("from", "to", "subject", "date", "message-id", "mime-version", "content-type"),
    *("list-unsubscribe", "list-unsubscribe-post"),
}
# What the receiver puts before a message.
RECEIVED = {"x-peer", "x-mailfrom", "x-rcptto", "received", "return-path"}

TEMPLATE = protocol.TemplateSource(
    subject="News for {{ first_name }}",
    html='<p title="{{ first_name }}">{{ first_name }}</p><a href="https://x.example/{{ first_name }}">x</a>',
    text="[{{ first_name }}]\n{{ unsubscribe_url }}",
)

NAMES = [
    "Eve\r\nBcc: eve@evil.example",
    "Eve\nBcc: eve@evil.example\n\n<script>",
    "Eve\rBcc: eve@evil.example",
    "Eve\r\n\r\nA body of hers",
    "Eve\r\n.\r\nMAIL FROM:<eve@evil.example>\r\nRCPT TO:<eve@evil.example>\r\nDATA\r\nhello\r\n.\r\n",
    "Eve\n.\nQUIT\n",
    "Eve\r.\rQUIT\r",
    ".",
    "..\r\n.",
    "Eve\x0bBcc: x\x0cBcc: x\x1cBcc: x\x1dBcc: x\x1eBcc: x\x85Bcc: x\u2028Bcc: x\u2029Bcc: x",
    "Eve\x1b[31m\x07\x08\x7f",
    "=?utf-8?b?QmNjOiBldmVAZXZpbC5leGFtcGxl?=",
    "=?utf-8?q?=0D=0ABcc:=20eve@evil.example?=",
    "Eve" * 4_000,
    "é" * 2_000,
    "\u202eelpmaxe.live@eve\u202c",
    "<script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% include 'text' %}",
    "💩🏳️‍🌈",
    "--boundary--\r\nContent-Type: text/html\r\n\r\n<b>",
    "Content-Type: text/html",
    " \t ",
    "%0d%0aBcc: eve@evil.example",
]

# One address each, whatever there is in it; or nobody's.
GOOD = [
    "ok1@customers.example",
    '"ok.two"@customers.example',
    '"ok..three"@customers.example',
    "ok4@xn--pple-43d.example",
    "OK5+tag@Customers.example",
    "ok6%evil.example@customers.example",
    "ok7!eve@customers.example",
    "'--ok8@customers.example",
    "|ok9@customers.example",
    "ok10/eve@customers.example",
    "\ufeffok11@customers。example",
]
BAD = [
    "ok@customers.example\r\nRCPT TO:<eve@evil.example>",
    "ok@customers.example>\r\nRCPT TO:<eve@evil.example",
    "ok@customers.example\nBcc: eve@evil.example",
    "ok@customers.example\rBcc: eve@evil.example",
    "ok\r\n@customers.example",
    "ok@customers.example,eve@evil.example",
    "ok@customers.example;eve@evil.example",
    "ok@customers.example eve@evil.example",
    "ok@customers.example> SIZE=1 <",
    "<ok@customers.example>",
    "Bob <ok@customers.example>",
    "ok(comment)@customers.example",
    "ok@customers.example(comment)",
    '"ok eve"@customers.example',
    '"ok"eve"@customers.example',
    '"ok\\"@customers.example',
    '"ok\r\n"@customers.example',
    "ok@@customers.example",
    "ok@eve@customers.example",
    "@customers.example",
    "ok@",
    "ok",
    "@",
    "",
    " ",
    "ok@customers.example:25",
    "ok@-",
    "ok@customers.example/../evil",
    "ok@[127.0.0.1",
    "ok@customers.example\u2028x",
    "ok @customers.example",
    "ok\u00a0@customers.example",
    "ok@" + "\u202e" + "customers.example",
    "ok@customers。example。",
    "ok\0@customers.example",
    "o\u200bk@customers.example",
    "ok..two@customers.example",
    '"ok,eve"@customers.example',
    "ok@[127.0.0.1]",
    "ok@localhost",
    "ok@xn--a.example",
    None,
]


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_no_record_writes_a_header_a_command_or_another_message(receiver: MailReceiver) -> None:
    people = [f"ok{number}@customers.example" for number in range(len(NAMES))]
    mailing = submit(people, names=NAMES, template=TEMPLATE)
    send()
    assert counts(mailing) == {"delivered": len(NAMES)}
    assert sorted(receiver.received()) == sorted(people)
    for sender, recipient, content in receiver.messages:
        message = parsed(content)
        names = [name.lower() for name in message if name.lower() not in RECEIVED]
        assert sorted(names) == sorted(HEADERS), content[:600]
        assert (sender, message["To"], message["From"].addresses[0].addr_spec) == (
            "news@shop.example",
            recipient,
            "news@shop.example",
        )
        assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
        html = message.get_body(("html",)).get_content()  # type: ignore[union-attr]
        assert "<script" not in html
        assert 'onmouseover="' not in html
        assert all(len(line) <= 998 for line in content.split(b"\r\n"))
        assert b"\r" not in content.replace(b"\r\n", b"")
        assert b"\n" not in content.replace(b"\r\n", b"")
        assert b"49" not in message["Subject"].encode()


def test_each_record_is_one_address_or_nobodys(receiver: MailReceiver) -> None:
    mailing = submit([*GOOD, *BAD], per_batch=7)
    send()
    found = counts(mailing)
    assert found == {"delivered": len(GOOD), "suppressed": len(BAD)}
    # The receiver reads a quoted name as the name that it quotes.
    keys = {protocol.address_key(address).replace('"', "") for address in GOOD}
    assert {recipient.lower().replace('"', "") for recipient in receiver.received()} == keys
    assert len(receiver.messages) == len(GOOD)
    assert not receiver.refused
    assert set(Intent.objects.filter(state="suppressed").values_list("code", flat=True)) == {"invalid"}


def test_a_very_long_address_is_refused_by_somebody_and_stops_nobody(receiver: MailReceiver) -> None:
    people = ["ok1@customers.example", "o" * 10_000 + "@customers.example", "ok@" + "a." * 5_000 + "example"]
    mailing = submit([*people, "ok2@customers.example"])
    send()
    found = counts(mailing)
    assert found["delivered"] >= 2
    assert sum(found.values()) == 4
    assert {"ok1@customers.example", "ok2@customers.example"} <= set(receiver.received())


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_sender_stays_a_name(receiver: MailReceiver, name: str) -> None:
    sender = Sender(from_name=name[:200], from_address="news@shop.example", reply_to="help@shop.example")
    data = protocol.encode_batch(mailings.table(["ok@customers.example"]))
    made = intake.accept(uuid.uuid4(), mailings.request([data], sender=sender))
    intake.store_batch(made.key, 0, data)
    send()
    (_, _, content) = receiver.messages[-1]
    message = parsed(content)
    names = [one.lower() for one in message if one.lower() not in RECEIVED]
    assert sorted(names) == sorted(HEADERS | {"reply-to"})
    assert [one.addr_spec for one in message["From"].addresses] == ["news@shop.example"]
    assert [one.addr_spec for one in message["Reply-To"].addresses] == ["help@shop.example"]


@pytest.mark.parametrize("field", ["from_address", "reply_to"])
@pytest.mark.parametrize(
    "address",
    [
        "news@shop.example\r\nBcc: eve@evil.example",
        "news@shop.example\nx",
        "news@shop.example, eve@evil.example",
        "News <news@shop.example>",
        "news@shop.example>",
        '"news"@shop.example',
        "news@shöp.example",
        "news@[127.0.0.1]",
        "news@shop.example ",
        "news@shop.example\0",
        "news",
    ],
)
def test_an_address_of_a_sender_that_is_none_is_refused(field: str, address: str) -> None:
    sender = Sender(
        **{"from_name": "Shop", "from_address": "news@shop.example", "reply_to": ""} | {field: address}
    )
    data = protocol.encode_batch(mailings.table(["ok@customers.example"]))
    with pytest.raises(intake.Refused):
        intake.accept(uuid.uuid4(), mailings.request([data], sender=sender))


def test_nothing_of_one_recipient_gets_into_the_mail_of_the_next(receiver: MailReceiver) -> None:
    template = protocol.TemplateSource(
        subject="s",
        html="<p>{{ supplemental.last }}</p>{% set _ = supplemental.update({'last': email}) %}",
        text="t",
    )
    data = protocol.encode_batch(mailings.table(["ok1@customers.example", "ok2@customers.example"]))
    document = mailings.request([data], template=template, supplemental={"last": "nobody"})
    made = intake.accept(uuid.uuid4(), document)
    intake.store_batch(made.key, 0, data)
    send()
    for _, recipient, content in receiver.messages:
        other = ({"ok1@customers.example", "ok2@customers.example"} - {recipient}).pop()
        assert other.encode() not in content
