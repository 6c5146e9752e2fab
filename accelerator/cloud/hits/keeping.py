"""Keeps hits in one commit for all that came while the one before it was made; nobody is answered before.

A database that fails, or does not answer in time, keeps nobody waiting: from then on hits go to a file of this host
(`journal`), until it is back. Where nobody knows whether it took a hit, both have it, and it is one by its name.
"""

import logging
import threading
import time
from collections.abc import Sequence

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DataError, IntegrityError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from accelerator import failpoints
from accelerator.cloud import ledger
from accelerator.cloud.hits import journal
from accelerator.cloud.hits.visits import Visit
from accelerator.cloud.models import Batch, Intent

logger = logging.getLogger(__name__)

# Seconds that somebody waits for the database, and between two looks for what waits in a file.
PATIENCE = 1.0
LOOK = 1.0
# Seconds for a connection.
CONNECTING = 3
# What the database says of a hit that it will never take.
REFUSALS = (DataError, IntegrityError)
# Hits in one commit.
MOST = 500

# Batches that are not there are those of a database that is older than the mail; of a mailing that is forgotten nobody
# asks any more.
KEEP = """
INSERT INTO cloud_hit (id, mailing_id, batch_id, position, kind, link, machine, at)
SELECT hit.id, batch.mailing_id, batch.id, hit.position, hit.kind, hit.link, hit.machine,
    clock_timestamp() - hit.age * interval '1 second'
FROM unnest(%s::uuid[], %s::bigint[], %s::int[], %s::text[], %s::int[], %s::bool[], %s::float8[])
    AS hit (id, batch_id, position, kind, link, machine, age)
JOIN cloud_batch batch ON batch.id = hit.batch_id
JOIN cloud_mailing mailing ON mailing.key = batch.mailing_id AND mailing.forgotten_at IS NULL
ON CONFLICT DO NOTHING
"""
# Whose messages nobody knows of, or that are to be tried again.
DOUBTFUL = """
SELECT intent.id FROM unnest(%s::bigint[], %s::int[]) AS hit (batch_id, position)
JOIN cloud_intent intent USING (batch_id, position)
WHERE intent.state = ANY(%s) AND intent.address_key LIKE '%%@%%'
"""


class NotKept(Exception):
    """Neither the database nor this host can keep the hit."""


def keep(visit: Visit) -> None:
    """Once this returns, the hit is kept, whatever dies. Raises NotKept."""
    if _keeper().take(visit):
        return
    try:
        journal.write(settings.HITS, visit)
    except OSError as error:
        raise NotKept(f"the database does not answer, and {settings.HITS} keeps nothing: {error}") from error
    failpoints.reached("journal.after")


def watch() -> None:
    """See to what earlier processes of this host left in its files, whether or not somebody comes."""
    _keeper()


def are_in_database() -> bool:
    """Whether nothing lies in a file of this host."""
    return journal.is_empty(settings.HITS)


def end() -> None:
    """Let go of the database; whoever comes later begins anew."""
    global _kept_by
    with _beginning:
        if _kept_by is not None:
            _kept_by.end()
        _kept_by = None


def insert(visits: Sequence[Visit]) -> None:
    """Commit the hits, those among them that the database has already left out, and what they show: whoever has the
    message is not sent it again.
    """
    columns = ("id", "batch_pk", "position", "kind", "link", "machine", "age")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(KEEP, [[getattr(visit, name) for visit in visits] for name in columns])
        left_out = len(visits) - cursor.rowcount
        _prove(cursor, visits)
        failpoints.reached("hit.before")
    failpoints.reached("hit.after")
    if left_out:
        logger.info("%s hits were here already, or are of batches that are not, or not any more", left_out)


def _prove(cursor: CursorWrapper, visits: Sequence[Visit]) -> None:
    """Hardly ever is there somebody of whom it shows anything."""
    places = [[visit.batch_pk for visit in visits], [visit.position for visit in visits]]
    cursor.execute(DOUBTFUL, [*places, list(ledger.DOUBTFUL)])
    if not (found := [pk for (pk,) in cursor.fetchall()]):
        return
    # In one order, whoever made the hits: as everybody who locks several.
    batches = {intent.batch_id for intent in Intent.objects.filter(pk__in=found).only("batch_id")}
    list(Batch.objects.select_for_update().filter(pk__in=batches).order_by("pk").only("pk"))
    people = {(visit.batch_pk, visit.position) for visit in visits if not visit.machine}
    intents = list(Intent.objects.filter(pk__in=found).select_related("batch"))
    for by_person in (True, False):
        some = [one for one in intents if ((one.batch_id, one.position) in people) is by_person]
        ledger.prove(some, by_person=by_person)


