"""The warehouses that are extracted from: the same customers, eight columns, in PostgreSQL, DuckDB and SQLite."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg

SQL = "SELECT customer_id, email, first_name, city, points, spent, profile, updated_at FROM customers"

# One customer in five hundred is there twice, in other letters; one in a thousand has no address that is one.
MADE = """
SELECT n AS customer_id,
    CASE WHEN n % 1000 = 7 THEN 'nobody at all'
        WHEN n % 500 = 3 THEN 'Customer.' || (n - 1) || '@Shop' || ((n - 1) % 50) || '.example'
        ELSE 'customer.' || n || '@shop' || (n % 50) || '.example' END AS email,
    'Name ' || (n % 5000) AS first_name, 'City ' || (n % 300) AS city, n % 10000 AS points,
"""
POSTGRESQL = f"""
CREATE TABLE customers AS {MADE}
    ((n % 100000) / 100.0)::numeric(12, 2) AS spent,
    jsonb_build_object('tier', n % 4, 'tags', jsonb_build_array('a', n % 7)) AS profile,
    timestamptz '2026-01-01' + n * interval '1 second' AS updated_at
FROM generate_series(1, {{count}}) AS customers(n)
"""
DUCKDB = f"""
CREATE TABLE customers AS {MADE}
    ((n % 100000) / 100.0)::decimal(12, 2) AS spent,
    '{{{{"tier": ' || (n % 4) || ', "tags": ["a", ' || (n % 7) || ']}}}}' AS profile,
    timestamptz '2026-01-01 00:00:00+00' + to_seconds(n) AS updated_at
FROM range(1, {{count}} + 1) AS customers(n)
"""
SQLITE = f"""
CREATE TABLE customers AS
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {{count}})
{MADE}
    (n % 100000) / 100.0 AS spent,
    '{{{{"tier": ' || (n % 4) || ', "tags": ["a", ' || (n % 7) || ']}}}}' AS profile,
    datetime('2026-01-01', '+' || n || ' seconds') AS updated_at
FROM numbers
"""  # noqa: S608 - a text of our own

# Reads every row and throws it away, as fast as the database gives it.
Raw = Callable[[], object]


def postgresql(url: str, role_url: str, role: str, count: int) -> Raw:
    """Fill the database at `url`, for a `role` that may only read."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'".encode())
        connection.execute(POSTGRESQL.format(count=count).encode())
        connection.execute(f"GRANT SELECT ON customers TO {role}".encode())
        connection.execute("VACUUM ANALYZE customers")

    def read() -> None:
        with (
            psycopg.connect(role_url) as connection,
            connection.cursor() as cursor,
            cursor.copy(f"COPY ({SQL}) TO STDOUT".encode()) as copy,
        ):
            for _ in copy:
                pass

    return read


def duck(path: Path, count: int) -> Raw:
    with duckdb.connect(path) as connection:
        connection.execute(DUCKDB.format(count=count))

    def read() -> None:
        with duckdb.connect(path, read_only=True) as connection:
            for _ in connection.sql(SQL).to_arrow_reader(10_000):
                pass

    return read


def sqlite(path: Path, count: int) -> Raw:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(SQLITE.format(count=count))

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
