"""Which hits a machine made, by all that was done with the same recipient's mail: what people cannot do.

By what a request says of itself it is decided when it comes (`machines`). These rules are for scanners that say that
they are a browser: gateways that follow the links of a mail before its recipient has it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accelerator.cloud.models import Hit

# Seconds after the intent to send in which servers and gateways have the message, and nobody else. Mautic takes two
# seconds after the sending for a machine's, too.
EARLY = 3.0
# So many different links within so many seconds are not followed by hand. Marketo takes more than two deeds in a second
# for a machine's; gateways follow all links of a mail one after the other.
BURSTS = ((3, 3.0), (5, 10.0))
# Seconds before and after a hit of the link that nobody sees, in which whatever is hit is hit by the same machine.
TRAPPED = 10.0

# What is done so many seconds before or after a hit shows nothing about it.
REACH = max(TRAPPED, *(seconds for _, seconds in BURSTS))


@dataclass(frozen=True, slots=True)
class Trace:
    """What is looked at of a hit; `at` in seconds."""

    kind: str
    link: int | None
    at: float


def by_machines(hits: Sequence[Trace], sent_at: float) -> list[bool]:
    """For each of a recipient's hits, in the order of their times, whether no person made it.

    `sent_at`: nothing was sent before. Takes a time that grows with the hits, not faster.
    """
    spans = [(sent_at, sent_at + EARLY)]
    spans += [(hit.at - TRAPPED, hit.at + TRAPPED) for hit in hits if hit.kind == Hit.Kind.TRAP]
    found = _within(hits, spans)
    clicks = [hit for hit in hits if hit.kind == Hit.Kind.CLICK]
    for many, seconds in BURSTS:
        in_burst = _within(hits, list(_bursts(clicks, many, seconds)))
        found = [
            one or (burst and hit.kind == Hit.Kind.CLICK)
            for one, burst, hit in zip(found, in_burst, hits, strict=True)
        ]
    return found


def _bursts(clicks: Sequence[Trace], many: int, seconds: float) -> Iterator[tuple[float, float]]:
    """The times from the first to the last of so many different links that were followed within so many seconds."""
    links: Counter[int | None] = Counter()
    first = 0
    for click in clicks:
        links[click.link] += 1
        while clicks[first].at < click.at - seconds:
            links[clicks[first].link] -= 1
            if not links[clicks[first].link]:
                del links[clicks[first].link]
            first += 1
        if len(links) >= many:
            yield clicks[first].at, click.at


def _within(hits: Sequence[Trace], spans: list[tuple[float, float]]) -> list[bool]:
    """Which hits lie in one of the spans. Both are walked through once: the hits are in order."""
    spans.sort()
    found, at, until = [], 0, float("-inf")
    for hit in hits:
        while at < len(spans) and spans[at][0] <= hit.at:
            until = max(until, spans[at][1])
            at += 1
        found.append(hit.at <= until)
    return found
