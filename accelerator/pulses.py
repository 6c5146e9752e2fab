"""Heartbeats: who lives, in the database and by its clock; a row for each process or task that is to be seen.

A row that nobody renews grows old, and what is told of it is its age: no other clock is read.
"""

import logging
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from django.db import Error, connection, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F
from django.db.models.functions import Now

logger = logging.getLogger(__name__)

BEAT = 5.0  # seconds between two beats of a process
LIVES = 20.0  # seconds that a process counts as alive after its last beat
SWEEP_LIVES = 15.0  # seconds that the sweep may stay away
KEPT = timedelta(days=1)  # how long a row is kept that nobody renews
PATIENCE = 3.0  # seconds that a process which ends waits for its last word

SWEEP = "sweep"


class Pulsing(models.Model):
    """Somebody who was alive at `at`. `queues`: those that a worker takes messages from, separated by spaces."""

    name = models.CharField(max_length=200, unique=True)
    queues = models.TextField(blank=True, default="")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


Model = type[Pulsing]


@dataclass(frozen=True)
class Seen:
    """Who was seen, and how many seconds ago."""

    name: str
    queues: frozenset[str]
    age: float


def beat(model: Model, name: str, queues: str = "", *, using: BaseDatabaseWrapper = connection) -> None:
    """Say that `name` is alive now."""
    with using.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} (name, queues, at) VALUES (%s, %s, now())"  # noqa: S608
            " ON CONFLICT (name) DO UPDATE SET queues = excluded.queues, at = excluded.at",
            [name[:200], queues],
        )


def forget(model: Model, name: str, *, using: BaseDatabaseWrapper = connection) -> None:
    """Whoever it was ended as it should."""
    with using.cursor() as cursor:
        cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE name = %s", [name[:200]])  # noqa: S608


def swept(model: Model) -> None:
    """The sweep was here; it also drops the rows of those who died long ago."""
    model._default_manager.filter(at__lt=Now() - KEPT).delete()
    beat(model, SWEEP)


def seen(model: Model) -> list[Seen]:
    """Everybody, by name."""
    rows = model._default_manager.annotate(age=Now() - F("at")).order_by("name")
    return [
        Seen(name, frozenset(queues.split()), max(age.total_seconds(), 0.0))
        for name, queues, age in rows.values_list("name", "queues", "age")
    ]


def age_of_sweep(everybody: Iterable[Seen]) -> float | None:
    """Seconds since the sweep was here last; None: never."""
    return next((one.age for one in everybody if one.name == SWEEP), None)


def taken(everybody: Iterable[Seen], queue: str) -> bool:
    """Whether somebody who lives takes messages from the queue."""
    return any(queue in one.queues and one.age < LIVES for one in everybody)


class Heart:
    """Beats for this process, in a thread of its own, until it is closed. While the database is away its row ages.

    Its connection is its own and of no pool: processes that a worker forks must not inherit a pool in use.
    """

    def __init__(self, model: Model, name: str, queues: Iterable[str] = (), *, every: float = BEAT) -> None:
        self._model, self._name, self._queues, self._every = model, name, " ".join(sorted(queues)), every
        self._closed = threading.Event()
        self._away = False
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop, and forget this process; a database that is frozen is not waited for."""
        self._closed.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        own = _unpooled()
        while True:
            self._beat(own)
            if self._closed.wait(self._every):
                break
        with suppress(Error):
            forget(self._model, self._name, using=own)
        own.close()

    def _beat(self, own: BaseDatabaseWrapper) -> None:
        try:
            beat(self._model, self._name, self._queues, using=own)
            self._away = False
        except Error as error:
            if not self._away:
                logger.warning("the pulse can't be recorded, the database is away: %s", type(error).__name__)
            self._away = True
            own.close()


def _unpooled() -> BaseDatabaseWrapper:
    own = connections[connection.alias].copy()
    options = own.settings_dict["OPTIONS"]
    options.pop("pool", None)
    options |= {"connect_timeout": int(BEAT), "application_name": "heart"}
    return own
