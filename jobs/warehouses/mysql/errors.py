"""What MySQL and MariaDB say is wrong, as errors for people: the server's own words without its numbers."""

import re

import pymysql

from jobs.reading.errors import AudienceSqlError, Cancelled, WarehouseError, WarehouseUnreachable

FAILURES = (OSError, pymysql.Error)

# Numbers of errors, MySQL's and MariaDB's (below 1900 they agree).
READ_ONLY, ENDED = 1792, 1317
TOO_LONG = frozenset({1969, 3024})
# The line, or the server behind it: no connection left, shutting down, connection ended, cut while reading or writing.
BROKEN = frozenset({1053, 1080, 1152, 1158, 1159, 1160, 1161, 1927, 2002, 2003, 2006, 2013, 2055, 4031})
# What passes by itself: a server or a role with too many connections, no memory, a full disk, a lock.
PASSING = frozenset({1021, 1037, 1038, 1040, 1041, 1135, 1203, 1205, 1213, 1226, 1461, 1835, 3, 28})
# Of PREPARE and EXECUTE: a "?" that is none of ours.
COUNT = 1210
# Of two columns that are called alike, which brackets do not take; the server says how, between quotes.
ALIKE, CALLED = 1060, re.compile(r"'(.*)'")


def explained(error: BaseException, *, cancelled: bool, timeout: int) -> WarehouseError:
    """`cancelled`: whether somebody here ended the query; `timeout`: seconds that the warehouse lets it run."""
    number, message = _number(error), words(error)
    if cancelled:
        return Cancelled("The query was ended.")
    if number in TOO_LONG:
        return AudienceSqlError(f"The SQL takes longer than {timeout / 3600:g} hours (WAREHOUSE_TIMEOUT).")
    if number == READ_ONLY:
        return AudienceSqlError("An Audience only reads; this SQL would write, and the warehouse refused it.")
    if number == COUNT:
        return AudienceSqlError('The SQL holds a "?" where no value is: a launch variable is {{ name }}.')
    if number == ALIKE and (name := CALLED.search(message)):
        return AudienceSqlError(f'The SQL selects "{name[1]}" twice; give one of them another name.')
    if number in PASSING:
        return WarehouseUnreachable(f"The warehouse can't answer now, which may pass: {message}")
    if number == ENDED:
        return WarehouseUnreachable(f"Somebody at the warehouse ended the query: {message}")
    if is_broken(error):
        return WarehouseUnreachable(f"The line to the warehouse broke: {message}")
    return AudienceSqlError(f"The warehouse refuses the SQL: {message}")


def unreachable(error: BaseException) -> WarehouseUnreachable:
    return WarehouseUnreachable(f"The warehouse can't be reached: {words(error)}")


def is_broken(error: BaseException) -> bool:
    """Whether it was the line; what has no number was not said by a server."""
    number = _number(error)
    return not number or number in BROKEN


def _number(error: BaseException) -> int:
    """The server's, or the driver's, or nought."""
    found = error.args[0] if isinstance(error, pymysql.Error) and error.args else 0
    return found if isinstance(found, int) else 0


def words(error: BaseException) -> str:
    said = str(error.args[-1]) if error.args else ""
    return " ".join(said.split())[:500] or type(error).__name__
