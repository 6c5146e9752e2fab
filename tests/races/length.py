"""How long the races run: shortly and always the same in the gate; RACES=long for hours of chance.

RACES=shrink looks, for minutes, for a shorter schedule than the one that failed in the gate.
"""

import os

LONG = os.environ.get("RACES") == "long"
SHRINK = os.environ.get("RACES") == "shrink"


def so_many(gate: int, long: int) -> int:
    """How often, by the environment."""
    return long if LONG else gate
