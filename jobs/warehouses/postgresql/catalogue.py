"""What the server calls the types of a SELECT's columns, down to the parts of parts: the driver tells only what they
become in Arrow, where a jsonb is any text and an oid any number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from adbc_driver_postgresql import dbapi

from jobs.warehouses.postgresql import session

# What a field is told: the server's type, and what people call it, which is a domain's name where it is one.
TYPE, CALLED = b"postgresql.type", b"postgresql.called"

# The types of the columns. Nothing of the SQL is run: the server knows beforehand that no row is joined.
TYPES = """
SELECT ARRAY[{types}]::bigint[] AS types FROM (VALUES (1)) AS one LEFT JOIN (
{sql}
) AS audience ({names}) ON false
"""
# All types that these consist of. Names as the bytes that they are: where a database takes any, they may be no text.
MET = """
WITH RECURSIVE met (oid) AS (
    SELECT unnest('{{{types}}}'::oid[])
    UNION
    SELECT inside.oid FROM met JOIN pg_catalog.pg_type t ON t.oid = met.oid
    CROSS JOIN LATERAL (
        SELECT t.typelem UNION ALL SELECT t.typbasetype UNION ALL
        SELECT a.atttypid FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS inside (oid)
)
SELECT t.oid::bigint AS oid, textsend(t.typname::text) AS name, t.typbasetype::bigint AS base,
    t.typelem::bigint AS element, ARRAY(
        SELECT a.atttypid::bigint FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
    ) AS parts
FROM met JOIN pg_catalog.pg_type t ON t.oid = met.oid
"""


@dataclass(frozen=True)
class Type:
    """A type of the server's. `base`: of a domain, else 0; `element`: of an array; `parts`: of a composite type."""

    name: str
    base: int
    element: int
    parts: Sequence[int]


def named(connection: dbapi.Connection, sql: str, schema: pa.Schema) -> pa.Schema:
    """The columns of the SELECT, each and each of its parts with the server's type. Raises what the driver raises."""
    if not len(schema):
        return schema
    names = [f"c{place}" for place in range(len(schema))]
    types = ", ".join(f"pg_catalog.pg_typeof(audience.{name})::pg_catalog.oid" for name in names)
    [found] = session.ask(connection, TYPES.format(types=types, sql=sql, names=", ".join(names)))
    oids: list[int] = found["types"]
    listed = ",".join(str(oid) for oid in sorted(set(oids)))
    known = {row["oid"]: _type(row) for row in session.ask(connection, MET.format(types=listed))}
    return pa.schema([_told(field, oid, known) for field, oid in zip(schema, oids, strict=True)])


def type_of(field: pa.Field) -> str:
    """The server's type, that of a domain being the one it narrows; "" where nobody has told."""
    return _text(field, TYPE)


def called(field: pa.Field) -> str:
    """What people call the field's type."""
    return _text(field, CALLED)


def _type(row: Mapping[str, Any]) -> Type:
    return Type(row["name"].decode(errors="replace"), row["base"], row["element"], row["parts"])


def _told(field: pa.Field, oid: int, known: Mapping[int, Type]) -> pa.Field:
    """The field with the names of its type, and its parts with those of theirs, as far as Arrow has such parts."""
    own = kind = known[oid]
    while kind.base:
        kind = known[kind.base]
    arrow = field.type
    if pa.types.is_list(arrow):
        arrow = pa.list_(_told(arrow.value_field, kind.element, known))
    # Where the driver sees other parts than the server has, nobody can tell which is which.
    elif pa.types.is_struct(arrow) and arrow.num_fields == len(kind.parts):
        arrow = pa.struct([_told(part, oid, known) for part, oid in zip(arrow, kind.parts, strict=True)])
    return pa.field(
        field.name,
        arrow,
        field.nullable,
        {**(field.metadata or {}), TYPE: kind.name.encode(), CALLED: own.name.encode()},
    )


def _text(field: pa.Field, key: bytes) -> str:
    told: bytes = (field.metadata or {}).get(key, b"")
    return told.decode()
