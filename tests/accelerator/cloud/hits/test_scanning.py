"""What people cannot do, and what they can."""

import random

import pytest

from accelerator.cloud.hits import scanning
from accelerator.cloud.hits.scanning import Trace

SENT = 1_000.0


@pytest.fixture(autouse=True)
def _rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the product, which the other tests are too quick for."""
    monkeypatch.undo()


def click(at: float, link: int = 0) -> Trace:
    return Trace("click", link, SENT + at)


def opened(at: float) -> Trace:
    return Trace("open", None, SENT + at)


def trap(at: float) -> Trace:
    return Trace("trap", None, SENT + at)


@pytest.mark.parametrize(
    ("hits", "machines"),
    [
        # Before anybody can have it.
        ([opened(0.1), click(2.9), click(3.1)], [True, True, False]),
        # A person opens, reads, clicks, clicks again, comes back.
        ([opened(60), click(75, 1), click(76, 1), click(110, 2), opened(9_000)], [False] * 5),
        # Three links in three seconds, five in ten: a gateway. What it loads on the way may be a person's.
        ([click(60, 0), click(61, 1), click(62.9, 2), opened(62)], [True, True, True, False]),
        ([click(60 + 2 * n, n) for n in range(5)], [True] * 5),
        # Just not.
        ([click(60, 0), click(60.3, 1), click(63.1, 2), click(90, 0)], [False] * 4),
        ([click(60 + 2.6 * n, n) for n in range(5)], [False] * 5),
        # The same link again and again, by somebody who does not trust the mouse.
        ([click(60 + n / 10, 3) for n in range(20)], [False] * 20),
        # The link that nobody sees, and what is done around it.
        ([opened(49), opened(51), trap(60), click(69), click(71)], [False, True, True, True, False]),
    ],
)
def test_whose_hit_it_is(hits: list[Trace], machines: list[bool]) -> None:
    ordered = sorted(hits, key=lambda hit: hit.at)
    found = dict(zip(ordered, scanning.by_machines(ordered, SENT), strict=True))
    assert [found[hit] for hit in hits] == machines


def slowly(hit: Trace, hits: list[Trace]) -> bool:
    """The rules, word for word."""
    if SENT <= hit.at <= SENT + scanning.EARLY:
        return True
    if any(other.kind == "trap" and abs(other.at - hit.at) <= scanning.TRAPPED for other in hits):
        return True
    clicks = [other for other in hits if other.kind == "click"]
    for many, seconds in scanning.BURSTS:
        for last in clicks:
            burst = [other for other in clicks if last.at - seconds <= other.at <= last.at]
            if hit in burst and len({other.link for other in burst}) >= many:
                return True
    return False


@pytest.mark.parametrize("seed", range(200))
def test_it_is_what_the_rules_say_word_for_word(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    hits = [
        Trace(
            chance.choice(["open", "click", "click", "click"] + ["trap"] * (chance.random() < 0.1)),
            chance.randrange(6),
            SENT + round(chance.random() * 60, 1) + n / 1_000,
        )
        for n in range(chance.randrange(1, 30))
    ]
    hits.sort(key=lambda hit: hit.at)
    assert scanning.by_machines(hits, SENT) == [slowly(hit, hits) for hit in hits]


def test_ten_thousand_hits_of_one_mail_are_looked_at_once_each() -> None:
    """Not each beside all others: that would be a hundred million looks."""
    hits = [click(60 + n / 1_000, n % 7) for n in range(10_000)] + [trap(5_000 + n) for n in range(10_000)]
    assert all(scanning.by_machines(hits, SENT))
