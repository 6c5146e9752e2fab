"""A session at MySQL or MariaDB that can only read: how to get in, its guards, and the values that are bound in it.

The server binds: the SQL is a prepared statement with a "?" for each value, and the values are variables of the
session, written there as hexadecimal digits. The driver would paste them into the SQL.
"""

import datetime
import socket
import ssl
from contextlib import suppress
from decimal import Decimal
from typing import Any, TypeGuard
from urllib.parse import unquote

import pymysql
from django.conf import settings
from pymysql.connections import Connection

from jobs.reading import variables
from jobs.reading.base import Query, Value
from jobs.reading.errors import AudienceSqlError, WarehouseUnreachable
from jobs.reading.lexing import bare
from jobs.warehouses import services
from jobs.warehouses.mysql import DIALECT, errors, gate

FORM = "mysql://user@host:3306/database"
SCHEMES = ("mysql", "mariadb")
OPTIONS = ("unix_socket", "ssl_mode", "ssl_ca", "ssl_cert", "ssl_key")
LOCAL = ("localhost", "127.0.0.1", "::1")
MODES = ("DISABLED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")

CONNECT_TIMEOUT, PATIENCE = 10, 15  # seconds: to connect, and for the answer to a short question
# Seconds. Who alters a table is waited for; a reader who has to wait may hold up the server, which then waits.
LOCKED, HELD_UP = 600, 3600
# A dead line is noticed after about a minute, whichever side was to speak (tcp(7)).
ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}

# What the server says of a transaction that only reads (SERVER_STATUS_IN_TRANS_READONLY).
READING = 0x2000
# The most that MAX_EXECUTION_TIME holds, in milliseconds.
LONGEST = (1 << 32) - 1

STATEMENT, PLACE = "accelerator", "@accelerator_"
BIGINT = range(-(1 << 63), 1 << 63)
MOST_DIGITS, MOST_DECIMALS = 65, 30


def connect(location: str, secret: str, patience: float | None = None) -> Connection:
    """`patience`: seconds that an answer may take. Raises WarehouseUnreachable."""
    try:
        return dial(location, secret, patience)
    except (*errors.FAILURES, ValueError, RuntimeError) as error:
        raise errors.unreachable(error) from error


def dial(location: str, secret: str, patience: float | None) -> Connection:
    """Raises pymysql.Error, OSError and whatever a driver has against a server's way to let people in."""
    where = _where(location)
    connection = pymysql.connect(
        **where,
        password=secret.encode(),
        charset="utf8mb4",
        autocommit=True,
        local_infile=False,
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=patience or PATIENCE,
        program_name="accelerator",
    )
    connection._read_timeout = patience  # whoever is let in may think for longer
    if "unix_socket" not in where:
        for name, value in ALIVE.items():
            with suppress(OSError, AttributeError):  # of another system than Linux
                connection._sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection


def warnings(location: str) -> list[str]:
    """What is wrong with the way in, for a server on another machine."""
    where = _where(location)
    context = where.get("ssl")
    near = "unix_socket" in where or where["host"] in LOCAL
    if near or (context is not None and context.verify_mode == ssl.CERT_REQUIRED):
        return []
    return [
        "The line to the server is not proved to lead there: whoever sits between could read all of it, the password "
        "too. Add ssl_mode=VERIFY_IDENTITY to the location, and ssl_ca=file if an authority of your own signs for it."
    ]


