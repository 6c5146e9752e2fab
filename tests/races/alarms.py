"""What nobody may miss: an error that the product caught, logged, and would try again."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class Alarm(logging.Handler):
    """Keeps what was logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))


@contextmanager
def listening() -> Iterator[Alarm]:
    """While inside, the dashboard's errors are heard; what is routine is not even said."""
    alarm, logger, chatter = Alarm(), logging.getLogger("jobs"), logging.getLogger("mail.log")
    levels = logger.level, chatter.level
    logger.addHandler(alarm)
    logger.setLevel(logging.ERROR)
    chatter.setLevel(logging.ERROR)
    try:
        yield alarm
    finally:
        logger.setLevel(levels[0])
        chatter.setLevel(levels[1])
        logger.removeHandler(alarm)
