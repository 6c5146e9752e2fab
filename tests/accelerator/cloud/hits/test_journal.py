"""Hits in files: on the disk before anybody is answered, handed over once, by whoever comes, whatever dies."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from accelerator.cloud.hits import journal
from accelerator.cloud.hits.visits import Visit


def visit(position: int = 0) -> Visit:
    return Visit(1, position, "open", None, machine=False)


def taken(folder: Path) -> list[Visit]:
    found: list[Visit] = []
    journal.empty(folder, found.extend)
    return found


def test_what_is_written_is_handed_over_as_it_was_and_once(tmp_path: Path) -> None:
    folder = tmp_path / "hits"
    visits = [Visit(2**62, 7, "click", 3, machine=True), visit()]
    assert journal.is_empty(folder)
    for one in visits:
        journal.write(folder, one)
    assert not journal.is_empty(folder)
    assert taken(folder) == visits
    assert journal.is_empty(folder)
    assert taken(folder) == []


def test_it_is_on_the_disk_before_it_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    journal.write(tmp_path / "hits", visit())
    assert len(synced) == 2  # the file with the line in it, and the folder that knows the file
    assert synced[0] > 0


def test_what_cannot_be_handed_over_stays(tmp_path: Path) -> None:
    visits = [visit(n) for n in range(3)]
    for one in visits:
        journal.write(tmp_path, one)

    def away(_: list[Visit]) -> None:
        raise ConnectionError

    for _ in range(2):
        with pytest.raises(ConnectionError):
            journal.empty(tmp_path, away)
    journal.write(tmp_path, last := visit(3))
    assert sorted(taken(tmp_path), key=lambda one: one.position) == [*visits, last]


def test_a_line_that_was_written_to_half_spoils_no_other(tmp_path: Path) -> None:
    journal.write(tmp_path, first := visit(1))
    (file,) = tmp_path.iterdir()
    with file.open("ab") as lines:
        lines.write(visit(2).line()[:-10])
    journal.write(tmp_path, last := visit(3))
    assert taken(tmp_path) == [first, last]


def test_a_disk_without_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, line: write(file, line[:5]))
    with pytest.raises(OSError, match="no room"):
        journal.write(tmp_path, visit())


WRITER = """
import sys
from pathlib import Path
import django
django.setup()
from accelerator.cloud.hits import journal
from accelerator.cloud.hits.visits import Visit
for n in range(int(sys.argv[2])):
    one = Visit(1, n, "open", None, machine=False)
    journal.write(Path(sys.argv[1]), one)
    print(one.id, flush=True)
"""


def test_nothing_is_lost_or_doubled_while_processes_write_and_are_killed_and_others_empty(
    tmp_path: Path,
) -> None:
    """What a writer said is on the disk comes to the database once, whoever takes it there, and when."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), "100000"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "accelerator.cloud.settings"},
        )
        for _ in range(3)
    ]
    found: list[Visit] = []
    ended = threading.Event()

    def empty() -> None:
        while not ended.is_set():
            journal.empty(tmp_path, found.extend)

    emptiers = [threading.Thread(target=empty) for _ in range(2)]
    for thread in emptiers:
        thread.start()
    said = []
    for writer in writers:
        assert writer.stdout is not None
        said += [writer.stdout.readline().strip() for _ in range(200)]
        writer.kill()
        said += [line.strip() for line in writer.stdout if line.endswith("\n")]
        writer.wait()
        writer.stdout.close()
    ended.set()
    for thread in emptiers:
        thread.join()
    found += taken(tmp_path)
    names = [str(one.id) for one in found]
    assert len(names) == len(set(names))
    assert set(said) <= set(names)
    assert len(names) <= len(said) + len(writers)  # the last of each was written, and not said


def test_two_that_empty_at_once_do_not_wait_for_each_other(tmp_path: Path) -> None:
    journal.write(tmp_path, one := visit())
    inner: list[list[Visit]] = []

    def insert(_: list[Visit]) -> None:
        inner.append(taken(tmp_path))

    assert journal.empty(tmp_path, insert) == 1
    assert inner == [[]]
    assert one not in taken(tmp_path)


@pytest.mark.parametrize("line", [b"5\n", b"[1, 2]\n", b'["x", 1, 0, "open", null, false, 1.0]\n', b"{}\n"])
def test_a_line_that_nobody_understands_is_put_aside_and_holds_up_no_other(
    tmp_path: Path, line: bytes
) -> None:
    journal.write(tmp_path, first := visit(1))
    (file,) = tmp_path.iterdir()
    with file.open("ab") as lines:
        lines.write(line)
    assert taken(tmp_path) == [first]
    (aside,) = tmp_path.iterdir()
    assert aside.read_bytes() == line
    assert not journal.is_empty(tmp_path)
    assert taken(tmp_path) == []


def test_a_hit_that_the_database_will_never_take_is_put_aside_and_holds_up_no_other(tmp_path: Path) -> None:
    for number in range(20):
        journal.write(tmp_path, visit(number))
    found: list[Visit] = []

    def insert(visits: list[Visit]) -> None:
        if any(one.position == 13 for one in visits):
            raise ValueError
        found.extend(visits)

    journal.empty(tmp_path, insert, (ValueError,))
    assert sorted(one.position for one in found) == [number for number in range(20) if number != 13]
    (aside,) = tmp_path.iterdir()
    kept = Visit.of_line(aside.read_bytes().strip())
    assert kept is not None
    assert kept.position == 13


def test_a_file_that_cannot_be_opened_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal.write(tmp_path, visit(1))
    (first,) = tmp_path.iterdir()
    foreign = first.rename(tmp_path / f"0{journal.LEAVING}")
    journal.write(tmp_path, second := visit(2))
    opened = os.open

    def refuse(path: Path, *rest: int) -> int:
        if Path(path) == foreign:
            raise PermissionError(13, "Permission denied")
        return opened(path, *rest)

    monkeypatch.setattr(os, "open", refuse)
    assert taken(tmp_path) == [second]
    assert foreign.exists()
    assert "stays where it is" in caplog.text