def ask(connection: Connection, statement: str) -> tuple[Any, ...]:
    """The rows of a question of ours."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows: tuple[Any, ...] = cursor.fetchall()
        return rows


def begin(connection: Connection) -> None:
    """A transaction that only reads, within limits. Raises WarehouseUnreachable where the server does not say so."""
    seconds = settings.WAREHOUSE_TIMEOUT
    limit = (
        f"max_statement_time = {seconds}"
        if is_mariadb(connection)
        else f"max_execution_time = {min(seconds * 1000, LONGEST)}"
    )
    for statement in (
        f"SET SESSION time_zone = '+00:00', lock_wait_timeout = {LOCKED}, net_write_timeout = {HELD_UP}",
        f"SET SESSION {limit}",
        "SET SESSION TRANSACTION READ ONLY",
        "START TRANSACTION READ ONLY",
    ):
        ask(connection, statement)
    if not connection.server_status & READING:
        raise WarehouseUnreachable(
            "The warehouse does not hold its transactions to reading; nothing was run on it."
        )


def prepare(connection: Connection, query: Query) -> str:
    """Have the server read the SQL, and put the values where it finds them; returns the statement that runs it.

    Raises AudienceSqlError, pymysql.Error.
    """
    [(mode,)] = ask(connection, "SELECT @@SESSION.sql_mode")
    used: list[str] = []

    def place(name: str) -> str:
        used.append(name)
        return typed(query.values[name])

    sql = gate.check(variables.bound(bare(query.sql), place, DIALECT), mode)
    ask(connection, f"SET {PLACE}sql = {literal(sql)}")
    ask(connection, f"PREPARE {STATEMENT} FROM {PLACE}sql")
    numbers = {name: number for number, name in enumerate(dict.fromkeys(used))}
    for name, number in numbers.items():
        ask(connection, f"SET {PLACE}{number} = {bindable(name, query.values[name])}")
    using = ", ".join(f"{PLACE}{numbers[name]}" for name in used)
    return f"EXECUTE {STATEMENT} USING {using}" if used else f"EXECUTE {STATEMENT}"


def is_mariadb(connection: Connection) -> bool:
    return "mariadb" in connection.get_server_info().lower()


def literal(text: str) -> str:
    """A text of which no character means anything to who reads the statement."""
    return f"_utf8mb4 X'{text.encode().hex()}'"


def typed(value: Value) -> str:
    """What stands in the SQL for a value: variables of a session know no dates, and not how many digits there are."""
    if isinstance(value, datetime.datetime):
        return "CAST(? AS DATETIME(6))"
    if isinstance(value, datetime.date):
        return "CAST(? AS DATE)"
    if _is_decimal(value):
        return f"CAST(? AS {_decimal(value)})"
    return "?"


def bindable(name: str, value: Value) -> str:
    """The value as a variable of the session is given it. Raises AudienceSqlError for a text that none holds."""
    if isinstance(value, datetime.datetime):
        return literal(value.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(sep=" "))
    if isinstance(value, datetime.date):
        return literal(value.isoformat())
    if _is_decimal(value):
        return literal(f"{Decimal(value):f}")
    if isinstance(value, int):  # a bool is one, for Python and for MySQL
        return f"CAST({literal(str(int(value)))} AS SIGNED)"
    try:
        return literal(str(value))
    except UnicodeEncodeError as error:
        raise AudienceSqlError(f"The value of {{{{ {name} }}}} holds a character that is none.") from error


def _is_decimal(value: Value) -> TypeGuard[Decimal | int]:
    return isinstance(value, Decimal) or (isinstance(value, int) and value not in BIGINT)


def _decimal(value: Decimal | int) -> str:
    """The type that the number fits into exactly. Raises AudienceSqlError where there is none."""
    number = Decimal(value)
    _, digits, exponent = number.as_tuple()
    power = exponent if isinstance(exponent, int) else MOST_DIGITS + 1  # of what is no number
    scale, size = max(0, -power), max(len(digits) + power, len(digits), -power)
    if scale > MOST_DECIMALS or size > MOST_DIGITS:
        raise AudienceSqlError(
            f"The value {number} is no number that MySQL has: at most {MOST_DIGITS} digits, {MOST_DECIMALS} of them "
            "behind the point."
        )
    return f"DECIMAL({size}, {scale})"


def _where(location: str) -> dict[str, Any]:
    """What the driver wants to know. Raises WarehouseUnreachable."""
    scheme = location.partition("://")[0]
    form = FORM.replace("mysql", scheme, 1) if scheme in SCHEMES else FORM
    parts, options = services.located(location, form, OPTIONS)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise WarehouseUnreachable(f"The location must look like {FORM}.") from error
    if not parts.username or not (host or "unix_socket" in options):
        raise WarehouseUnreachable(f"The location must name a user and a host: {FORM}.")
    where: dict[str, Any] = {"user": unquote(parts.username), "host": host, "port": port or 0}
    if len(parts.path) > 1:
        where["database"] = unquote(parts.path[1:])
    if "unix_socket" in options:
        return where | {"unix_socket": options["unix_socket"]}
    return where | _secured(options)


def _secured(options: dict[str, str]) -> dict[str, Any]:
    """TLS as MySQL's own clients know it (--ssl-mode); by default where the server offers it, whoever it is."""
    mode = options.get("ssl_mode", "VERIFY_IDENTITY" if "ssl_ca" in options else "").upper()
    if not mode and "ssl_cert" in options:
        mode = "REQUIRED"
    if mode == "DISABLED":
        return {"ssl_disabled": True}
    if not mode:
        return {}
    if mode not in MODES:
        raise WarehouseUnreachable(f"The location's ssl_mode must be one of {', '.join(MODES)}.")
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca"))
        # The certificates that MySQL makes for itself lack what a strict look would want to see.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = mode == "VERIFY_IDENTITY"
        if mode == "REQUIRED":
            context.verify_mode = ssl.CERT_NONE
        if "ssl_cert" in options:
            context.load_cert_chain(options["ssl_cert"], options.get("ssl_key"))
    except OSError as error:
        raise WarehouseUnreachable(f"The certificates of the location can't be read: {error}.") from error
    return {"ssl": context}
