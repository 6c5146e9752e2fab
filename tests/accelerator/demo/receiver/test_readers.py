"""People act on mail that really came, through links that really answer; the ledger says what was done."""

import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from email.policy import SMTP
from pathlib import Path

import pytest

from accelerator.demo.receiver import acting, links, readers
from accelerator.demo.receiver.journal import Journal
from accelerator.demo.receiver.readers import Readers
from tests.accelerator.demo.conftest import Receiver
from tests.accelerator.demo.receiver.conftest import Sender, campaign_mail, until

ENGAGED = ("--engagement-minutes", "0.02")


def send(receiver: Receiver, url: str, *recipients: str, **options: str) -> None:
    with receiver.connect() as client:
        for number, recipient in enumerate(recipients):
            message = campaign_mail(url, recipient, f"m{number}", **options)  # type: ignore[arg-type]
            client.sendmail("bounce@x.example", [recipient], message.as_bytes(policy=SMTP), ["BODY=8BITMIME"])


def acts(receiver: Receiver) -> list[tuple[object, ...]]:
    return [(entry["act"], entry["link"], entry["status"]) for entry in receiver.acted()]


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "quoted-printable"])
def test_words_act_and_the_ledger_says_so(
    start: Callable[..., Receiver], sender: Sender, encoding: str
) -> None:
    receiver = start(*ENGAGED)
    send(receiver, sender.url, "clicker@x.example", "leaver@heronandhale.example", encoding=encoding)
    until(lambda: len(receiver.acted()) == 6)
    mine = [entry for entry in receiver.acted() if entry["recipient"] == "clicker@x.example"]
    assert {entry["message_id"] for entry in mine} == {"<m0@x.example>"}
    assert [entry["act"] for entry in mine] == ["open", "click", "click", "click"]
    assert sorted((str(entry["link"]), entry["status"]) for entry in mine) == [
        ("click-m0-0", 302),
        ("click-m0-1", 302),
        ("click-m0-2", 302),
        ("m0", 200),
    ]
    assert sorted(sender.asked()) == [*(f"/c/click-m0-{number}" for number in range(3)), "/o/m0", "/o/m1"]
    assert sender.asked("POST") == ["/u/m1"]
    assert receiver.ask("/api/counts") == {
        "accepted": 2,
        "refused": 0,
        "acted": {"open": 2, "click": 3, "unsubscribe": 1},
    }
    receiver.stop()
    assert start(*ENGAGED).ask("/api/counts")["acted"] == {"open": 2, "click": 3, "unsubscribe": 1}


def test_a_whole_job_s_recipients_do_what_was_decided_no_more_and_no_less(
    start: Callable[..., Receiver], sender: Sender
) -> None:
    receiver = start(*ENGAGED, "--accept-all")
    people = [f"person{number}@fastpost.example" for number in range(150)]
    send(receiver, sender.url, *people)
    expected: Counter[tuple[object, ...]] = Counter()
    for number, person in enumerate(people):
        message = campaign_mail(sender.url, person, f"m{number}").as_bytes(policy=SMTP)
        found = links.find(message, message)
        for deed in acting.deeds(person, f"<m{number}@x.example>", lambda found=found: found, 1.2):  # type: ignore[misc]
            expected[person, str(deed.act), deed.url.rpartition("/")[2], deed.agent] += 1
    assert expected.total() > 100
    until(lambda: len(receiver.acted()) >= expected.total())
    assert Counter((e["recipient"], e["act"], e["link"]) for e in receiver.acted()) == Counter(
        key[:3] for key in expected.elements()
    )
    assert Counter((visit.path.rpartition("/")[2], visit.agent) for visit in sender.visits) == Counter(
        key[2:] for key in expected.elements()
    )


def test_only_mail_with_list_unsubscribe_is_acted_on(start: Callable[..., Receiver], sender: Sender) -> None:
    receiver = start(*ENGAGED)
    plain = campaign_mail(sender.url, "clicker1@x.example", "plain")
    del plain["List-Unsubscribe"]
    with receiver.connect() as client:
        client.send_message(plain)
    send(receiver, sender.url, "clicker2@x.example")
    until(lambda: len(receiver.acted()) == 4)
    assert {entry["recipient"] for entry in receiver.acted()} == {"clicker2@x.example"}


def test_other_origins_are_left_alone_and_redirects_too(
    start: Callable[..., Receiver], open_sender: Callable[..., Sender]
) -> None:
    sender, stranger = open_sender(), open_sender()
    sender.leads_to = f"{stranger.url}/c/landing"
    receiver = start(*ENGAGED)
    strange = (
        f'<a href="{stranger.url}/c/1">x</a><img src="{stranger.url}/o/1"><a href="{sender.url}/p/1">x</a>'
    )
    send(receiver, sender.url, "clicker@x.example", more=strange)
    until(lambda: len(receiver.acted()) == 4)
    assert len(sender.visits) == 4
    assert stranger.visits == []


def test_at_zero_minutes_nobody_acts(start: Callable[..., Receiver], sender: Sender) -> None:
    receiver = start("--engagement-minutes", "0")
    send(receiver, sender.url, "opener@x.example", "leaver@x.example")
    time.sleep(1.2)  # not for luck: the promise is that nothing happens
    assert sender.visits == []
    assert receiver.ask("/api/counts") == {"accepted": 2, "refused": 0, "acted": {}}


