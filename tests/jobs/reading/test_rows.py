"""How many rows of a driver's make a record batch."""

import pytest

from jobs.reading import rows

LONG = "x" * rows.BATCH


def test_they_are_taken_in_order_until_there_are_none() -> None:
    every = [(number,) for number in range(rows.MOST + 2)]
    many = iter(every)
    assert rows.taken(many) == every[: rows.MOST]
    assert rows.taken(many) == every[rows.MOST :]
    assert rows.taken(many) == []


@pytest.mark.parametrize("long", [LONG, LONG.encode()], ids=["text", "bytes"])
def test_long_ones_come_a_few_at_a_time(long: str | bytes) -> None:
    many = iter([(1, "short"), (2, long), (3, "short")])
    assert len(rows.taken(many)) == 2
    assert rows.taken(many) == [(3, "short")]


def test_slow_ones_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PROMPT", -1.0)
    many = iter([(1,), (2,)])
    assert rows.taken(many) == [(1,)]
    assert rows.taken(many) == [(2,)]
