"""BigQuery's types in Arrow: the same whether rows come from the Storage Read API or, if few, with the answer."""

import datetime
from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa
from google.cloud import bigquery

from accelerator import protocol
from jobs.reading.base import Value

# JSON is text that is marked, GEOGRAPHY is text; NUMERIC(p, s) has the range of NUMERIC.
# (BigQuery: "Arrow schema details")
TYPES = {
    "BIGNUMERIC": pa.decimal256(76, 38),
    "BOOL": pa.bool_(),
    "BOOLEAN": pa.bool_(),
    "BYTES": pa.binary(),
    "DATE": pa.date32(),
    "DATETIME": pa.timestamp("us"),
    "FLOAT": pa.float64(),
    "FLOAT64": pa.float64(),
    "INT64": pa.int64(),
    "INTEGER": pa.int64(),
    "NUMERIC": pa.decimal128(38, 9),
    "TIME": pa.time64("us"),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}

NUMERIC = frozenset({"NUMERIC", "BIGNUMERIC"})

# What a launch variable is bound as; the first that fits.
BOUND = (
    (bool, "BOOL"),
    (int, "INT64"),
    (Decimal, "BIGNUMERIC"),
    (datetime.datetime, "TIMESTAMP"),
    (datetime.date, "DATE"),
    (str, "STRING"),
)


def schema(fields: Sequence[bigquery.SchemaField]) -> pa.Schema:
    """The columns of a result."""
    return pa.schema([_field(field) for field in fields])


def bound(value: Value) -> tuple[str, Value]:
    """BigQuery's name of the type of a value, and the value as it is bound."""
    if isinstance(value, int) and not isinstance(value, bool) and not -(1 << 63) <= value < 1 << 63:
        return "BIGNUMERIC", Decimal(value)
    return next(name for kind, name in BOUND if isinstance(value, kind)), value


def _field(field: bigquery.SchemaField) -> pa.Field:
    plain = pa.field(field.name, _type(field))
    if field.field_type in NUMERIC and field.scale is None:
        return protocol.shortest(plain)
    return protocol.nested(plain) if field.field_type == "JSON" and field.mode != "REPEATED" else plain


def _type(field: bigquery.SchemaField) -> pa.DataType:
    if field.field_type in ("RECORD", "STRUCT"):
        kind = pa.struct([pa.field(inner.name, _type(inner)) for inner in field.fields])
    elif field.field_type == "RANGE":
        element = TYPES.get(field.range_element_type.element_type, pa.string())
        kind = pa.struct([pa.field("start", element), pa.field("end", element)])
    else:
        kind = TYPES.get(field.field_type, pa.string())
    return pa.list_(kind) if field.mode == "REPEATED" else kind