def test_an_error_that_passes_is_tried_again_and_is_one_line(
    start: Callable[..., Receiver], sender: Sender
) -> None:
    sender.failures.append(503)
    receiver = start(*ENGAGED)
    send(receiver, sender.url, "opener@x.example")
    until(receiver.acted)
    assert sender.asked() == ["/o/m0", "/o/m0"]
    assert sender.visits[1].at - sender.visits[0].at > 0.9
    assert acts(receiver) == [("open", "m0", 200)]


def test_an_error_that_stays_is_not_an_act(start: Callable[..., Receiver], sender: Sender) -> None:
    sender.failures.append(404)
    receiver = start(*ENGAGED)
    send(receiver, sender.url, "leaver@x.example")
    until(receiver.acted)
    assert acts(receiver) == [("unsubscribe", "m0", 200)]
    assert sender.asked() == ["/o/m0"]


def test_a_cloud_that_is_away_is_waited_for(
    start: Callable[..., Receiver], open_sender: Callable[..., Sender]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    receiver = start(*ENGAGED)
    send(receiver, f"http://127.0.0.1:{port}", "opener@x.example")
    time.sleep(0.6)  # the first attempt finds nobody
    assert receiver.acted() == []
    sender = open_sender(port)
    until(receiver.acted)
    assert len(sender.visits) == 1


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_promptly_in_the_middle_of_things(
    start: Callable[..., Receiver], sender: Sender, how: signal.Signals
) -> None:
    sender.go_on.clear()
    receiver = start("--engagement-minutes", "10")
    send(receiver, sender.url, *(f"opener{number}@x.example" for number in range(20)))
    until(lambda: sender.visits)
    began = time.monotonic()
    assert receiver.stop(how) == 0
    assert time.monotonic() - began < 2
    assert receiver.acted() == []


def test_many_recipients_of_one_message_each_act(start: Callable[..., Receiver], sender: Sender) -> None:
    receiver = start(*ENGAGED)
    with receiver.connect() as client:
        people = [f"opener{number}@x.example" for number in range(5)]
        client.sendmail(
            "b@x.example", people, campaign_mail(sender.url, "all@x.example").as_bytes(policy=SMTP)
        )
    until(lambda: len(receiver.acted()) == 5)
    assert {entry["recipient"] for entry in receiver.acted()} == set(people)


def test_malformed_mail_does_not_disturb_the_line_it_comes_on(
    start: Callable[..., Receiver], sender: Sender
) -> None:
    receiver = start(*ENGAGED)
    with receiver.connect() as client:
        for body in (b"", b"List-Unsubscribe: <", b"List-Unsubscribe: <http://[/u/1>\r\n\r\nx", b"\xff" * 50):
            assert client.sendmail("b@x.example", ["opener@x.example"], body) == {}
    send(receiver, sender.url, "opener@x.example")
    until(receiver.acted)
    assert len(receiver.received()) == 5


# --- in this process --------------------------------------------------------------------------------------


def receive(made: Readers, url: str, recipient: str, name: str, *, clicks: int = 3, pixel: str = "") -> None:
    message = campaign_mail(url, recipient, name, clicks=clicks).as_bytes(policy=SMTP)
    message = message.replace(f"/o/{name}".encode(), f"/o/{pixel or name}".encode())
    made.receive([recipient], f"<{name}@x.example>", message.partition(b"\r\n\r\n")[0] + b"\r\n", message)


def test_what_is_due_at_once_is_done_in_order_and_never_faster_than_the_rate(
    tmp_path: Path, sender: Sender
) -> None:
    journal = Journal(tmp_path)
    made = Readers(journal, minutes=1, rate=40)
    for name in ("first", "second"):
        receive(made, sender.url, "clicker@x.example", name, clicks=15)
    made.start()
    until(lambda: journal.acts.total() == 32)
    made.stop()
    journal.close()
    paths = [visit.path for visit in sender.visits]
    assert set(paths[:2]) == {"/o/first", "/o/second"}
    assert all("first" in path for path in paths[2:17])
    assert all("second" in path for path in paths[17:])
    assert sender.visits[-1].at - sender.visits[0].at > 31 / 40 - 0.05


def test_what_waits_is_bounded(tmp_path: Path, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "WAITING_LIMIT", 10)
    journal = Journal(tmp_path)
    made = Readers(journal, minutes=1)
    for number in range(30):
        receive(made, sender.url, f"opener{number}@x.example", str(number))
    made.start()
    until(lambda: journal.acts.total() == 10)
    # There is room again.
    receive(made, sender.url, "leaver@x.example", "late")
    until(lambda: journal.acts.total() == 12)
    made.stop()
    journal.close()
    assert sorted(sender.asked()) == sorted([*(f"/o/{number}" for number in range(10)), "/o/late"])


def test_a_long_link_is_named_by_a_digest(tmp_path: Path, sender: Sender) -> None:
    journal = Journal(tmp_path)
    made = Readers(journal, minutes=1)
    made.start()
    receive(made, sender.url, "opener@x.example", "1", pixel="x" * 300)
    until(lambda: journal.acts.total() == 1)
    made.stop()
    journal.close()
    assert sender.asked() == [f"/o/{'x' * 300}"]
    log = (tmp_path / "acted.jsonl").read_text()
    assert '"link": "' in log
    assert "xxx" not in log.partition('"link"')[2]
