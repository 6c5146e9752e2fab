"""Real Celery workers: killed, stopped, frozen, told to end, and without their broker."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from accelerator.cloud import tasks, window
from accelerator.cloud.celery import app
from accelerator.protocol import Desired
from tests.accelerator.cloud.mailings import addresses, control, counts, status, submit, wait_until
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)

REPOSITORY = Path(__file__).parents[3]
LEASE = 2.0
# More than two windows of two senders cannot be open when they die.
MOST_IN_FLIGHT = 2 * window.MOST


class Worker:
    """A Celery worker with two sending processes, and with beat, so that the sweep runs."""

    def __init__(self, receiver: MailReceiver, log: Path) -> None:
        url = urlsplit(os.environ["CLOUD_DATABASE_URL"])
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "accelerator.cloud.settings",
            "CLOUD_DATABASE_URL": urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}")),
            "SMTP_URL": receiver.url,
            "SENDING_LEASE": str(LEASE),
            "HOLD_SECONDS": "1",
        }
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "accelerator.cloud.celery",
            "worker",
            "-B",
            "-c",
            "2",
        ]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*command, "--without-gossip", "--without-mingle"],
                cwd=REPOSITORY,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def senders(self) -> list[int]:
        """Its processes that hold a batch: those with a line to the mail server."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if _sockets(int(pid)) > 0]

    def end(self) -> None:
        """Whatever state it is in."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGCONT)
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


def _sockets(pid: int) -> int:
    """Established TCP connections of a process; its other sockets here are Unix ones."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue
        inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(1 for line in lines if line.split()[3] == "01" and line.split()[9] in inodes)


Start = Callable[[], Worker]


@pytest.fixture
def start(mail_receiver: MailReceiver, tmp_path: Path) -> Iterator[Start]:
    """Starts workers that send to `mail_receiver`, slowly enough to be met in the middle."""
    mail_receiver.slowness = 0.01
    app.control.purge()
    workers: list[Worker] = []

    def start() -> Worker:
        workers.append(Worker(mail_receiver, tmp_path / "log"))
        return workers[-1]

    yield start
    for worker in workers:
        worker.end()
    app.control.purge()
    sys.stderr.write((tmp_path / "log").read_text())


def in_the_middle(receiver: MailReceiver, worker: Worker) -> list[int]:
    """Wait until both its processes send, and name them."""
    receiver.wait_for(60, within=30)
    wait_until(lambda: len(worker.senders()) == 2)
    return worker.senders()


def at_rest_with(receiver: MailReceiver, people: list[str], numbers: dict[str, int]) -> None:
    """Everybody is accounted for, and nobody got it twice."""
    assert len(set(receiver.received())) == len(receiver.messages)
    assert sum(numbers.values()) == len(people)
    unknown = numbers.get("unknown", 0)
    assert numbers["delivered"] <= len(receiver.messages) <= numbers["delivered"] + unknown


def test_two_workers_share_a_mailing_and_deliver_to_everybody_once(
    mail_receiver: MailReceiver, start: Start
) -> None:
    people = addresses(600, "slow")
    mailing = submit(people, per_batch=50)
    workers = [start(), start()]
    for worker in workers:
        wait_until(lambda worker=worker: len(worker.senders()) > 0, within=30)  # type: ignore[misc]
    wait_until(lambda: status(mailing).state == "finished", within=40)
    assert counts(mailing) == {"delivered": 600}
    assert sorted(mail_receiver.received()) == sorted(people)
    assert mail_receiver.connections >= 3


def test_a_mailing_whose_senders_are_killed_ends_by_itself(mail_receiver: MailReceiver, start: Start) -> None:
    people = addresses(600, "slow")
    mailing = submit(people, per_batch=150)
    worker = start()
    for pid in in_the_middle(mail_receiver, worker):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: status(mailing).state == "finished", within=60)
    numbers = counts(mailing)
    at_rest_with(mail_receiver, people, numbers)
    assert 0 < numbers["unknown"] <= MOST_IN_FLIGHT


