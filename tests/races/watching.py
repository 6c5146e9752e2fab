"""Looks at every Job after every move, and remembers what promises are about: the last look, and the last hold."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.races import pictures, promises
from tests.races.alarms import Alarm
from tests.races.pictures import Picture
from tests.races.world import Launched, World


@dataclass
class Watch:
    """Promises of all Jobs, one look after the other."""

    world: World
    alarm: Alarm
    last: dict[uuid.UUID, Picture] = field(default_factory=dict)
    # The first picture of those since the Cloud was told to stand still; none while it may send.
    held: dict[uuid.UUID, Picture] = field(default_factory=dict)
    # Address keys of those who were on the suppression list at the last look, and since.
    gone: set[str] = field(default_factory=set)

    def look(self, launched: Iterable[Launched]) -> None:
        """Every promise, of every Job."""
        assert not self.alarm.heard, self.alarm.heard[0]
        assert not self.world.wire.mistakes, self.world.wire.mistakes[0]
        for one in launched:
            before = self.last.get(one.job_id)
            now = pictures.take(self.world, one, self.world.people[-1], before)
            promises.always(now)
            if before is not None:
                promises.since(before, now)
                promises.left(before, now, self.gone)
            self.last[one.job_id] = now
            self._hold(now)

    def _hold(self, now: Picture) -> None:
        first = self.held.get(now.job.pk)
        if now.status is None or now.sends:
            self.held.pop(now.job.pk, None)
        elif first is None or first.hold != now.hold:
            self.held[now.job.pk] = now
        else:
            promises.held(first, now)
