"""Waiting for what another thread or process does, without sleeping for luck."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], within: float = 20.0) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.02)
