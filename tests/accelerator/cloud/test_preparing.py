"""Messages from a Template that takes too much for some: they have Render Errors, everybody else has mail."""

import os
import signal
import threading

import pyarrow as pa
import pytest
from django.db import connection
from pytest_django import Settings

from accelerator import leases, protocol
from accelerator.cloud import delivering, dispatching, preparing
from accelerator.cloud.models import Batch, Intent
from accelerator.rendering import children
from tests.accelerator import waiting
from tests.accelerator.cloud.mailings import addresses, counts, send, status, submit
from tests.accelerator.rendering import poison
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)

TEMPLATE = protocol.TemplateSource(
    subject="News for {{ first_name }}",
    html=poison.HTML.replace("kind", "first_name").replace(
        "{{ name }}", "<a href='https://shop.example'>x</a>"
    ),
    text="{{ unsubscribe_url }}",
)


@pytest.mark.parametrize("kind", poison.KINDS)
def test_a_record_that_takes_too_much_costs_only_its_recipient(receiver: MailReceiver, kind: str) -> None:
    mailing = submit(addresses(5), names=["Ann", kind, "Bob", kind, "Cid"], template=TEMPLATE)
    send()
    assert sorted(receiver.received()) == [addresses(5)[number] for number in (0, 2, 4)]
    assert counts(mailing) == {"delivered": 3, "render_errors": 2}
    for intent in Intent.objects.filter(state="render_errors"):
        assert intent.recipient_id in ("1", "3")
        assert intent.reply == f"The html of the template failed: {poison.TOO_MUCH}"


def test_a_template_that_takes_too_much_for_everybody_stops_its_mailing_soon(
    receiver: MailReceiver, settings: Settings
) -> None:
    settings.STOP_RENDER_MINIMUM = 20
    mailing = submit(addresses(200), names=["depth"] * 200, template=TEMPLATE)
    send()
    stopped = status(mailing).stopped
    assert stopped is not None
    assert stopped.code == "template"
    assert receiver.received() == []
    assert 20 <= counts(mailing)["render_errors"] < 100
    replies = set(Intent.objects.values_list("reply", flat=True))
    assert [poison.TOO_MUCH in reply or "was not tried" in reply for reply in replies] == [True, True]


def test_the_batch_stays_ours_however_long_that_takes(receiver: MailReceiver, settings: Settings) -> None:
    settings.SENDING_LEASE = 3.0
    mailing = submit(addresses(3), names=["Ann", "time", "Cid"], template=TEMPLATE)
    over, taken = threading.Event(), []

    def compete() -> None:
        while not over.wait(0.1):
            taken.append(dispatching.take())
        connection.close()

    other = threading.Thread(target=compete)

    # The other looks for work as soon as this one has it.
    batch = dispatching.take()
    assert batch is not None
    other.start()
    try:
        delivering.send_from(batch)
    finally:
        over.set()
        other.join()
    assert len(taken) > 20
    assert set(taken) == {None}
    assert counts(mailing) == {"delivered": 2, "render_errors": 1}


def test_nobody_is_blamed_when_the_process_that_renders_is_killed(receiver: MailReceiver) -> None:
    steps = "{% for i in range(20000) %}{% endfor %}"
    slow = TEMPLATE.model_copy(update={"text": steps * 3 + "{{ unsubscribe_url }}"})
    mailing = submit(addresses(150), template=slow)
    killed: list[int] = []

    def kill() -> None:
        waiting.until(lambda: len(receiver.received()) > 20)
        for child in poison.children():
            os.kill(child, signal.SIGKILL)
            killed.append(child)

    killer = threading.Thread(target=kill)
    killer.start()
    send()
    killer.join()
    assert killed
    assert not set(killed) & set(poison.children())
    assert sorted(receiver.received()) == sorted(addresses(150))
    assert counts(mailing) == {"delivered": 150}


def test_a_machine_that_can_start_no_process_holds_the_mailing_and_blames_nobody(
    receiver: MailReceiver, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.HOLD_SECONDS = 0
    mailing = submit(addresses(3))
    with monkeypatch.context() as patched:
        patched.setattr(children, "_kept", lambda: None)
        patched.setattr(children, "PROGRAM", "accelerator.rendering.nothing")
        for _ in range(delivering.MISTAKES + 1):
            leases.wake(Batch.objects.filter(mailing=mailing))
            assert delivering.step()
    held = status(mailing).held
    assert held is not None
    assert held.reason.startswith("The Cloud cannot start the process that renders messages")
    assert counts(mailing) == {"waiting": 3}
    leases.wake(Batch.objects.filter(mailing=mailing))
    send()
    assert counts(mailing) == {"delivered": 3}


def test_a_message_walks_through_a_column_of_json() -> None:
    extra = protocol.nested(pa.field("extra", pa.string()))
    far = pa.field("at", pa.timestamp("s"))
    table = pa.table([['{"tier": 2}', None], [0, 2**60]], schema=pa.schema([extra, far]))
    [first, second] = preparing._rows(table)
    assert (first["extra"], second["extra"], second["at"]) == ({"tier": 2}, None, None)
    assert preparing._rows(table.slice(0, 1))[0]["extra"] == {"tier": 2}
