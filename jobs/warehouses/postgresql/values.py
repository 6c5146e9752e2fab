"""Launch variables as PostgreSQL and its kin take them: a text that is bound, and the type that the SQL sees."""

import datetime
from collections.abc import Mapping
from decimal import Decimal

from jobs.reading import variables
from jobs.reading.base import Query, Value
from jobs.reading.errors import AudienceSqlError

BIGINT = range(-(1 << 63), 1 << 63)


def typed(value: Value) -> str:
    """The server's type for a value of Python's."""
    # A bool is an int for Python, and a datetime a date.
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "bigint" if value in BIGINT else "numeric"
    if isinstance(value, Decimal):
        return "numeric"
    if isinstance(value, datetime.datetime):
        return "timestamptz"
    if isinstance(value, datetime.date):
        return "date"
    return "text"


def text(name: str, value: Value) -> str:
    """The value as it is bound. Raises AudienceSqlError for a text that no database holds."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.date):
        return value.isoformat()
    found = str(value)
    if "\0" in found or not _is_unicode(found):
        raise AudienceSqlError(
            f"The value of {{{{ {name} }}}} holds a character that no text in a database may hold (such as NUL)."
        )
    return found


def texts(query: Query) -> list[str]:
    """The values of the variables that the SQL uses, each once, in the order of `numbers`. Raises AudienceSqlError."""
    return [text(name, query.values[name]) for name in numbers(query)]


def numbers(query: Query) -> Mapping[str, int]:
    """The number of each variable, from one: what stands for it in the SQL, where a name might mean another one's."""
    return {name: number for number, name in enumerate(variables.names(query.sql), start=1)}


def _is_unicode(found: str) -> bool:
    try:
        found.encode()
    except UnicodeEncodeError:
        return False
    return True
