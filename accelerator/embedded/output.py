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

# What other people's code says about itself is noise, unless it is a warning.
OUR_LOGGERS = ("accelerator", "campaigns", "jobs")
LEVEL = re.compile(r"(?:^|[\s\[])(DEBUG|INFO|WARNING|ERROR|CRITICAL)(?=[\]:/\s])\s?(\w+)?")


def noise(line: str) -> bool:
    """Is this line of interest to nobody who just watches?"""
    if not line.strip() or line.startswith("worker: "):  # Celery: "worker: Warm shutdown (MainProcess)"
        return True
    found = LEVEL.search(line[:120])
    if not found:
        return False
    level, logger = found.groups()
    return level == "DEBUG" or (level == "INFO" and logger not in OUR_LOGGERS)


class LogFile(logging.handlers.RotatingFileHandler):
    """Of a size that does not grow for ever; a full disk does not stop what still runs."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, maxBytes=10_000_000, backupCount=1, encoding="utf-8")
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s"))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - logging's
        return


class Output:
    """Lines to the terminal (coloured if it is one) and all of them to `file`."""

    def __init__(self, file: Path) -> None:
        self.coloured = (
            sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )
        self.colours: dict[str, int] = {}
        self.file = LogFile(file)
        self.log = logging.Logger("up")
        self.log.addHandler(self.file)

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

    def close(self) -> None:
        self.file.close()

    def write(self, text: str) -> None:
        try:
            print(text, flush=True)
        except (OSError, ValueError):
            # Nobody reads any more (`up | head`): go on, the file has it all.
            with contextlib.suppress(OSError):
                sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end


def seconds(since: float) -> str:
    return f"{time.monotonic() - since:.1f} s"
