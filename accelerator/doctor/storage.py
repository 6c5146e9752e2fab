"""Where extracted records lie between two stages, and the room on its disk."""

import os
import shutil
import uuid
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.files.storage.base import Storage

from accelerator.doctor import Finding, attention, broken, ok
from accelerator.doctor.examination import first_line
from jobs import spool

CONTENT = os.urandom(4096)
# Bytes. A record takes about 33 in the spool; a full disk stops every extraction.
SCARCE = 2 * 1024**3
FULL = 300 * 1024**2


def look() -> list[Finding]:
    storage = spool.storage()
    findings = [_round(storage)]
    if isinstance(storage, FileSystemStorage):
        findings.append(_room(Path(storage.location)))
    return findings


def _round(storage: Storage) -> Finding:
    """Write, read back, delete."""
    try:
        name = storage.save(f"doctor-{uuid.uuid4()}", ContentFile(CONTENT))
        try:
            with storage.open(name) as file:
                same = file.read() == CONTENT
        finally:
            storage.delete(name)
    except Exception as error:  # noqa: BLE001  a storage raises whatever its service's client raises
        return broken(
            "spool",
            f"Extracted records can't be kept ({type(error).__name__}: {first_line(error)}). No Job gets far.",
        )
    if not same:
        return broken(
            "spool", "What is read back is not what was written. Look at the storage before any launch."
        )
    return ok("spool", "A file was written, read back and deleted.")


def _room(folder: Path) -> Finding:
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    told = f"{free / 1024**3:,.1f} GB free where records lie"
    if free < FULL:
        return broken("disk", f"{told}: extractions fail. Make room, or move DATA_DIR.")
    if free < SCARCE:
        return attention("disk", f"{told}. Make room before the next large Job.")
    return ok("disk", f"{told}.")
