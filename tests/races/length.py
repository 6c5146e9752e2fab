"""How long the races run: shortly and always the same in the gate; RACES=long for hours of chance."""

import os

LONG = os.environ.get("RACES") == "long"


def so_many(gate: int, long: int) -> int:
    """How often, by the environment."""
    return long if LONG else gate
