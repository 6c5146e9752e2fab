"""The command line: launch, job, complaint, warehouse, doctor, bench; up and seed_demo.

finding    which Campaign, which Job, which Warehouse, whose act
telling    a Job as lines and as a document
watching   a Job's progress, until it is where it is awaited
reporting  what `launch` and `job` have in common: --wait, --until, --json and the exit codes

Exit codes: 0 fine; 1 refused, or failed; 2 the command was not written as it must be; 130 stopped by Ctrl-C.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

STOPPED = 130


@contextmanager
def quietly() -> Iterator[None]:
    """Without what libraries log meanwhile: noise to who sits at the terminal, and is told in sentences."""
    loggers = [logging.getLogger(name) for name in ("httpx2", "psycopg.pool", "accelerator.watching")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class Refused(CommandError):
    """What was asked is not possible now; Django prints the name of the class before the sentence."""


class Failed(CommandError):
    """It was tried, and did not come to a good end."""


class Usage(CommandError):
    """The command names what there is not, or says too little."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, returncode=2)
