"""Numbers as pages write them."""

import pytest

from jobs.templatetags.quantities import heavy


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1 kB"),
        (12_400, "12 kB"),
        (3_449_000, "3.4 MB"),
        (120_400_000, "120 MB"),
        (1_234_000_000, "1.2 GB"),
        (4_321_000_000_000, "4,321 GB"),
    ],
)
def test_bytes_are_told_in_steps_of_a_thousand(size: int, told: str) -> None:
    assert heavy(size) == told.replace(" ", "\N{NO-BREAK SPACE}")
