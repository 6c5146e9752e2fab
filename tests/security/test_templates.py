"""Templates that try to break out: each ends soon, with a refusal or with nothing harmful, and the process lives on."""

import signal
from collections.abc import Iterator

import pytest

from accelerator.rendering import Rendered
from campaigns import checks
from tests.security.attempts import ATTEMPTS, ENDS, MAKES, Attempt
from tests.security.chamber import PIXEL, Chamber


@pytest.fixture(scope="module")
def chamber() -> Iterator[Chamber]:
    with Chamber() as opened:
        yield opened


def cases() -> list[object]:
    return [
        pytest.param(
            one,
            id=one.name,
            marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason=one.bug) if one.bug else (),
        )
        for one in ATTEMPTS
    ]


def test_there_are_many_and_each_has_its_name() -> None:
    assert len(ATTEMPTS) >= 60
    assert len({one.name for one in ATTEMPTS}) == len(ATTEMPTS)


@pytest.mark.parametrize("attempt", cases())
def test_an_attempt_ends_as_it_should(chamber: Chamber, attempt: Attempt) -> None:
    """As the dashboard renders it and as the Cloud does; afterwards the next recipient gets her own message."""
    for tracked in (False, True):
        end = chamber.attempt(attempt.parts, tracked=tracked)
        assert end.how in (("made", "failed", "invalid") if attempt.end == ENDS else (attempt.end,)), end
        if attempt.end == MAKES:
            assert getattr(end, attempt.part).replace(PIXEL, "") == attempt.words
        elif attempt.end != ENDS:
            assert attempt.words in end.words
        # It is shown on pages, and kept for each recipient.
        assert len(end.words) <= 1_000
        if end.how == "made":
            assert "<script" not in end.html
        if end.how != "invalid":
            assert end.after == "autumn Ben"


@pytest.fixture
def patience() -> Iterator[None]:
    """A safety net: what ends takes a hundredth of it."""

    def lost(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, lost)
    signal.alarm(5)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "unit", ["<img ", "<!--", "<a href='", "</", "&amp", "<style>", "<![CDATA[", "<?", "<!DOCTYPE "]
)
def test_a_message_of_any_kind_is_looked_over(patience: None, unit: str) -> None:
    html = unit * (300_000 // len(unit))
    checks.preheader(html)
    assert checks._of_message(Rendered("s", html, "t"))
