"""The warehouses that are extracted from: the same customers, eight columns, in PostgreSQL, DuckDB and SQLite."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg

SQL = "SELECT customer_id, email, first_name, city, points, spent, profile, updated_at FROM customers"
# The same people, of whom less is known.
SMALL_SQL = SQL.replace("customers", "small_customers")

# One customer in five hundred is there twice, in other letters; one in a thousand has no address that is one.
MADE = """
SELECT n AS customer_id,
    CASE WHEN n % 1000 = 7 THEN 'nobody at all'
        WHEN n % 500 = 3 THEN 'Customer.' || (n - 1) || '@Shop' || ((n - 1) % 50) || '.example'
        ELSE 'customer.' || n || '@shop' || (n % 50) || '.example' END AS email,
    'Name ' || (n % 5000) AS first_name, 'City ' || (n % 300) AS city, n % 10000 AS points,
"""
# What a shop knows of a customer, 200 characters of JSON; and hardly anything, 28.
PROFILE = """
    '{"tier": ' || (n % 4) || ', "tags": ["a", ' || (n % 7) || '], "language": "fr", "consents": {"sms": false, '
        || '"email": true, "since": "202' || (n % 6) || '-06-11"}, "last_order": {"items": ["shoes", "socks", "laces '
        || (n % 50) || '"], "total": ' || (n % 40000) / 100.0 || ', "number": ' || (n * 7) || '}}'
"""
SMALL_PROFILE = """'{"tier": ' || (n % 4) || ', "tags": ["a", ' || (n % 7) || ']}'"""
POSTGRESQL = """
CREATE TABLE {table} AS {made}
    ((n % 100000) / 100.0)::numeric(12, 2) AS spent,
    ({profile})::jsonb AS profile,
    timestamptz '2026-01-01' + n * interval '1 second' AS updated_at
FROM generate_series(1, {count}) AS customers(n)
"""
DUCKDB = f"""
CREATE TABLE customers AS {MADE}
    ((n % 100000) / 100.0)::decimal(12, 2) AS spent,
    {PROFILE} AS profile,
    timestamptz '2026-01-01 00:00:00+00' + to_seconds(n) AS updated_at
FROM range(1, $count + 1) AS customers(n)
"""
SQLITE = f"""
CREATE TABLE customers AS
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $count)
{MADE}
    (n % 100000) / 100.0 AS spent,
    {PROFILE} AS profile,
    datetime('2026-01-01', '+' || n || ' seconds') AS updated_at
FROM numbers
"""  # noqa: S608 - a text of our own

# Reads every row and throws it away, as fast as the database gives it.
Raw = Callable[[], object]


def postgresql(url: str, role: str, count: int) -> None:
    """Fill the database at `url`, for a `role` that may only read."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'".encode())
        for table, profile in (("customers", PROFILE), ("small_customers", SMALL_PROFILE)):
            made = POSTGRESQL.format(table=table, made=MADE, profile=profile, count=count)
            connection.execute(made.encode())
            connection.execute(f"GRANT SELECT ON {table} TO {role}".encode())
            connection.execute(f"VACUUM ANALYZE {table}".encode())


def copying(url: str, sql: str) -> Raw:
    def read() -> None:
        with (
            psycopg.connect(url) as connection,
            connection.cursor() as cursor,
            cursor.copy(f"COPY ({sql}) TO STDOUT".encode()) as copy,
        ):
            for _ in copy:
                pass

    return read


def duck(path: Path, count: int) -> Raw:
    with duckdb.connect(path) as connection:
        connection.execute(DUCKDB.replace("$count", str(count)))

    def read() -> None:
        with duckdb.connect(path, read_only=True) as connection:
            for _ in connection.sql(SQL).to_arrow_reader(10_000):
                pass

    return read


def sqlite(path: Path, count: int) -> Raw:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(SQLITE.replace("$count", str(count)))

    def read() -> None:
        with closing(sqlite3.connect(path)) as connection:
            for _ in _pieces(connection.execute(SQL)):
                pass

    return read


def _pieces(cursor: sqlite3.Cursor) -> Iterator[list[object]]:
    while piece := cursor.fetchmany(10_000):
        yield piece


def seconds(read: Raw) -> float:
    began = time.perf_counter()
    read()
    return time.perf_counter() - began
