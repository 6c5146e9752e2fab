"""What a frozen process holds, and for how long."""

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, connection, transaction
from django.test import Client

from accelerator import protocol
from accelerator.cloud import delivering, ledger, locking
from accelerator.cloud.models import Batch
from accelerator.protocol import Desired
from tests.accelerator.cloud.mailings import addresses, control, counts, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_nobody_keeps_a_lock_as_long_as_a_lease() -> None:
    with connection.cursor() as cursor:
        for name in ("idle_in_transaction_session_timeout", "lock_timeout"):
            cursor.execute("SELECT extract(epoch FROM current_setting(%s)::interval)", [name])
            assert 0 < cursor.fetchone()[0] < settings.SENDING_LEASE


def test_a_pause_gets_through_when_a_frozen_sender_loses_its_transaction() -> None:
    mailing = submit(addresses(3))
    with frozen(mailing.key, for_ms=500):
        begun = time.monotonic()
        assert control(mailing, 1, Desired.PAUSE).state == protocol.MailingState.PAUSED
        assert time.monotonic() - begun < 5


def test_a_control_that_waits_too_long_for_a_lock_is_told_to_repeat(client: Client) -> None:
    mailing = submit(addresses(3))
    body = protocol.ControlRequest(seq=1, desired=Desired.PAUSE).model_dump_json().encode()
    path = f"/v1/mailings/{mailing.key}/control"
    key = next(iter(settings.CLOUD_KEYS.values()))
    with frozen(mailing.key, for_ms=10_000):
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        signed = protocol.sign(key, "PUT", path, body, at=int(time.time()))
        answer = client.put(path, body, content_type="application/json", headers=signed)
    assert (answer.status_code, answer.json()["error"]) == (503, "busy")
    signed = protocol.sign(key, "PUT", path, body, at=int(time.time()))
    again = client.put(path, body, content_type="application/json", headers=signed)
    assert (again.status_code, again.json()["state"]) == (200, "paused")


def test_outcomes_are_recorded_after_a_transaction_was_ended_for_its_idleness(
    receiver: MailReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender that slept inside its first settling knows what was sent, and says it in the next."""
    mailing = submit(addresses(3))
    real = ledger._ours
    slept: list[bool] = []

    def sleeping(batch: Batch) -> locking.Standing:
        standing = real(batch)
        if receiver.messages and not slept:
            slept.append(True)
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '100ms'")
            time.sleep(0.4)
        return standing

    monkeypatch.setattr(ledger, "_ours", sleeping)
    assert delivering.step()
    assert slept
    assert counts(mailing) == {"delivered": 3}


@contextlib.contextmanager
def frozen(key: uuid.UUID, *, for_ms: int) -> Iterator[None]:
    """Somebody who shares the mailing's row and then does nothing more, until PostgreSQL or the test ends it."""
    inside, go = threading.Event(), threading.Event()

    def hold() -> None:
        with contextlib.suppress(InternalError, InterfaceError, OperationalError), transaction.atomic():
            locking.share(key)
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = {for_ms:d}")
            inside.set()
            go.wait(20)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(10)
    try:
        yield
    finally:
        go.set()
        thread.join(10)
