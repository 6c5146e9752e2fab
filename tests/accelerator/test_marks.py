"""High-water marks: a database that stands below what was done with it is noticed, once, and by every host."""

import threading
from pathlib import Path

import pytest
from django.db import connection, transaction
from pytest_django.fixtures import Settings

from accelerator.marks import Generating, Mark, MarkUnusable, Restored
from jobs.models import Generation, Witness, mark

pytestmark = pytest.mark.django_db(transaction=True)


def rise(times: int = 1, of: Mark = mark) -> None:
    for _ in range(times):
        with transaction.atomic():
            of.rise()


def go_back(by: int = 1) -> None:
    """As in an older copy: this host's row is lower."""
    row = Witness.objects.get()
    Witness.objects.filter(pk=row.pk).update(height=row.height - by)


def test_a_new_host_is_no_older_copy() -> None:
    mark.check()
    rise()
    mark.check()
    assert mark.kept().height == 1


def test_what_was_rolled_back_is_not_kept() -> None:
    rise()
    with transaction.atomic():
        mark.rise()
        transaction.set_rollback(True)
    mark.check()
    assert mark.kept().height == 1


@pytest.mark.parametrize("by", [1, 40])
def test_a_database_below_the_mark_is_noticed_before_anything_is_done(by: int) -> None:
    rise(50)
    go_back(by)
    with pytest.raises(Restored):
        mark.check()
    with pytest.raises(Restored):
        rise()


def test_a_database_that_does_not_know_this_host_is_noticed() -> None:
    rise()
    Witness.objects.all().delete()
    with pytest.raises(Restored):
        mark.check()


def test_whoever_handled_it_begins_a_generation_and_goes_on() -> None:
    rise(50)
    go_back(40)
    with transaction.atomic():
        mark.begin(Generating.Cause.NOTICED)
    mark.check()
    rise()
    mark.check()
    assert mark.kept().height == 52


def test_another_host_finds_it_handled(settings: Settings, tmp_path: Path) -> None:
    rise(10)
    here, there = settings.MARKS, tmp_path / "there"
    settings.MARKS = there
    rise(20)
    Witness.objects.update(height=5)
    settings.MARKS = here
    with pytest.raises(Restored):
        mark.check()
    with transaction.atomic():
        mark.begin(Generating.Cause.NOTICED)
    settings.MARKS = there
    mark.check()
    rise()
    mark.check()
    assert mark.kept().generation == Generation.objects.get().name
    Witness.objects.update(height=5)
    with pytest.raises(Restored):
        mark.check()


def test_a_copy_from_before_a_generation_is_noticed() -> None:
    rise(3)
    with transaction.atomic():
        mark.begin(Generating.Cause.DECLARED)
    rise(3)
    Generation.objects.all().delete()  # and the height is still above the mark
    Witness.objects.update(height=1_000)
    with pytest.raises(Restored):
        mark.check()


def test_processes_of_one_host_do_not_alarm_each_other() -> None:
    trouble: list[Exception] = []

    def work() -> None:
        try:
            rise(40)
            mark.check()
        except Exception as error:  # noqa: BLE001
            trouble.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []
    assert mark.kept().height == Witness.objects.get().height == 240


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_a_file_that_says_nothing_is_no_leave_to_go_on(content: bytes) -> None:
    rise()
    mark.path.write_bytes(content)
    with pytest.raises(MarkUnusable, match="run manage"):
        mark.check()


def test_the_file_is_for_its_owner_alone() -> None:
    rise()
    assert mark.path.stat().st_mode & 0o777 == 0o600
