"""Files of addresses as people have them: CSV, read line by line and written so that no spreadsheet sees a formula."""

import csv
import io
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain
from typing import IO

from accelerator.protocol import AddressInvalid, address_key
from accelerator.protocol.addresses import AROUND

# What one file may have, and characters of a line of it.
MOST_ROWS, MOST_BYTES, LONGEST_LINE = 1_000_000, 100_000_000, 10_000

# What the column is called, where there are several.
NAMES = frozenset({"address", "addresses", "email", "e-mail", "mail", "email address", "e-mail address"})

# A spreadsheet would take a cell that begins so for a formula (full-width signs too). Apostrophes before it are those
# that a writer has put there: one is added, and one is taken away again.
SIGN = rf"[{AROUND}\ufffd]*[=+\-@\uff1d\uff0b\uff0d\uff20]"
FORMULA, KEPT_FROM_IT = re.compile(rf"'*{SIGN}"), re.compile(rf"'+{SIGN}")

QUOTED = re.compile(r'"(?:[^"]|"")*"')


class FileUnreadable(ValueError):
    """Not a file that addresses can be taken from; the text says what to do, for whoever chose it."""


def count(file: IO[bytes], size: int) -> int:
    """How many lines of the file, of `size` bytes, have something in them, heading apart. Raises FileUnreadable.

    What is read from it afterwards raises nothing any more.
    """
    if size > MOST_BYTES:
        raise FileUnreadable(f"The file has more than {MOST_BYTES:,} bytes. Divide it.")
    rows = 0
    with closing(read(file)) as found:
        for rows, _ in enumerate(found, start=1):
            if rows > MOST_ROWS:
                raise FileUnreadable(f"The file has more than {MOST_ROWS:,} addresses. Divide it.")
    if not rows:
        raise FileUnreadable("There is no address in the file.")
    return rows


def read(file: IO[bytes]) -> Generator[tuple[int, str], None, None]:
    """The cells that are to be addresses, each with the number of its line; valid or not. Raises FileUnreadable.

    Whoever does not read to the end closes it, before the file is closed.
    UTF-8, or what a spreadsheet calls Unicode text; commas, semicolons or tabs; with or without a heading.
    """
    file.seek(0)
    encoding = "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, newline="")
    try:
        yield from _cells(_lines(text))
    except UnicodeError:
        raise FileUnreadable(
            'The file is not in UTF-8. In the spreadsheet, choose "CSV UTF-8" when you save it.'
        ) from None
    finally:
        text.detach()


def written(entries: Iterable[tuple[str, str, str]]) -> Iterator[bytes]:
    """A file of (address, reason, since) with a heading, UTF-8, piece by piece."""
    held = io.StringIO()
    writer = csv.writer(held)
    for entry in chain([("address", "reason", "since")], entries):
        writer.writerow([f"'{cell}" if FORMULA.match(cell) else cell for cell in entry])
        if held.tell() > 1 << 16:
            yield _taken(held)
    yield _taken(held)


def _taken(held: io.StringIO) -> bytes:
    text = held.getvalue()
    held.seek(0)
    held.truncate()
    return text.encode()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: text.readline(LONGEST_LINE), ""), start=1):
        if len(line) == LONGEST_LINE:
            raise FileUnreadable(f"Line {number:,} is too long for a line of addresses. Is it a CSV file?")
        yield line


def _cells(lines: Iterator[str]) -> Iterator[tuple[int, str]]:
    blank, first = 0, ""
    for first in lines:
        if first.strip(AROUND):
            break
        blank += 1
    reader = csv.reader(chain([first], lines), delimiter=_delimiter(first), strict=True)
    column, number = None, blank + 1
    try:
        for row in reader:
            cells = [cell.strip(AROUND) for cell in row]
            if any(cells):
                if column is None:
                    column, heading = _column(cells, number)
                    cells = [] if heading else cells
                if cells:
                    yield number, _meant(cells[column]) if column < len(cells) else ""
            number = blank + reader.line_num + 1
    except csv.Error as error:
        raise FileUnreadable(
            f"Line {number:,} cannot be read as CSV, most often for a quotation mark too many ({error})."
        ) from None


def _delimiter(line: str) -> str:
    bare = QUOTED.sub("", line)
    return next((sign for sign in ";\t," if sign in bare), ",")


def _column(cells: list[str], number: int) -> tuple[int, bool]:
    """Where the addresses are, and whether the line is a heading."""
    while not cells[-1]:
        cells = cells[:-1]
    named = [place for place, cell in enumerate(cells) if cell.casefold() in NAMES]
    if len(cells) == 1:
        return 0, bool(named)  # another heading is told as a line without an address
    if len(named) == 1:
        return named[0], True
    valid = [place for place, cell in enumerate(cells) if _is_address(cell)]
    if len(valid) == 1 and not named:
        return valid[0], False
    raise FileUnreadable(
        f'Line {number:,} has {len(cells)} columns. Call the one with the addresses "email", or leave only that one.'
    )


def _is_address(cell: str) -> bool:
    try:
        return bool(address_key(_meant(cell)))
    except AddressInvalid:
        return False


def _meant(cell: str) -> str:
    return cell[1:] if KEPT_FROM_IT.match(cell) else cell
