"""The spool: a Job's records as Arrow files at rest between extraction and transfer. Immutable after the freeze."""

import re
import sys
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, storages

from accelerator import protocol
from jobs.models import Batch

# A list of dropped rows, and the attempt that it is of.
DROPPED = re.compile(r"dropped-(\d+)\b")
# What this module writes below a Job's folder; a storage may have made a name another one.
OURS = re.compile(r"\d+/\d{6,}[-\w]*\.arrow|dropped-\d+\w*\.csv")
# Records of a Job's first batches. A batch is sent from by one sender at a time: a later one may be larger, but is no
# more than this part of what lies before it, so that the last one does not keep a single sender at work for long.
FIRST, PART = 10_000, 20
# Bytes of a batch, well below what a Cloud takes in one request: wide records make smaller batches.
LARGEST = 16_000_000
# Bytes of a batch's records in memory, as they wait until it is whole and are packed: wide ones make smaller batches.
HEAVIEST = 4_000_000


def storage() -> Storage:
    """Where spools lie; every worker sees the same place (setting STORAGES["spool"])."""
    return storages["spool"]


@dataclass
class Writer:
    """Writes one extraction's records into batches (`size`: the largest); each attempt has a folder of its own."""

    job_id: uuid.UUID
    attempt: int
    size: int
    records: int = 0  # taken so far, written or held
    raw: int = 0  # bytes of those in memory, before they are packed
    bytes: int = 0  # written so far
    batches: list[Batch] = field(default_factory=list)
    _held: list[pa.Table] = field(default_factory=list)
    _rows: int = 0
    _weight: int = 0

    def write(self, table: pa.Table) -> None:
        """Take records; whole batches are written at once, the rest is held."""
        if table.num_rows:
            self._held.append(table)
            self._rows += table.num_rows
            self._weight += table.nbytes
            self.records += table.num_rows
            self.raw += table.nbytes
        if self._rows >= self._full(self._rows, self._weight):
            rest = pa.concat_tables(self._held)
            while rest.num_rows >= (full := self._full(rest.num_rows, rest.nbytes)):
                self._store(rest.slice(0, full))
                rest = rest.slice(full)
            self._held = [rest] if rest.num_rows else []
            self._rows, self._weight = rest.num_rows, rest.nbytes

    def close(self) -> None:
        """Write what is held."""
        if self._rows:
            self._store(pa.concat_tables(self._held))
        self._held, self._rows, self._weight = [], 0, 0

    def _full(self, rows: int, weight: int) -> int:
        """How many of the rows that wait make a whole batch; infinitely many where there are none."""
        if not rows:
            return sys.maxsize
        return min(records_of_next(self.records - rows, self.size), max(1, HEAVIEST * rows // max(1, weight)))

    def _store(self, table: pa.Table) -> None:
        data = protocol.encode_batch(table)
        if len(data) > LARGEST and table.num_rows > 1:
            half = table.num_rows // 2
            self._store(table.slice(0, half))
            self._store(table.slice(half))
            return
        number = len(self.batches)
        path = storage().save(f"{self.job_id}/{self.attempt}/{number:06}.arrow", ContentFile(data))
        self.batches.append(
            Batch(
                job_id=self.job_id,
                number=number,
                records=table.num_rows,
                size=len(data),
                sha256=protocol.digest(data),
                path=path,
            )
        )
        self.bytes += len(data)


def records_of_next(before: int, most: int) -> int:
    """How many make a whole batch, behind so many records in others."""
    return min(most, max(FIRST, before // PART))


def without(batch: Batch, table: pa.Table) -> Batch:
    """The batch anew with these records only, beside the old file, which is deleted. Before the freeze alone."""
    data = protocol.encode_batch(table)
    path = storage().save(f"{batch.path.removesuffix('.arrow')}-less.arrow", ContentFile(data))
    storage().delete(batch.path)
    batch.records, batch.size, batch.sha256, batch.path = (
        table.num_rows,
        len(data),
        protocol.digest(data),
        path,
    )
    return batch


def remove(batch: Batch) -> None:
    """Take away a batch of which nothing is left. Before the freeze alone."""
    storage().delete(batch.path)


def keep_dropped(job_id: uuid.UUID, attempt: int, file: Path) -> str:
    """Put the list of dropped rows where it outlives the attempt's records; its place."""
    with file.open("rb") as opened:
        return str(storage().save(f"{job_id}/dropped-{attempt}.csv", File(opened)))


def open_dropped(place: str) -> "File[bytes] | None":
    """The list of dropped rows, to be closed by whoever reads it; None where the file is not there any more."""
    try:
        return storage().open(place)
    except FileNotFoundError:
        return None


def read(batch: Batch) -> bytes:
    """A batch's bytes, as they are transferred."""
    with storage().open(batch.path) as file:
        data: bytes = file.read()
    return data


def clear(job_id: uuid.UUID, *, below: int | None = None, keeping: str = "") -> None:
    """Delete the files of a Job's attempts that are older than `below` (None: all, for a Job that rests).

    `keeping`: the place of a list of dropped rows that stays.
    """
    folders, files = _listed(str(job_id))
    for folder in folders:
        if below is None or int(folder) < below:
            place = f"{job_id}/{folder}"
            for name in _listed(place)[1]:
                storage().delete(f"{place}/{name}")
            storage().delete(place)
    for name in files:
        place, attempt = f"{job_id}/{name}", DROPPED.match(name)
        if place != keeping and (below is None or (attempt and int(attempt[1]) < below)):
            storage().delete(place)
    if below is None and not keeping:
        storage().delete(str(job_id))


def jobs() -> list[uuid.UUID]:
    """Whose files are there."""
    found = []
    for name in _listed("")[0]:
        with suppress(ValueError):
            found.append(uuid.UUID(name))
    return found


def untouched(job_id: uuid.UUID, *, since: datetime) -> bool:
    """Whether every file in the Job's folder is one of ours, and none was written since then."""
    folders, names = _listed(str(job_id))
    for folder in folders:
        names += [f"{folder}/{name}" for name in _listed(f"{job_id}/{folder}")[1]]
    try:
        return all(
            OURS.fullmatch(name) and storage().get_modified_time(f"{job_id}/{name}") < since for name in names
        )
    except FileNotFoundError:  # somebody is at it
        return False


def _listed(place: str) -> tuple[list[str], list[str]]:
    """Folders and files; none where the place is not there, or not any more."""
    try:
        folders, files = storage().listdir(place)
    except FileNotFoundError:
        return [], []
    return folders, files
