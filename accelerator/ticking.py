"""Beat for both Celery applications: it sets its clock by what it sees, and never fills a queue that nobody empties."""

import logging
from typing import Any

from celery import Celery
from celery.beat import ScheduleEntry, Scheduler

logger = logging.getLogger(__name__)

# With so many messages in the queue nobody needs another tick; they carry no expiry, which would compare the
# clocks of two hosts.
ENOUGH = 200


class Ticking(Scheduler):
    """Celery's scheduler for static schedules, without trust in the clock going forward only."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """A last run in the future means that the clock was set back: what was planned by it is planned anew."""
        for entry in self.schedule.values():
            now = entry.default_now()
            if entry.last_run_at is not None and entry.last_run_at > now:
                logger.warning("the clock was set back from %s to %s", entry.last_run_at, now)
                entry.last_run_at = now
                self._heap = None
        seconds: float = super().tick(*args, **kwargs)
        return seconds

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Send the message, unless the queue is long enough without it."""
        try:
            if queued(self.app) >= ENOUGH:
                return
        except Exception as error:  # noqa: BLE001  whatever it is: sending meets it too, and logs it
            logger.debug("the length of the queue is unknown: %s", error)
        super().apply_entry(entry, producer=producer)


def queued(app: Celery, queue: str | None = None) -> int:
    """Messages that wait in a queue (None: the default one). Raises what the broker's client raises."""
    with app.connection_or_acquire() as connection:
        # Not passive: kombu looks for a passive queue without a key prefix, and never finds it.
        answer = connection.default_channel.queue_declare(queue or app.conf.task_default_queue)
        return int(answer.message_count)
