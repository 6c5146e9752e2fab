"""`manage.py complaint`: complaints reach the Cloud, and no address reaches the terminal."""

import re
import sys
import threading
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management.base import OutputWrapper

from accelerator import leases
from accelerator.management.reporting import UNTIL
from accelerator.management.watching import Screen, follow
from accelerator.protocol import Addresses, EventKind
from jobs import steps
from jobs.client import CloudClient
from jobs.models import Job
from tests.accelerator.management.terminal import run
from tests.mail import MailReceiver


@pytest.fixture
def sent(job: Job, cloud: CloudClient, sender: MailReceiver) -> Iterator[Job]:
    """Delivered to Ann, Ben and Cat. Afterwards they may be contacted again: tests share the Cloud."""

    def work(seconds: float) -> None:
        leases.wake(job.steps.filter(due_at__isnull=False))
        for pk, _ in steps.due_of(job.pk):
            steps.run(pk)
        threading.Event().wait(0.05)

    screen = Screen(OutputWrapper(StringIO()), rewrites=False)
    sent = follow(job.pk, UNTIL["collecting"], screen, pause=work)
    assert sent.counts.delivered == 3
    yield sent
    cloud.unsuppress(Addresses(addresses=[f"{name}@example.com" for name in ("ann", "ben", "cat")]))


def typed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(text))


def counted(cloud: CloudClient, job: Job) -> int:
    """Complaints in the log of the Cloud."""
    return [event.kind for event in cloud.events(job.pk, 0).events].count(EventKind.COMPLAINT)


def link_of(sender: MailReceiver, job: Job, address: str) -> str:
    """The unsubscribe link in the mail to that address."""
    for _, recipient, message in reversed(sender.messages):
        found = re.search(rb"List-Unsubscribe: <(http\S+)>", message)
        if recipient == address and found:
            return found[1].decode()
    raise AssertionError("no link")


@pytest.mark.django_db(transaction=True)
def test_complaints_are_handed_to_the_cloud_and_counted_once(
    sent: Job, cloud: CloudClient, sender: MailReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run("complaint", str(sent.request_id), "ann@example.com", "ben@example.com")
    assert (said.code, said.out) == (0, "2 complaints handed to the Cloud; 2 new.\n")
    assert counted(cloud, sent) == 2
    typed(f"Ann@example.com\n\n{link_of(sender, sent, 'cat@example.com')}\n", monkeypatch)
    said = run("complaint", str(sent.request_id), "-")
    assert (said.code, said.out, said.err) == (0, "2 complaints handed to the Cloud; 1 new.\n", "")
    assert counted(cloud, sent) == 3


@pytest.mark.django_db(transaction=True)
def test_a_stranger_among_them_keeps_nobody_elses_from_being_counted(
    sent: Job, cloud: CloudClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed("ann@example.com\n\nstranger@example.com\nben@example.com\nnonsense\n", monkeypatch)
    said = run("complaint", str(sent.request_id))
    assert (said.code, said.out) == (1, "2 complaints handed to the Cloud; 2 new.\n")
    assert "neither an address nor a link: line 5." in said.err
    assert "Nobody whom the Cloud has written to: line 3." in said.err
    assert "example.com" not in said.err
    assert counted(cloud, sent) == 2


@pytest.mark.usefixtures("no_cloud")
@pytest.mark.parametrize("words", [("nonsense",), ("ann@@", "http//x")])
def test_what_is_neither_an_address_nor_a_link_is_left_out_and_said(words: tuple[str, ...]) -> None:
    said = run("complaint", "02-b4", *words)
    assert said.code == 1
    assert (
        f"neither an address nor a link: number {', '.join(map(str, range(1, len(words) + 1)))}." in said.err
    )
    assert not any(word in said.err for word in words)


@pytest.mark.usefixtures("no_cloud")
def test_an_address_without_a_request_id_is_no_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    typed("ann@example.com\n", monkeypatch)
    said = run("complaint", "-")
    assert said.code == 1
    assert "(an address needs its Request ID): line 1." in said.err
    assert "ann@" not in said.err


@pytest.mark.usefixtures("no_cloud")
def test_without_a_cloud_it_says_what_was_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    typed("ann@example.com\n\nben@example.com\nhttp://localhost:8001/u/token\n", monkeypatch)
    said = run("complaint", "02-b4", "-")
    assert said.code == 1
    assert "can't be reached" in said.err
    assert "0 of 3 complaints were handed over" in said.err
    assert "example.com" not in said.err


@pytest.mark.usefixtures("no_cloud")
def test_nobody_complained_is_said_too(monkeypatch: pytest.MonkeyPatch) -> None:
    typed("\n \n", monkeypatch)
    assert run("complaint", "02-b4").code == 2
