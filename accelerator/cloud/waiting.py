"""The records of a batch that are still to be attempted, and which of them are next."""

from collections import deque
from collections.abc import Iterable, Mapping

# Position in the batch, finished attempts.
Record = tuple[int, int]

NO_ROOM: Mapping[str, int] = {}


class Waiting:
    """In order, but for those whose receiving domain has a rate: they wait apart, so that nobody waits behind them."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._free: deque[Record] = deque(records)
        self._apart: dict[str, deque[Record]] = {}
        self._domains: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._free) + sum(map(len, self._apart.values()))

    @property
    def free(self) -> bool:
        """Whether somebody is left who waits for no domain."""
        return bool(self._free)

    @property
    def domains(self) -> list[str]:
        """Those that somebody waits for."""
        return [domain for domain, records in self._apart.items() if records]

    def sort(self, domains: Mapping[int, str]) -> None:
        """From now on these positions wait for these domains, and all others for none."""
        records = [*self._free, *(record for apart in self._apart.values() for record in apart)]
        self._domains = dict(domains)
        self._free, self._apart = deque(), {}
        for record in records:
            self._queue(record).append(record)

    def learn(self, position: int, domain: str) -> None:
        """What a record's domain is, now that it is known."""
        self._domains[position] = domain

    def next(self, count: int, room: Mapping[str, int] = NO_ROOM) -> list[Record]:
        """Take at most `count` records, of each domain that has a rate at most as many as there is `room` for."""
        taken: list[Record] = []
        for domain, records in self._apart.items():
            taken += _first(records, min(count - len(taken), room.get(domain, 0)))
        return taken + _first(self._free, count - len(taken))

    def put_back(self, records: Iterable[Record]) -> None:
        """To where they came from, in front."""
        for record in reversed(list(records)):
            self._queue(record).appendleft(record)

    def _queue(self, record: Record) -> deque[Record]:
        domain = self._domains.get(record[0])
        return self._free if domain is None else self._apart.setdefault(domain, deque())


def _first(records: deque[Record], count: int) -> list[Record]:
    return [records.popleft() for _ in range(min(count, len(records)))]
