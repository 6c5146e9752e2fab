"""The latest messages are kept, and no more than those."""

from pathlib import Path

from accelerator.demo.receiver.mailbox import KEPT, Letter, Mailbox


def letters(count: int, *, notification: bool = False, first: int = 0) -> list[Letter]:
    return [
        Letter(
            float(number),
            "b@x.example",
            f"p{number}@x.example",
            notification,
            b"Subject: %d\r\n\r\n" % number,
        )
        for number in range(first, first + count)
    ]


def test_it_keeps_the_latest_of_each_sort_and_survives_a_restart(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "inbox.sqlite3")
    for letter in letters(1, notification=True):
        mailbox.keep(letter)
    mailbox.flush()
    for first in range(1, 3_000, 300):
        for letter in letters(300, first=first):
            mailbox.keep(letter)
        mailbox.flush()
    again = Mailbox(tmp_path / "inbox.sqlite3")
    latest = again.latest(limit=10_000)
    assert len(latest) == KEPT + 1
    assert latest[0].recipient == "p3000@x.example"
    assert latest[-1].notification
    assert [letter.recipient for letter in again.latest(notifications=True)] == ["p0@x.example"]


def test_a_burst_between_two_flushes_costs_no_more_than_it_keeps(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "inbox.sqlite3")
    for letter in letters(10_000):
        mailbox.keep(letter)
    mailbox.flush()
    assert len(mailbox.latest(limit=10_000)) == KEPT
    size = (tmp_path / "inbox.sqlite3").stat().st_size
    for first in range(10_000, 20_000, 500):
        for letter in letters(500, first=first):
            mailbox.keep(letter)
        mailbox.flush()
    assert (tmp_path / "inbox.sqlite3").stat().st_size < 3 * size


def test_it_finds_by_a_part_of_the_recipient_in_any_case_and_pages(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "inbox.sqlite3")
    for letter in letters(40):
        mailbox.keep(letter)
    mailbox.flush()
    found = mailbox.latest(query=" P1", limit=6)
    assert [letter.recipient for letter in found][:2] == ["p19@x.example", "p18@x.example"]
    rest = mailbox.latest(query="p1", before=found[-1].id)
    assert [letter.recipient for letter in rest] == [f"p{n}@x.example" for n in (13, 12, 11, 10, 1)]
    assert mailbox.latest(query="%") == []
