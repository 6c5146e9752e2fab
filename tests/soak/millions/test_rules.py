"""Whatever is wrong with what was found is said, of numbers that are made up."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.soak.millions import rules
from tests.soak.millions.customers import BROKEN, DUPLICATE, INVALID, REFUSED, USUAL
from tests.soak.millions.ledgers import Found

COUNT = 2_000
DELIVERED, BOUNCED, SUPPRESSED, RENDER_ERRORS, UNKNOWN, IN_FLIGHT = range(1, 7)


def found() -> Found:
    """2,000 rows, of whom two senders that died have left five unknown; three of those got the message."""
    rested = Counter(
        {
            (USUAL, DELIVERED, 1, 0): 1_978,
            (USUAL, UNKNOWN, 1, 0): 3,
            (USUAL, UNKNOWN, 0, 0): 1,
            (REFUSED, BOUNCED, 0, 1): 8,
            (REFUSED, BOUNCED, 0, 2): 1,
            (REFUSED, UNKNOWN, 0, 0): 1,
            (BROKEN, RENDER_ERRORS, 0, 0): 2,
            (INVALID, 0, 0, 0): 2,
            (DUPLICATE, 0, 0, 0): 4,
        }
    )
    sums = {"delivered": 1_978, "bounced": 9, "suppressed": 0, "render_errors": 2, "unknown": 5}
    everywhere = sums | {"in_flight": 0, "deferred": 0}
    return Found(
        COUNT,
        rested,
        extracted=COUNT - 6,
        dropped={INVALID: 2, DUPLICATE: 4},
        shown=dict(everywhere),
        told=dict(everywhere),
        counted=everywhere | {"records": COUNT - 6},
        events={name: (count, count) for name, count in sums.items() if count},
        windows=[4, 1],
        senders_dead=2,
    )


Where = tuple[int, int, int, int]


def rest(seen: Found, count: int, before: Where, after: Where) -> Found:
    """So many are something else."""
    seen.rested[before] -= count
    seen.rested[after] += count
    return seen


WRONGS: dict[str, Callable[[Found], object]] = {
    "1 recipients got the message more than once, up to 2 times": lambda seen: rest(
        seen, 1, (USUAL, DELIVERED, 1, 0), (USUAL, DELIVERED, 2, 0)
    ),
    "1 recipients got the message more than once, up to 3 times": lambda seen: rest(
        seen, 1, (USUAL, UNKNOWN, 1, 0), (USUAL, UNKNOWN, 3, 0)
    ),
    "7 messages and 0 rows of the ledger are for nobody": lambda seen: setattr(seen, "strangers", 7),
    "0 messages and 1 rows of the ledger are for nobody": lambda seen: setattr(seen, "alien", 1),
    "1 rows of the ledger are of somebody who has another one": lambda seen: setattr(seen, "doubled", 1),
    "1,993 were extracted, and 1,994 should": lambda seen: setattr(seen, "extracted", COUNT - 7),
    "5 rows were dropped as duplicate, and 4 should": lambda seen: seen.dropped.update({DUPLICATE: 5}),
    "1 who are usual are nowhere": lambda seen: rest(seen, 1, (USUAL, DELIVERED, 1, 0), (USUAL, 0, 0, 0)),
    "1 who are usual are suppressed": lambda seen: rest(
        seen, 1, (USUAL, UNKNOWN, 0, 0), (USUAL, SUPPRESSED, 0, 0)
    ),
    "1 who are usual are in_flight": lambda seen: rest(
        seen, 1, (USUAL, UNKNOWN, 0, 0), (USUAL, IN_FLIGHT, 0, 0)
    ),
    "1 who are usual are delivered, and no message was accepted": lambda seen: rest(
        seen, 1, (USUAL, DELIVERED, 1, 0), (USUAL, DELIVERED, 0, 0)
    ),
    "1 who are invalid are nowhere, and a message was accepted": lambda seen: rest(
        seen, 1, (INVALID, 0, 0, 0), (INVALID, 0, 1, 0)
    ),
    "1 who are duplicate are delivered": lambda seen: rest(
        seen, 1, (DUPLICATE, 0, 0, 0), (DUPLICATE, DELIVERED, 1, 0)
    ),
    "1 who are refused are delivered": lambda seen: rest(
        seen, 1, (REFUSED, BOUNCED, 0, 1), (REFUSED, DELIVERED, 0, 1)
    ),
    "1 who are refused are bounced, and were never refused": lambda seen: rest(
        seen, 1, (REFUSED, BOUNCED, 0, 1), (REFUSED, BOUNCED, 0, 0)
    ),
    "dashboard: 1,994 extracted is not the sum": lambda seen: seen.told.update(delivered=1_977),
    "Cloud: 1,994 extracted is not the sum": lambda seen: seen.counted.update(bounced=10),
    "page: 1,994 extracted is not the sum": lambda seen: seen.shown.clear(),
    "1,977 were accepted, 1,978 are delivered": lambda seen: (
        rest(seen, 1, (USUAL, DELIVERED, 1, 0), (USUAL, DELIVERED, 0, 0)),
        rest(seen, 3, (USUAL, UNKNOWN, 1, 0), (USUAL, UNKNOWN, 0, 0)),
    ),
    "1,984 were accepted, 1,978 are delivered and 5 unknown": lambda seen: rest(
        seen, 3, (REFUSED, BOUNCED, 0, 1), (REFUSED, BOUNCED, 1, 1)
    ),
    "the Cloud has 1,993 records": lambda seen: seen.counted.update(records=COUNT - 7),
    "delivered: the ledger has 1,978, the page 1,979": lambda seen: seen.shown.update(delivered=1_979),
    "bounced: the ledger has 9, the dashboard 8": lambda seen: seen.told.update(bounced=8),
    "unknown: the ledger has 5, the Cloud's batches 6": lambda seen: seen.counted.update(unknown=6),
    "deferred: the ledger has 0, the dashboard 1": lambda seen: seen.told.update(deferred=1),
    "delivered: the ledger has 1,978, the log of events 1,979": lambda seen: seen.events.update(
        delivered=(1_979, 1_978)
    ),
    "bounced: the ledger has 9, the log of events 8": lambda seen: seen.events.update(bounced=(9, 8)),
    "5 are unknown in 2 windows, and 1 senders": lambda seen: setattr(seen, "senders_dead", 1),
    "5 are unknown in 2 windows, and 0 senders": lambda seen: setattr(seen, "senders_dead", 0),
    "the Job is processing": lambda seen: setattr(seen, "job_state", "processing"),
}


def test_nothing_is_said_of_what_is_right() -> None:
    seen = found()
    assert sum(seen.rested.values()) == COUNT
    assert rules.violations(seen) == []


@pytest.mark.parametrize("told", WRONGS)
def test_what_is_wrong_is_said(told: str) -> None:
    seen = found()
    WRONGS[told](seen)
    assert any(sentence.startswith(told) for sentence in rules.violations(seen)), rules.violations(seen)


def test_more_unknown_than_windows_hold_are_too_many() -> None:
    """Two windows hold 400 at most."""
    seen = found()
    rest(seen, 396, (USUAL, DELIVERED, 1, 0), (USUAL, UNKNOWN, 1, 0))
    assert any(sentence.startswith("401 are unknown in 2 windows") for sentence in rules.violations(seen))
