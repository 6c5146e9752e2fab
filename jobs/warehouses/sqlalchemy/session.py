"""A session through SQLAlchemy: how to get in, what holds it to reading if anything does, and how values are bound."""

import os
import re
import socket
from typing import Any

import sqlalchemy
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql.base import PGDialect

from jobs.reading import lexing, rows, variables
from jobs.reading.base import Query
from jobs.reading.errors import AudienceSqlError, WarehouseUnreachable
from jobs.reading.lexing import bare
from jobs.warehouses import locations

# What more some of them can be told; PostgreSQL's kin have an option of the connection.
HOLDING = {"oracle": "SET TRANSACTION READ ONLY"}
UNHELD = (
    "This kind of Warehouse can't be locked down by Accelerator: an Audience's SQL may do whatever the role may that "
    "lets it in. Give it a role that may read the tables for Audiences, and nothing else."
)

# Options of a location that would be its password.
SECRETS = frozenset({"password", "passwd", "pwd", "token", "access_token"})
# Text and comments, as databases read them that know a backslash in a text, and as the others do.
READINGS = tuple(
    re.compile(f"{lexing.COMMENT} | {text} | {lexing.NAME} | {lexing.TICKED}", re.DOTALL | re.VERBOSE)
    for text in (lexing.BACKSLASHED, lexing.DOUBLED)
)
FAILURES = (exc.SQLAlchemyError, OSError)


def words(error: BaseException) -> str:
    """The driver's own, without the SQL that SQLAlchemy puts behind them."""
    said = str(getattr(error, "orig", None) or error)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " ".join(lines[:2])[:500] or type(error).__name__


def cut(driver: Any) -> None:
    """Cut the line of a connection that can't be told to end what it does."""
    line = getattr(driver, "fileno", None)
    number = line() if callable(line) else line
    if isinstance(number, int):
        with socket.socket(fileno=os.dup(number)) as held:
            held.shutdown(socket.SHUT_RDWR)
    else:
        driver.close()


def engine(location: str, secret: str) -> sqlalchemy.Engine:
    """Nobody is contacted yet. Raises WarehouseUnreachable, LocationRefused.

    No error of SQLAlchemy's is passed on that was made with the password in reach.
    """
    try:
        url = sqlalchemy.make_url(location)
        locations.check_dialect(url.get_backend_name())
        if url.password or SECRETS.intersection(map(str.lower, url.query)):
            raise WarehouseUnreachable(
                "The location holds a password; it belongs into the field for the secret."
            )
        found = sqlalchemy.create_engine(
            url.set(password=secret) if secret else url,
            poolclass=sqlalchemy.NullPool,
            hide_parameters=True,
        )
    except exc.NoSuchModuleError:
        name = location.partition("://")[0]
        raise WarehouseUnreachable(
            f'SQLAlchemy knows no database "{name}" on this machine: install the package with its dialect.'
        ) from None
    except ModuleNotFoundError as error:
        raise WarehouseUnreachable(
            f'The driver "{error.name}" is not installed on this machine. Install it, or name another one in the '
            "location (such as mssql+pymssql://)."
        ) from None
    except (exc.ArgumentError, TypeError, ValueError):
        raise WarehouseUnreachable(
            "The location must look like dialect+driver://user@host:port/database, as SQLAlchemy wants it."
        ) from None
    locations.check_dialect(found.dialect.name)  # which a package may have given another name
    return found


def connected(engine: sqlalchemy.Engine, secret: str) -> sqlalchemy.Connection:
    """A transaction that is undone at the end, and held to reading where that can be told to the database."""
    options: dict[str, Any] = {"stream_results": True, "max_row_buffer": rows.MOST}
    if isinstance(engine.dialect, PGDialect):
        options["postgresql_readonly"] = True
    try:
        connection = engine.connect().execution_options(**options)
        if holding := HOLDING.get(engine.dialect.name):
            connection.exec_driver_sql(holding)
    except Exception as error:  # noqa: BLE001 - of any driver
        said = words(error).replace(secret, "***") if secret else words(error)
        raise WarehouseUnreachable(f"The warehouse can't be reached: {said}") from None
    return connection


def statement(query: Query) -> sqlalchemy.TextClause:
    """The SQL with its values as bound parameters. Raises AudienceSqlError for what is plainly no SELECT."""
    sql = bare(query.sql)
    for reading in READINGS:
        outside = reading.sub(" ", sql)
        if ";" in outside:
            raise AudienceSqlError("An Audience is one SELECT; this is more than one statement.")
        if not re.match(r"[\s(]*(SELECT|WITH|VALUES)\b", outside, re.IGNORECASE):
            raise AudienceSqlError("An Audience only reads: write one SELECT. Nothing was run.")
    # SQLAlchemy takes a colon and a name for a parameter, between quotes too.
    text = variables.bound(sql.replace(":", "\\:"), lambda name: f" :{name} ")
    values = {name: query.values[name] for name in variables.names(sql)}
    return sqlalchemy.text(text).bindparams(**values)
