"""Whom: the rows of the warehouse, made by one statement, and where each must come to rest. Numbers begin at 1."""

from pathlib import Path

import duckdb

SHOPS = 50
SQL = "SELECT customer_id, email, first_name, points FROM customers"

# What becomes of a row, by its number: (remainder, of how many). Whoever is in none is usual.
USUAL, INVALID, DUPLICATE, REFUSED, BROKEN = range(5)
NAMES = ("usual", "invalid", "duplicate", "refused", "broken")
KINDS = {
    INVALID: (7, 1_000),  # no address: dropped
    DUPLICATE: (3, 500),  # the address of the row before in other letters: dropped
    REFUSED: (11, 200),  # the mail server knows nobody of the name
    BROKEN: (501, 1_000),  # the Template fails
}

_MADE = """
CREATE TABLE customers AS SELECT n AS customer_id,
    CASE WHEN n % {invalid[1]} = {invalid[0]} THEN 'nobody at all'
        WHEN n % {duplicate[1]} = {duplicate[0]}
            THEN 'Customer.' || (n - 1) || '@Shop' || ((n - 1) % {shops}) || '.example'
        ELSE 'customer.' || n || '@shop' || (n % {shops}) || '.example' END AS email,
    'Zoë' || (n % 5000) AS first_name,
    CASE WHEN n % {broken[1]} = {broken[0]} THEN 0 ELSE 1 + n % 100 END AS points
FROM range(1, {count} + 1) AS numbers(n)
"""


def write_warehouse(path: Path, count: int) -> None:
    """A DuckDB file with so many rows; millions take seconds."""
    kinds = {NAMES[kind]: rule for kind, rule in KINDS.items()}
    with duckdb.connect(path) as connection:
        connection.execute(_MADE.format(count=count, shops=SHOPS, **kinds))


def kinds(count: int) -> bytearray:
    """The kind of each number; 0 is nobody's."""
    made = bytearray(count + 1)
    for kind, (remainder, every) in KINDS.items():
        made[remainder::every] = bytes([kind]) * len(of(kind, count))
    return made


def of(kind: int, count: int) -> range:
    """The numbers of a kind that is not the usual."""
    remainder, every = KINDS[kind]
    return range(remainder, count + 1, every)


def extracted(count: int) -> int:
    """How many records are left once the invalid and the duplicate are dropped."""
    return count - len(of(INVALID, count)) - len(of(DUPLICATE, count))


def address(number: int) -> str:
    """As whoever is usual has it, in lower case."""
    return f"customer.{number}@shop{number % SHOPS}.example"
