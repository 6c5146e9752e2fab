from datetime import UTC, datetime, timedelta

import pytest

from jobs.templatetags.moments import ago

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "told"),
    [
        (timedelta(seconds=1), "just now"),
        (timedelta(seconds=12), "12 s ago"),
        (timedelta(minutes=5, seconds=59), "5 min ago"),
        (timedelta(hours=2), "2 h ago"),
        (timedelta(days=1, hours=3), "1 day ago"),
        (timedelta(days=29), "29 days ago"),
        (timedelta(days=41), "12 Oct 2026"),
        (-timedelta(minutes=3), "in 3 min"),
    ],
)
def test_a_moment_is_told_short(before: timedelta, told: str) -> None:
    assert ago(NOW - before, NOW).replace("\N{NO-BREAK SPACE}", " ") == told


def test_no_moment_is_told_as_nothing() -> None:
    assert ago(None) == ""
