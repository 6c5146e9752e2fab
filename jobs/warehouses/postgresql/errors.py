"""What PostgreSQL and its kin say is wrong, as errors for people: the server's own words without the driver's."""

import re

from jobs.reading.errors import AudienceSqlError, Cancelled, WarehouseUnreachable

# The classes of SQLSTATE that speak of the line, not of the SQL.
BROKEN = ("08", "57P")
# Those that pass by themselves: a lock that somebody holds, a replica that had to go on, a server that is full.
PASSING = ("55P03", "40", "53000", "53100", "53200", "53300")

ENDED, READ_ONLY, NOT_UTF_8 = "57014", "25006", "22021"
# What ends sessions says nothing of who called it; SQL that names it is asked no second time.
ENDING = re.compile(r"pg_(?:terminate|cancel)_backend", re.IGNORECASE)
# All that stands before the server's own words, or before what libpq says of a line that never came to be.
_PREAMBLE = re.compile(
    r".*(?:ERROR|FATAL):\s*|.*?Failed to connect:\s*|(?:connection|consuming input) failed:\s*"
    r"|\[libpq\] PQ\w+\(\) failed:\s*",
    re.DOTALL,
)
# Some errors of the driver tell it in their text only.
_STATE = re.compile(r"SQLSTATE: (\w{5})")


def explained(error: BaseException, sql: str, *, cancelled: bool, timeout: int) -> Exception:
    """What the Audience's SQL came to.

    `cancelled`: whether somebody here ended the query; `timeout`: seconds that the warehouse lets it run.
    """
    words, state = str(error), state_of(error)
    message = first_lines(error)
    if cancelled:
        return Cancelled("The query was ended.")
    # While rows are read the driver gives the server's text alone.
    if "statement timeout" in words:
        return AudienceSqlError(f"The SQL takes longer than {timeout / 3600:g} hours (WAREHOUSE_TIMEOUT).")
    if state == READ_ONLY or "in a read-only transaction" in words:
        return AudienceSqlError("An Audience only reads; this SQL would write, and the warehouse refused it.")
    if "lock timeout" in words or "conflict with recovery" in words or state.startswith(PASSING):
        return WarehouseUnreachable(f"The warehouse can't answer now, which may pass: {message}")
    ended = state == ENDED or "due to user request" in words
    broken = state.startswith(BROKEN) or "closed the connection" in words or "terminating connection" in words
    if (ended or broken) and (named := ENDING.search(sql)):
        return AudienceSqlError(
            f"An Audience only reads; {named[0].lower()} ends sessions, its own among them, and this one was ended."
        )
    if ended:
        return WarehouseUnreachable(f"Somebody at the warehouse ended the query: {message}")
    if broken:
        return WarehouseUnreachable(f"The line to the warehouse broke: {message}")
    if state == NOT_UTF_8 or "invalid byte sequence for encoding" in words:
        return AudienceSqlError(
            f"The SQL comes upon text that is not UTF-8: leave it out, or convert it. The warehouse says: {message}"
        )
    return AudienceSqlError(f"The warehouse refuses the SQL: {message}")


def state_of(error: BaseException) -> str:
    """The SQLSTATE, or nothing where the line failed before the server could say one."""
    found = getattr(error, "sqlstate", None)
    if not found and (told := _STATE.search(str(error))):
        found = told[1]
    return found or ""


def first_lines(error: BaseException) -> str:
    """The server's own words and the place they point at, without the driver's preamble."""
    text = _PREAMBLE.sub("", str(error))
    text = text.partition("\nQuery was:")[0]  # with what the driver has put around it
    lines = [line.strip() for line in text.splitlines() if line.strip() and "SQLSTATE" not in line]
    return " ".join(lines[:2])[:500] or type(error).__name__
