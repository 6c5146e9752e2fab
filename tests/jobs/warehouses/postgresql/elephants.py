"""A database of its own on the tests' PostgreSQL: whoever may everything in it, and a right role beside them."""

import datetime
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from accelerator.embedded import databases
from accelerator.embedded.postgres import OWNER, Postgres
from jobs.models import Kind, Warehouse
from jobs.warehouses import Value
from tests.warehouses import PASSWORD, Connection, postgresql, reader

# A run that was killed leaves its database and its roles behind; each run has its own.
RUN = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
ROWS = 1000
SOON = 5  # seconds in which nothing of ours may be left at a warehouse

CUSTOMERS = f"""
CREATE TABLE customers AS SELECT n AS id, 'c' || n || '@example.com' AS email FROM generate_series(1, {ROWS}) n
"""

# Such as only a locale without letters lets be.
ENCODED = "CREATE DATABASE {} ENCODING {} TEMPLATE template0 LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"


@contextmanager
def database(name: str, encoding: str = "UTF8") -> Iterator[Connection]:
    """The admin's connection to the new database, in which the role of the same name may read the customers."""
    name = f"{name}_{RUN}"
    url = databases.beside(os.environ["DATABASE_URL"], name)
    maintenance = urlunsplit(urlsplit(url)._replace(path="/postgres"))
    if encoding != "UTF8":
        with psycopg.connect(maintenance, autocommit=True) as admin:
            made = sql.SQL(ENCODED).format(sql.Identifier(databases.name_of(url)), sql.Literal(encoding))
            admin.execute(made)
    databases.ensure(url)
    with psycopg.connect(url, autocommit=True, client_encoding="utf8") as admin:
        admin.execute(CUSTOMERS.encode())
        reader(admin, name)
        yield admin
    with psycopg.connect(maintenance, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(databases.name_of(url))))
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def redshift(admin: Connection, user: str, password: str = PASSWORD) -> Warehouse:
    """The admin's database, entered as if it were a Redshift."""
    warehouse = postgresql(admin, user, password, name="redshift")
    warehouse.kind = Kind.REDSHIFT
    return warehouse


def sessions(admin: Connection, role: str, *, active: bool = False) -> int:
    """How many the role has at the server, of them those that work."""
    working = "AND state = 'active'" if active else ""
    asked = f"SELECT count(*) FROM pg_stat_activity WHERE usename = %s {working}"
    found = admin.execute(asked.encode(), [role]).fetchone()
    assert found
    return int(str(found[0]))


def waits_for_a_lock(admin: Connection, role: str) -> bool:
    asked = "SELECT FROM pg_stat_activity WHERE usename = %s AND wait_event_type = 'Lock'"
    return admin.execute(asked, [role]).fetchone() is not None


def gone(admin: Connection, role: str) -> bool:
    """Whether the role has no session at the server any more, soon."""
    until = time.monotonic() + SOON
    while sessions(admin, role):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


# A value of each kind, such as a launch variable may have, and the server's type that it must arrive as.
VALUES: list[tuple[Value, str]] = [
    ("O'Neil; -- \\' $1 %s {} {{ a }}", "text"),
    ("", "text"),
    ("ä€😀", "text"),
    ("x" * 60_000, "text"),
    (0, "bigint"),
    (-(1 << 63), "bigint"),
    (1 << 63, "numeric"),
    (Decimal("0.10"), "numeric"),
    (Decimal("-1E+3"), "numeric"),
    (Decimal("12345678901234567890.123456789012345678"), "numeric"),
    (True, "boolean"),
    (False, "boolean"),
    (datetime.date(2024, 2, 29), "date"),
    (datetime.datetime(2024, 2, 29, 12, 0, 0, 1, datetime.UTC), "timestamp with time zone"),
    (
        datetime.datetime(
            2024, 2, 29, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=-5, minutes=-30))
        ),
        "timestamp with time zone",
    ),
]

# What a query may be at when somebody wants it to end; the rows are more than lines and buffers hold.
BUSY = {
    "computing": "SELECT count(*) AS n FROM customers a, customers b, customers c, customers d",
    "sorting": "SELECT md5(a::text) AS x FROM (SELECT generate_series(1, 100000000) AS a) s ORDER BY 1",
    "streaming": "SELECT generate_series(1, 100000000) AS a, repeat('x', 1000) AS x",
}

# Asks for passwords, lets nobody into one of its databases, and is ours to stop.
STRICT = f"""
local all {OWNER} trust
local closed all reject
local all all scram-sha-256
"""


@contextmanager
def server(folder: Path) -> Iterator[tuple[Postgres, Connection]]:
    """A PostgreSQL of its own, and the admin's connection to its database "shop", which has the customers."""
    postgres = Postgres(folder, durable=False)
    postgres.start()
    try:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
            admin.execute("CREATE DATABASE shop")
            admin.execute("CREATE DATABASE closed")
        with psycopg.connect(postgres.url("shop"), autocommit=True) as admin:
            admin.execute(CUSTOMERS.encode())
            reader(admin, "shop_reader")
            (postgres.data / "pg_hba.conf").write_text(STRICT)
            admin.execute("SELECT pg_reload_conf()")
            yield postgres, admin
    finally:
        postgres.stop()
