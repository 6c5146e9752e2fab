"""Watches a mailing until it rests, with its progress on the terminal."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from accelerator.protocol import Counts, MailingState
from tests.soak.clouds import Cloud
from tests.soak.sent import Sent

# Seconds between two looks, between two lines on the terminal, and without any change until it stands still.
LOOK, TELL, STANDSTILL = 0.2, 5.0, 120.0

Say = Callable[[str], object]


class StoodStill(Exception):
    """A mailing does not come to its end by itself."""


def until_rest(cloud: Cloud, sent: Sent, say: Say, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Watch it until nothing more will happen by itself. Raises StoodStill."""
    began = changed = told = time.monotonic()
    before = Counts()
    while not rests(sent):
        cloud.tick()
        meanwhile()
        counts, now = sent.look(cloud.caller), time.monotonic()
        if counts != before:
            before, changed = counts, now
        if sent.status.stopped:
            raise StoodStill(f"The Cloud stopped the mailing: {sent.status.stopped.reason}")
        if now > changed + STANDSTILL:
            raise StoodStill(f"Nothing has changed for {STANDSTILL:.0f} s: {line(counts)}")
        if now > told + TELL:
            told = now
            say(f"{now - began:6.0f} s  {line(counts)}")
        time.sleep(LOOK)
    sent.ended = datetime.now(UTC)


def rests(sent: Sent) -> bool:
    if sent.cancelled:
        return sent.status.counts.in_flight == 0
    return sent.status.state == MailingState.FINISHED


def line(counts: Counts) -> str:
    """The counts that are not zero, in one line."""
    numbers = counts.model_dump(exclude={"transferred", "attempted"})
    return ", ".join(f"{name} {number:,}" for name, number in numbers.items() if number)