class _Waiting:
    """Somebody who is answered when it is known whether the database has the hit."""

    __slots__ = ("_known", "kept", "visit")

    def __init__(self, visit: Visit) -> None:
        self.visit, self.kept = visit, False
        self._known = threading.Lock()
        self._known.acquire()

    def is_kept(self) -> bool:
        """Wait for it, but not for long."""
        return self._known.acquire(timeout=PATIENCE) and self.kept

    def tell(self, *, kept: bool) -> None:
        self.kept = kept
        self._known.release()


class Keeper(threading.Thread):
    """The one of this process that talks with the database about hits."""

    def __init__(self) -> None:
        super().__init__(name="keeps hits", daemon=True)
        self._came = threading.Condition()
        self._queue: list[_Waiting] = []
        self._away = self._ends = False
        self._asked_at: float | None = None  # the database, and it has not answered yet

    def take(self, visit: Visit) -> bool:
        """Whether the database has the hit; False if nobody knows."""
        asked_at = self._asked_at
        if self._away or (asked_at is not None and time.monotonic() > asked_at + PATIENCE):
            return False
        waiting = _Waiting(visit)
        with self._came:
            self._queue.append(waiting)
            self._came.notify()
        return waiting.is_kept()

    def run(self) -> None:
        connections[DEFAULT_DB_ALIAS] = _own_connection()
        looked_at = time.monotonic()
        while not self._ends:
            with self._came:
                if not (self._queue or self._ends or self._came.wait(LOOK)):
                    connection.close()  # nobody comes
                group, self._queue = self._queue[:MOST], self._queue[MOST:]
            look = time.monotonic() > looked_at + LOOK
            if look:
                looked_at = time.monotonic()
            if group or look:
                self._keep(group, look=look)
        connection.close()

    def end(self) -> None:
        """Come back from the database; what still waits goes to the file."""
        with self._came:
            self._ends = True
            self._came.notify()
        self.join()

    def _keep(self, group: list[_Waiting], *, look: bool) -> None:
        kept, self._asked_at = False, time.monotonic()
        try:
            if group or self._away:
                insert([waiting.visit for waiting in group])
            kept = True
            if self._away:
                logger.warning("the database keeps hits again")
            self._away = False
        except Exception as error:  # noqa: BLE001  whoever waits writes it to the file instead
            if not self._away:
                logger.error("hits go to %s, until the database keeps them: %s", settings.HITS, brief(error))  # noqa: TRY400
            self._away = True
        finally:
            for waiting in group:
                waiting.tell(kept=kept)
        if look and kept:
            self._asked_at = time.monotonic()
            self._empty()
        self._asked_at = None
        if not kept:
            connection.close()

    def _empty(self) -> None:
        try:
            if not journal.is_empty(settings.HITS) and (
                count := journal.empty(settings.HITS, insert, REFUSALS)
            ):
                logger.warning("the database has %s hits that waited in %s", count, settings.HITS)
        except Exception as error:  # noqa: BLE001  they lie there, and are looked for again
            logger.error("hits still wait in %s: %s", settings.HITS, brief(error))  # noqa: TRY400


def brief(error: Exception) -> str:
    """What is wrong, without the details, which may quote a row."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _own_connection() -> BaseDatabaseWrapper:
    """One beside the pool, which others may have emptied, and which waits longer the longer the database was away."""
    own = connection.copy()
    own.settings_dict["OPTIONS"] = {"connect_timeout": CONNECTING} | own.settings_dict["OPTIONS"]
    own.settings_dict["OPTIONS"].pop("pool", None)
    return own


_kept_by: Keeper | None = None
_beginning = threading.Lock()


def _keeper() -> Keeper:
    """Begun when it is first needed: a process that was forked from one with a thread has none."""
    global _kept_by
    with _beginning:
        if _kept_by is None or not _kept_by.is_alive():
            _kept_by = Keeper()
            _kept_by.start()
        return _kept_by
