"""The spool: whole batches at rest, each attempt for itself."""

import secrets
import uuid
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from accelerator import protocol
from jobs import spool

pytestmark = pytest.mark.usefixtures("spool_folder")


def table(start: int, stop: int) -> pa.Table:
    return pa.table({"id": list(range(start, stop))})


def test_it_writes_batches_of_the_size_asked_and_a_rest() -> None:
    writer = spool.Writer(uuid.uuid4(), 1, 10)
    for start in range(0, 35, 7):
        writer.write(table(start, start + 7))
    assert writer.records == 35
    writer.close()
    assert [batch.records for batch in writer.batches] == [10, 10, 10, 5]
    ids = [
        row for batch in writer.batches for row in protocol.decode_batch(spool.read(batch))["id"].to_pylist()
    ]
    assert ids == list(range(35))


def test_batches_grow_with_the_job_and_none_is_large_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "FIRST", 10)
    writer = spool.Writer(uuid.uuid4(), 1, 25)
    for start in range(0, 1_500, 7):
        writer.write(table(start, min(start + 7, 1_500)))
    writer.close()
    sizes = [batch.records for batch in writer.batches]
    assert sizes[:21] == [10] * 21  # who has few is sent to by many all the same
    assert max(sizes) == sizes[-2] == 25
    before = 0
    for size in sizes[:-1]:
        assert size == min(25, max(10, before // spool.PART))
        before += size
    ids = [
        row for batch in writer.batches for row in protocol.decode_batch(spool.read(batch))["id"].to_pylist()
    ]
    assert ids == list(range(1_500))


def test_one_large_piece_makes_the_same_batches_as_many_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "FIRST", 10)
    sizes = []
    for piece in (7, 1_500):
        writer = spool.Writer(uuid.uuid4(), 1, 25)
        for start in range(0, 1_500, piece):
            writer.write(table(start, min(start + piece, 1_500)))
        writer.close()
        sizes.append([batch.records for batch in writer.batches])
    assert sizes[0] == sizes[1]


def test_wide_records_make_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "LARGEST", 2_000)
    writer = spool.Writer(uuid.uuid4(), 1, 64)
    writer.write(pa.table({"id": [secrets.token_hex(200) for _ in range(64)]}))
    writer.close()
    assert len(writer.batches) > 1
    assert all(batch.size <= 2_000 for batch in writer.batches)
    assert [batch.number for batch in writer.batches] == list(range(len(writer.batches)))
    assert sum(batch.records for batch in writer.batches) == 64


def test_the_manifest_names_the_bytes() -> None:
    writer = spool.Writer(uuid.uuid4(), 1, 10)
    writer.write(table(0, 3))
    writer.close()
    data = spool.read(writer.batches[0])
    assert (writer.batches[0].sha256, writer.batches[0].size) == (protocol.digest(data), len(data))


def test_an_old_worker_never_clears_a_newer_attempt() -> None:
    job_id = uuid.uuid4()
    writers = {attempt: spool.Writer(job_id, attempt, 10) for attempt in (1, 2)}
    for writer in writers.values():
        writer.write(table(0, 3))
        writer.close()
    spool.clear(job_id, below=2)
    assert spool.read(writers[2].batches[0])
    with pytest.raises(FileNotFoundError):
        spool.read(writers[1].batches[0])


def test_whose_files_are_there_is_known_by_the_folders() -> None:
    job_id = uuid.uuid4()
    assert spool.jobs() == []
    writer = spool.Writer(job_id, 1, 10)
    writer.write(table(0, 3))
    writer.close()
    spool.storage().save("something/else", ContentFile(b"x"))
    assert spool.jobs() == [job_id]


def test_a_list_of_dropped_rows_is_read_as_long_as_it_is_there(tmp_path: Path) -> None:
    job_id = uuid.uuid4()
    (tmp_path / "dropped.csv").write_bytes(b"reason\n")
    place = spool.keep_dropped(job_id, 1, tmp_path / "dropped.csv")
    file = spool.open_dropped(place)
    assert file is not None
    with file:
        assert file.read() == b"reason\n"
    spool.clear(job_id)
    assert spool.open_dropped(place) is None


def test_what_it_writes_it_knows_again(tmp_path: Path) -> None:
    """Also where the storage gave a name of its own, because there was one already."""
    job_id, now = uuid.uuid4(), timezone.now()
    (tmp_path / "dropped.csv").write_bytes(b"reason\n")
    for _ in range(2):
        writer = spool.Writer(job_id, 1, 10)
        writer.write(table(0, 30))
        writer.close()
        spool.without(writer.batches[0], table(0, 3))
        spool.keep_dropped(job_id, 1, tmp_path / "dropped.csv")
    assert spool.untouched(job_id, since=now + timedelta(hours=1))
    assert not spool.untouched(job_id, since=now - timedelta(hours=1))
    spool.storage().save(f"{job_id}/1/letter.txt", ContentFile(b"x"))
    assert not spool.untouched(job_id, since=now + timedelta(hours=1))


def test_heavy_records_do_not_wait_until_their_batch_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "HEAVIEST", 50_000)
    writer = spool.Writer(uuid.uuid4(), 1, 1_000)
    for number in range(20):
        writer.write(pa.table({"id": [number], "text": ["x" * 10_000]}))
        assert writer.records - sum(batch.records for batch in writer.batches) <= 5
    writer.close()
    assert writer.raw > 200_000 > writer.bytes
    assert sum(batch.records for batch in writer.batches) == 20
