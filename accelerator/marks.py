"""Notices a database that was restored from an older copy, by a high-water mark kept outside it.

Each host has a row in the database, whose height rises with everything that must not be forgotten, and a file with the
highest that it has seen committed, and in which generation of the database. A database that stands below the file, or
does not know its generation, is older than what was done with it. Whoever handles that begins a new generation.

A row for each host, not a sequence: PostgreSQL writes sequences 32 ahead, so a copy would seem younger than it is.
"""

import fcntl
import os
import struct
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models.functions import Now

from accelerator import failpoints

# A file: the host, the generation, the height.
FORM = struct.Struct(">16s16sQ")

# The generation of a database that was never restored.
FIRST = uuid.UUID(int=0)


class Restored(Exception):
    """The database is older than what was done with it: nothing may be done by what it says."""


class MarkUnusable(Exception):
    """The file of the mark can't be used; whoever can't look must not act."""


class Witnessed(models.Model):
    """How much a host has done with the database."""

    host = models.UUIDField(primary_key=True)
    height = models.BigIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.host} at {self.height}"


class Generating(models.Model):
    """What the database is since a restoration. `superseded`: the generation in the file of the host that began it."""

    class Cause(models.TextChoices):
        """How the restoration became known."""

        NOTICED = "noticed", "noticed by the high-water mark"
        DECLARED = "declared", "declared by a person"

    name = models.UUIDField(unique=True, default=uuid.uuid4)
    superseded = models.UUIDField(default=FIRST)
    cause = models.CharField(max_length=10, choices=Cause)
    begun_at = models.DateTimeField(db_default=Now())
    reviewed_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.name)


@dataclass(frozen=True)
class Kept:
    """What the file says."""

    host: uuid.UUID
    generation: uuid.UUID = FIRST
    height: int = 0


class Mark:
    """The mark of one database, by its two tables and the name of the file."""

    def __init__(self, generations: type[Generating], witnesses: type[Witnessed], name: str) -> None:
        self._name = name
        self._tables = {"generations": generations._meta.db_table, "witnesses": witnesses._meta.db_table}
        self._generations = generations._default_manager

    @property
    def path(self) -> Path:
        """Where this host keeps it (setting MARKS)."""
        return Path(settings.MARKS) / self._name

    def check(self) -> None:
        """Before acting on what the database says. Raises Restored."""
        kept = self.kept()
        height, current, known = self._ask(
            "(SELECT height FROM {witnesses} WHERE host = %s)", [kept.host], kept.generation
        )
        self._compare(kept, height, current, known, least=kept.height)

    def rise(self) -> None:
        """In a transaction that must not be forgotten, near its end: count it, and keep that once it is committed.

        The file is read first, so whatever others keep meanwhile, the row stands above what it said. Raises Restored.
        """
        kept = self.kept()
        height, current, known = self._ask(
            "(SELECT height FROM risen)",
            [kept.host],
            kept.generation,
            "WITH risen AS (UPDATE {witnesses} SET height = height + 1 WHERE host = %s RETURNING height)",
        )
        self._compare(kept, height, current, known, least=kept.height + 1)
        if (
            height is None or height <= kept.height
        ):  # a new host, or one that was away while the database was restored
            height = self._lift(kept)
        transaction.on_commit(partial(self._keep, Kept(kept.host, current, height)))

    def begin(self, cause: Generating.Cause) -> Generating:
        """Begin a new generation, in the caller's transaction."""
        kept = self.kept()
        made = self._generations.create(cause=cause, superseded=kept.generation)
        transaction.on_commit(partial(self._keep, Kept(kept.host, made.name, self._lift(kept))))
        return made

    def current(self) -> Generating | None:
        """The generation of now; None if the database was never restored."""
        return self._generations.order_by("-pk").first()

    def kept(self) -> Kept:
        """What the file says; it is made where there is none. Raises MarkUnusable."""
        try:
            if not self.path.exists():
                self._make()
            with self._locked(fcntl.LOCK_SH) as file:
                host, generation, height = FORM.unpack(os.pread(file, FORM.size, 0))
        except (OSError, struct.error) as error:
            raise MarkUnusable(
                f"{self.path}, which says how far the {self._name}'s database was, can't be used ({error}). Mend its"
                " folder. If the database was restored from an older copy, run manage.py restored, and remove the file."
            ) from error
        return Kept(uuid.UUID(bytes=host), uuid.UUID(bytes=generation), height)

    def _ask(
        self, height: str, about: list[uuid.UUID], generation: uuid.UUID, before: str = ""
    ) -> tuple[int | None, uuid.UUID, bool]:
        """The height, the generation of now, and whether the database knows (or has left behind) the file's."""
        query = (  # of names of tables alone
            f"{before} SELECT {height}, (SELECT name FROM {{generations}} ORDER BY id DESC LIMIT 1),"
            " EXISTS (SELECT 1 FROM {generations} WHERE name = %s OR superseded = %s)"
        )
        with connection.cursor() as cursor:
            cursor.execute(query.format(**self._tables), [*about, generation, generation])
            found, current, known = cursor.fetchone()
        return found, current or FIRST, known

    def _compare(
        self, kept: Kept, height: int | None, current: uuid.UUID, known: bool, *, least: int
    ) -> None:
        behind = (height is None or height < least) if current == kept.generation else not known
        if behind and kept.height:
            raise Restored(
                f"The {self._name}'s database is older than what was done with it: this host was at {kept.height} of"
                f" generation {kept.generation}, the database is at {height or 0} of {current}."
            )

    def _lift(self, kept: Kept) -> int:
        """Bring this host's row above the file."""
        statement = (
            "INSERT INTO {witnesses} AS witness (host, height) VALUES (%s, %s)"
            " ON CONFLICT (host) DO UPDATE SET height = greatest(witness.height + 1, excluded.height) RETURNING height"
        )
        with connection.cursor() as cursor:
            cursor.execute(statement.format(**self._tables), [kept.host, kept.height + 1])
            return int(cursor.fetchone()[0])

    def _keep(self, seen: Kept) -> None:
        """Write it, unless a higher one of the same generation was kept meanwhile."""
        failpoints.reached("mark.behind")
        with self._locked() as file:
            _, generation, height = FORM.unpack(os.pread(file, FORM.size, 0))
            if generation != seen.generation.bytes or height < seen.height:
                os.pwrite(file, FORM.pack(seen.host.bytes, seen.generation.bytes, seen.height), 0)

    def _make(self) -> None:
        """Whole, or not at all: an empty file says that something was lost."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.path.parent) as unfinished:
            unfinished.write(FORM.pack(uuid.uuid4().bytes, FIRST.bytes, 0))
            unfinished.flush()
            with suppress(FileExistsError):
                os.link(unfinished.name, self.path)

    @contextmanager
    def _locked(self, how: int = fcntl.LOCK_EX) -> Iterator[int]:
        file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(file, how)
            yield file
        finally:
            os.close(file)
