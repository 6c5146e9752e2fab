"""A session at PostgreSQL that can only read: its address, its guards, and the values that are bound in it.

The guards stand twice: in the address, for whatever the driver asks, and in the transaction that the SQL runs in, which
is never committed. A pooler that drops the first keeps the second.
"""

from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

from adbc_driver_postgresql import dbapi
from django.conf import settings

from jobs.reading import variables
from jobs.reading.base import Query
from jobs.reading.errors import WarehouseUnreachable
from jobs.warehouses import locations
from jobs.warehouses.postgresql import values

FORM = "postgresql://user@host:port/database"
# libpq takes what begins otherwise for options, and quotes it with the password when it finds none of that name.
SCHEMES = ("postgresql", "postgres")

CONNECT_TIMEOUT = 10  # seconds

# A dead line is noticed after about a minute, whichever side was to speak (seconds; tcp_user_timeout in milliseconds).
# A line that is alive and silent is the affair of `apart`.
ALIVE = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
BEGIN = "BEGIN TRANSACTION READ ONLY"

# The server converts text to what Arrow takes, whatever the database keeps. One in SQL_ASCII can't: asked for UTF-8 it
# would refuse what is none and not say in which column. (Not in the address: the driver reads the names of all columns
# when it connects, and one of them that is no UTF-8 would let nobody in.)
ENCODING = "CASE current_setting('server_encoding') WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END"

# Where the values of the variables are kept; a number follows.
PLACE = "accelerator.v"

# Seconds. A load that has locked its table is waited for, as it hurts nobody; of a process that died the server is to
# notice while the query still thinks.
LOCKED, IDLE, GONE = 600, 60, 5


def guards() -> dict[str, str]:
    """What the server holds the transaction to, as far as it knows the names (some are younger than PostgreSQL 12)."""
    return {
        "statement_timeout": f"{settings.WAREHOUSE_TIMEOUT}s",
        "lock_timeout": f"{LOCKED}s",
        "idle_in_transaction_session_timeout": f"{IDLE}s",
        "client_connection_check_interval": f"{GONE}s",
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
    }


def guarding() -> str:
    """A SELECT's column that sets the guards for the rest of the transaction."""
    pairs = ", ".join(f"('{name}', '{value}')" for name, value in guards().items())
    pairs += f", ('client_encoding', {ENCODING})"
    # Other systems than Linux may refuse to look after their clients.
    return f"""(
        SELECT count(set_config(known.name, wanted.value, true))
        FROM pg_catalog.pg_settings known JOIN (VALUES {pairs}) wanted (name, value) ON known.name = wanted.name
        WHERE known.name <> 'client_connection_check_interval' OR version() LIKE '%linux%'
    ) AS guards"""  # noqa: S608 - names and numbers of our own


def address(location: str, secret: str) -> str:
    """The location with the password and the session's guards, which win over options of the location's own.

    Raises WarehouseUnreachable, LocationRefused.
    """
    parts = split(location)
    query = dict(parse_qsl(parts.query))
    held = f"-c default_transaction_read_only=on -c statement_timeout={settings.WAREHOUSE_TIMEOUT}s"
    # The server takes the last of each. Two spaces: a backslash at the end of the others may swallow one.
    query["options"] = "  ".join(filter(None, [query.get("options"), held]))
    query.setdefault("connect_timeout", str(CONNECT_TIMEOUT))
    query.setdefault("application_name", "accelerator")
    query = ALIVE | query
    netloc = parts.netloc
    if secret and parts.username:
        netloc = f"{parts.username}:{quote(secret, safe='')}@{netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=netloc, query=urlencode(query, quote_via=quote)))


def split(location: str, schemes: tuple[str, ...] = SCHEMES) -> SplitResult:
    """The parts of a location that begins with one of the schemes. Raises WarehouseUnreachable, LocationRefused."""
    try:
        parts = urlsplit(location)
    except ValueError as error:
        raise WarehouseUnreachable(
            f"The location can't be read ({error}); it must look like {FORM}."
        ) from error
    if parts.scheme not in schemes:
        begin = " or ".join(f"{scheme}://" for scheme in schemes)
        raise WarehouseUnreachable(f"The location must begin with {begin}, as in {FORM}.")
    locations.check_libpq(parts)
    return parts


def ask(connection: dbapi.Connection, sql: str, texts: list[str] | None = None) -> list[dict[str, Any]]:
    """The rows of a question of ours."""
    with connection.cursor() as cursor:
        cursor.execute(sql, texts)
        rows: list[dict[str, Any]] = cursor.fetch_arrow_table().to_pylist()
        return rows


def begin(connection: dbapi.Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute(BEGIN)


def bind(connection: dbapi.Connection, query: Query) -> str:
    """Put the values where the SQL finds them (COPY takes no parameters); returns the SQL. Raises AudienceSqlError."""
    numbers = values.numbers(query)
    if numbers:
        places = ", ".join(f"set_config('{PLACE}{number}', ${number}, true)" for number in numbers.values())
        ask(connection, f"SELECT count(*) AS bound FROM (SELECT {places}) AS b", values.texts(query))  # noqa: S608

    def place(name: str) -> str:
        kind = values.typed(query.values[name])
        return f"(pg_catalog.current_setting('{PLACE}{numbers[name]}')::{kind})"

    return variables.bound(query.sql, place)
