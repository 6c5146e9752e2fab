"""Rates of receiving domains: messages an hour to each, of one mailing and of all mailings together.

The rows of `DomainPace` are locked in one order, before the mailing's `Pace`, and always after its own row.
"""

import math
import random
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc
from django.conf import settings
from django.db import connection
from django.db.models import F

from accelerator.cloud.models import DomainPace
from accelerator.cloud.pacing import BURST, interval, shift

# A scope and a domain: one row.
Lane = tuple[str, str]

ALL = ""
# How often somebody looks in the time that a burst takes to save up: then one part in twenty of a rate is lost.
LOOKS = 3

MAKE = """
INSERT INTO cloud_domainpace (scope, domain) SELECT * FROM unnest(%s::text[], %s::text[])
ON CONFLICT DO NOTHING
"""
# No join: whoever had to wait for the lock would look at the joined row anew, and might not find it.
SAVED = """
SELECT scope, domain, extract(epoch FROM clock_timestamp() - free_at)::float8 FROM cloud_domainpace
WHERE scope = ANY(%s) AND domain = ANY(%s) ORDER BY scope, domain
"""
USE = """
UPDATE cloud_domainpace SET free_at = clock_timestamp() - make_interval(secs => used.saved)
FROM unnest(%s::text[], %s::text[], %s::float8[]) AS used (scope, domain, saved)
WHERE cloud_domainpace.scope = used.scope AND cloud_domainpace.domain = used.domain
"""
GIVE_BACK = """
UPDATE cloud_domainpace SET free_at = free_at - make_interval(secs => %s) WHERE scope = %s AND domain = %s
"""


class Rates:
    """What is in force for one mailing: its own rates and everybody's, messages an hour by receiving domain."""

    def __init__(self, key: uuid.UUID, own: Mapping[str, int]) -> None:
        self.own = dict(own)
        self._lanes: dict[str, dict[Lane, int]] = {}
        for scope, rates in ((ALL, settings.DOMAIN_RATES), (str(key), own)):
            for domain, rate in rates.items():
                self._lanes.setdefault(domain, {})[scope, domain] = rate

    def __bool__(self) -> bool:
        return bool(self._lanes)

    def limited(self, domain: str) -> bool:
        return domain in self._lanes

    @property
    def domains(self) -> list[str]:
        return list(self._lanes)

    def lanes(self, domains: Iterable[str]) -> dict[Lane, int]:
        """The rows that bound these domains, with their rates."""
        found: dict[Lane, int] = {}
        for domain in domains:
            found |= self._lanes.get(domain, {})
        return found


def of_address(key: str) -> str:
    """The receiving domain of an address key."""
    return key.rpartition("@")[2]


def of_records(column: pa.ChunkedArray, rates: Rates) -> dict[int, str]:
    """Which records (by position) go to a domain with a rate, as far as the column shows it: an address that is not
    written in its normal form shows it later, when it is composed."""
    domains = pc.utf8_lower(pc.replace_substring_regex(column.cast(pa.string()), r"(?s)^.*@", ""))
    named = pc.is_in(domains, pa.array(rates.domains, pa.string()))
    positions = pc.indices_nonzero(named.combine_chunks() if isinstance(named, pa.ChunkedArray) else named)
    return dict(zip(positions.to_pylist(), domains.take(positions).to_pylist(), strict=True))


def room(rates: Rates, wanted: Iterable[str], *, lock: bool = False) -> Counter[str]:
    """How many attempts may begin now at each of these domains that has a rate.

    `lock`: until the transaction ends nobody else is told, so that all of it may be used (`use`); else it is a hint.
    """
    limited = {domain for domain in wanted if rates.limited(domain)}
    saved = _saved(rates.lanes(limited), lock=lock)
    found: Counter[str] = Counter()
    for domain in limited:
        found[domain] = min(_allowed(saved[lane], rate) for lane, rate in rates.lanes([domain]).items())
    return found


def use(rates: Rates, used: Mapping[str, int]) -> None:
    """So many attempts begin. In the transaction that locked the room."""
    lanes = rates.lanes(domain for domain, count in used.items() if count)
    saved = _saved(lanes, lock=True)
    left = [min(saved[lane], BURST) - used[lane[1]] * interval(rate) for lane, rate in sorted(lanes.items())]
    with connection.cursor() as cursor:
        if lanes:
            cursor.execute(USE, [*_columns(lanes), left])


def give_back(rates: Rates, unused: Mapping[str, int]) -> None:
    """Attempts that did not begin."""
    lanes = rates.lanes(domain for domain, count in unused.items() if count)
    with connection.cursor() as cursor:
        for lane, rate in sorted(lanes.items()):
            cursor.execute(GIVE_BACK, [unused[lane[1]] * interval(rate), *lane])


def turn(rates: Rates, domains: Iterable[str], batches: int) -> float:
    """In how many seconds a batch that waits for these domains looks again, where so many do.

    At random, and often enough that hardly any of the rate is lost: nobody is promised what he may not come for.
    """
    saved = _saved(rates.lanes(domains), lock=False)
    soonest = min(
        max((-saved[lane], interval(rate)) for lane, rate in rates.lanes([domain]).items())
        for domain in domains
    )
    between = max(BURST, soonest[1])
    return max(soonest[0], 0.0) + random.uniform(0.0, max(batches, 1) * between / LOOKS)  # noqa: S311  no secret


def change(key: uuid.UUID, before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """The mailing's own rates change; its row is locked."""
    own = DomainPace.objects.filter(scope=str(key))
    own.exclude(domain__in=[*after]).delete()
    for domain, rate in after.items():
        if domain in before:
            own.filter(domain=domain).update(free_at=F("free_at") + shift(before[domain], rate))


def _saved(lanes: Mapping[Lane, int], *, lock: bool) -> dict[Lane, float]:
    """Seconds of each rate that are not used yet; negative while the next attempt must wait."""
    if not lanes:
        return {}
    statement = SAVED + (" FOR UPDATE" if lock else "")
    with connection.cursor() as cursor:
        if lock:
            cursor.execute(MAKE, _columns(lanes))
        cursor.execute(statement, _columns(lanes))
        found = {(scope, domain): saved for scope, domain, saved in cursor.fetchall()}
    return {lane: found[lane] if lock else found.get(lane, 0.0) for lane in lanes}


def _allowed(saved: float, rate: int) -> int:
    return 0 if saved < 0 else 1 + math.floor(min(saved, BURST) / interval(rate))


def _columns(lanes: Iterable[Lane]) -> list[list[str]]:
    ordered = sorted(lanes)
    return [[scope for scope, _ in ordered], [domain for _, domain in ordered]]
