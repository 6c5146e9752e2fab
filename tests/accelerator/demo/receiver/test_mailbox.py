"""The latest messages are kept, and no more than those."""

from pathlib import Path

import pytest

from accelerator.demo.receiver.mailbox import BURST, KEPT, PER_SECOND, Letter, Mailbox


def letters(count: int, *, notification: bool = False, first: int = 0, rate: float = 1.0) -> list[Letter]:
    """That many letters, `rate` a second."""
    return [
        Letter(n / rate, "b@x.example", f"p{n}@x.example", notification, b"Subject: %d\r\n\r\n" % n)
        for n in range(first, first + count)
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


def test_told_to_keep_everything_it_does(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "inbox.sqlite3", everything=True)
    for first in range(0, 3 * KEPT, KEPT):
        for letter in letters(KEPT, first=first, rate=3_000):
            mailbox.keep(letter)
        mailbox.flush()
    assert len({letter.recipient for letter in mailbox.latest(limit=10_000)}) == 3 * KEPT


def test_of_a_large_job_it_keeps_the_beginning_and_a_sample_of_the_rest(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "inbox.sqlite3")
    seconds = 10
    for letter in letters(30_000, rate=30_000 / seconds):
        mailbox.keep(letter)
    mailbox.keep(letters(1, notification=True)[0])
    mailbox.flush()
    kept = mailbox.latest(limit=10_000)
    assert len(kept) == pytest.approx(BURST + seconds * PER_SECOND + 1, abs=3)
    assert {f"p{number}@x.example" for number in range(BURST)} <= {letter.recipient for letter in kept}
    # After a while of quiet, all of a small job is kept again.
    for letter in letters(BURST, first=1_000_000):
        mailbox.keep(letter)
    mailbox.flush()
    newest = mailbox.latest(limit=BURST)
    assert newest[-1].recipient == "p1000000@x.example"


def test_the_file_stays_small(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "inbox.sqlite3")
    sizes = []
    for first in range(0, 20_000, 500):
        for letter in letters(500, first=first):
            mailbox.keep(letter)
        mailbox.flush()
        sizes.append((tmp_path / "inbox.sqlite3").stat().st_size)
    assert max(sizes) < 3 * sizes[3]


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
