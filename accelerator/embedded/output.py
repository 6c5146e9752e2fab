"""What `up` says: lines, each with the name of the process that said it; all of them go to a file too."""

import contextlib
import logging.handlers
import os
import re
import sys
import time
from pathlib import Path

NAME_WIDTH = 14
COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
UP = "up"

# Celery's and the web server's talk about themselves. Warnings and errors are never noise.
QUIET_LOGGERS = ("celery", "kombu", "granian", "_granian", "httpx2", "httpcore", "django.server", "asyncio")
LEVEL = re.compile(r"(?:^|[\s\[])(DEBUG|INFO|WARNING|ERROR|CRITICAL)(?:\]|:|\s)\s*([\w.]+)?")


def noise(line: str) -> bool:
    """Is this line of interest to nobody who just watches?"""
    if not line.strip():
        return True
    found = LEVEL.search(line[:120])
    if not found:
        return False
    level, logger = found[1], found[2] or ""
    return level == "DEBUG" or (level == "INFO" and logger.split(".")[0] in QUIET_LOGGERS)


class Output:
    """Lines to the terminal (coloured if it is one) and all of them to `file`."""

    def __init__(self, file: Path) -> None:
        self.coloured = (
            sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )
        self.colours: dict[str, int] = {}
        logging.raiseExceptions = False  # a full disk must not stop what still runs
        handler = logging.handlers.RotatingFileHandler(
            file, maxBytes=10_000_000, backupCount=1, encoding="utf-8"
        )
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self.log = logging.Logger("up")
        self.log.addHandler(handler)

    def line(self, name: str, text: str) -> None:
        """A line that a process said."""
        self.log.info("%s | %s", name, text)
        if not noise(text):
            self.write(f"{self.paint(name.ljust(NAME_WIDTH), name)} {text}")

    def say(self, text: str) -> None:
        """A line of our own."""
        self.line(UP, text)

    def block(self, text: str) -> None:
        """Several lines without a name: what the person has to see."""
        self.log.info("%s", text)
        self.write(text)

    def paint(self, text: str, name: str) -> str:
        if not self.coloured:
            return text
        colour = 1 if name == UP else self.colours.setdefault(name, COLOURS[len(self.colours) % len(COLOURS)])
        return f"\x1b[{colour}m{text}\x1b[0m"

    def write(self, text: str) -> None:
        try:
            print(text, flush=True)
        except (OSError, ValueError):
            # Nobody reads any more (`up | head`): go on, the file has it all.
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def seconds(since: float) -> str:
    return f"{time.monotonic() - since:.1f} s"