def test_a_mailing_whose_whole_worker_is_killed_goes_on_with_the_next(
    mail_receiver: MailReceiver, start: Start
) -> None:
    people = addresses(500, "slow")
    mailing = submit(people, per_batch=125)
    worker = start()
    in_the_middle(mail_receiver, worker)
    os.killpg(worker.process.pid, signal.SIGKILL)
    worker.process.wait(10)
    start()
    wait_until(lambda: status(mailing).state == "finished", within=60)
    numbers = counts(mailing)
    at_rest_with(mail_receiver, people, numbers)
    assert numbers.get("unknown", 0) <= MOST_IN_FLIGHT


@pytest.mark.parametrize("whole_group", [False, True])
def test_a_worker_that_is_told_to_end_leaves_nothing_unknown(
    mail_receiver: MailReceiver, start: Start, whole_group: bool
) -> None:
    people = addresses(400, "slow")
    mailing = submit(people, per_batch=200)
    worker = start()
    in_the_middle(mail_receiver, worker)
    begun = time.monotonic()
    (os.killpg if whole_group else os.kill)(worker.process.pid, signal.SIGTERM)
    worker.process.wait(15)
    assert time.monotonic() - begun < 10
    numbers = counts(mailing)
    assert numbers == {"delivered": len(mail_receiver.messages), "waiting": 400 - len(mail_receiver.messages)}
    start()
    wait_until(lambda: status(mailing).state == "finished", within=40)
    assert counts(mailing) == {"delivered": 400}
    assert sorted(mail_receiver.received()) == sorted(people)


def test_a_sender_frozen_beyond_its_lease_wakes_up_and_writes_nothing(
    mail_receiver: MailReceiver, start: Start
) -> None:
    people = addresses(500, "slow")
    mailing = submit(people, per_batch=250)
    worker = start()
    frozen = in_the_middle(mail_receiver, worker)[0]
    os.kill(frozen, signal.SIGSTOP)
    wait_until(lambda: status(mailing).counts.unknown > 0, within=30)
    os.kill(frozen, signal.SIGCONT)
    wait_until(lambda: status(mailing).state == "finished", within=40)
    numbers = counts(mailing)
    at_rest_with(mail_receiver, people, numbers)
    assert numbers["unknown"] <= MOST_IN_FLIGHT
    wait_until(lambda: b"another sender took over" in Path(f"/proc/{worker.process.pid}/fd/2").read_bytes())
    assert counts(mailing) == numbers


def test_a_mailing_survives_a_broker_that_forgets_everything(
    mail_receiver: MailReceiver, start: Start
) -> None:
    people = addresses(300, "slow")
    mailing = submit(people, per_batch=25)
    start()
    mail_receiver.wait_for(30, within=30)
    with app.connection_or_acquire() as broker:
        broker.default_channel.client.flushall()
    wait_until(lambda: status(mailing).state == "finished", within=40)
    assert counts(mailing) == {"delivered": 300}


def test_a_pause_is_answered_and_obeyed_while_workers_send(mail_receiver: MailReceiver, start: Start) -> None:
    people = addresses(500, "slow")
    mailing = submit(people, per_batch=100)
    worker = start()
    in_the_middle(mail_receiver, worker)
    begun = time.monotonic()
    answer = control(mailing, 1, Desired.PAUSE)
    assert time.monotonic() - begun < 1
    wait_until(lambda: status(mailing).counts.in_flight == 0)
    numbers = counts(mailing)
    assert numbers["delivered"] == len(mail_receiver.messages)
    assert numbers["delivered"] <= answer.counts.delivered + answer.counts.in_flight
    time.sleep(2.5)  # a sweep comes and goes
    assert counts(mailing) == numbers
    control(mailing, 2, Desired.RUN)
    tasks.wake()
    wait_until(lambda: status(mailing).state == "finished", within=40)
    assert counts(mailing) == {"delivered": 500}
    assert sorted(mail_receiver.received()) == sorted(people)
