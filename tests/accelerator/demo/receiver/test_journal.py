"""The receiver's own log, and the counts that come from it."""

import errno
import os
from pathlib import Path

import pytest

from accelerator.demo.receiver.journal import Journal


def accept(journal: Journal, *recipients: str) -> None:
    journal.accept("2026-11-22T10:31:12", "bounce@x.example", list(recipients), "<1@x>", 100)


def refuse(journal: Journal, recipient: str, kind: str) -> None:
    journal.refuse("2026-11-22T10:31:13", "bounce@x.example", recipient, kind, "550 5.1.1 No such user here")


def act(journal: Journal, recipient: str, what: str) -> None:
    journal.act("2026-11-22T10:31:14", recipient, "<1@x>", what, "token", 200)


def test_it_counts_recipients_and_counts_the_same_after_a_restart(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    accept(journal, "ann@x.example", "björn@x.example")
    refuse(journal, "carl@x.example", "unknown_user")
    refuse(journal, "dora@x.example", "greylisted")
    act(journal, "ann@x.example", "open")
    act(journal, "ann@x.example", "open")
    act(journal, "björn@x.example", "click")
    acted = {"click": 1, "open": 2}
    expected = {"accepted": 2, "refused": 2, "greylisted": 1, "unknown_user": 1, "acted": acted}
    assert journal.summary() == expected
    journal.close()
    again = Journal(tmp_path)
    assert again.summary() == expected
    again.close()


def test_a_half_written_last_line_is_cut_off_at_the_next_start(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    accept(journal, "ann@x.example")
    journal.close()
    with (tmp_path / "received.jsonl").open("ab") as log:
        log.write(b'{"at": "2026-11-' + b"2" * 9_000)
    again = Journal(tmp_path)
    accept(again, "ben@x.example")
    assert again.summary()["accepted"] == 2
    assert len(again.mentions("ben@x.example")) == 1
    again.close()


def test_a_full_disk_leaves_neither_a_line_nor_a_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    accept(journal, "ann@x.example")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:20]))
    with pytest.raises(OSError, match="full"):
        accept(journal, "ben@x.example")
    monkeypatch.undo()
    accept(journal, "carl@x.example")
    assert journal.summary()["accepted"] == 2
    assert len((tmp_path / "received.jsonl").read_text().splitlines()) == 2
    journal.close()


def test_a_write_that_fails_is_no_acceptance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = Journal(tmp_path)
    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(OSError, match="No space"):
        accept(journal, "ann@x.example")
    assert journal.summary()["accepted"] == 0
    journal.close()


def test_mentions_are_of_exactly_that_address_in_any_case_latest_first(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    accept(journal, "Ann@x.example")
    accept(journal, "joann@x.example")
    refuse(journal, "ann@x.example", "mailbox_full")
    act(journal, "ann@x.example", "open")
    found = journal.mentions("ann@X.example")
    assert [entry.get("act") for entry in found] == ["open", None, None]
    assert [entry.get("kind") for entry in found] == [None, "mailbox_full", None]
    journal.close()


def test_a_durable_journal_is_on_the_disk_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, str]] = []

    def sync(descriptor: int) -> None:
        synced.append((descriptor, (tmp_path / "received.jsonl").read_text()))

    monkeypatch.setattr(os, "fdatasync", sync)
    journal = Journal(tmp_path, durable=True)
    accept(journal, "ann@x.example")
    refuse(journal, "ben@x.example", "greylisted")
    assert len(synced) == 2
    assert "ann@x.example" in synced[0][1]
    journal.close()
    plain = Journal(tmp_path)
    accept(plain, "carl@x.example")
    assert len(synced) == 2
    plain.close()


def test_what_does_not_reach_the_disk_is_no_acceptance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    journal = Journal(tmp_path, durable=True)
    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(OSError, match="Input/output"):
        accept(journal, "ann@x.example")
    assert journal.summary()["accepted"] == 0
    assert (tmp_path / "received.jsonl").read_text() == ""
    journal.close()
