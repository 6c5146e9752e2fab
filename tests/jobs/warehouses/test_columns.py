"""Which columns may be the recipient id and the address, and what is said of others."""

import pyarrow as pa
import pytest

from jobs.warehouses import AudienceSqlError, check_columns

GOOD = [
    *(pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())),
    *(pa.int64(), pa.uint8(), pa.float64(), pa.decimal128(38, 0), pa.bool_(), pa.date32(), pa.null()),
]
BAD = [
    (pa.list_(pa.string()), "list"),
    (pa.struct([("a", pa.string())]), "object"),
    (pa.map_(pa.string(), pa.string()), "object"),
    (pa.month_day_nano_interval(), "duration"),
    (pa.duration("us"), "duration"),
    (pa.binary(), "binary"),
    (pa.large_binary(), "binary"),
    (pa.binary_view(), "binary"),
    (pa.binary(16), "binary"),
    (pa.dictionary(pa.int8(), pa.binary()), "binary"),
    (pa.timestamp("us", "Mars/Olympus"), "date and time"),
]


@pytest.mark.parametrize("kind", GOOD, ids=str)
def test_text_and_numbers_are_taken(kind: pa.DataType) -> None:
    check_columns(pa.schema([("id", kind), ("email", kind)]), recipient_id_column="id", email_column="email")
    assert pa.nulls(2, kind).cast(pa.string()).to_pylist() == [None, None]


@pytest.mark.parametrize(("kind", "name"), BAD, ids=str)
@pytest.mark.parametrize(("column", "what"), [("id", "recipient-id"), ("email", "email")])
def test_other_types_are_named_with_what_helps(kind: pa.DataType, name: str, column: str, what: str) -> None:
    kinds = {"id": pa.string(), "email": pa.string()} | {column: kind}
    with pytest.raises(AudienceSqlError) as refusal:
        check_columns(pa.schema(kinds), recipient_id_column="id", email_column="email")
    assert str(refusal.value) == (
        f'The {what} column "{column}" is of the type {name}, neither text nor a number: cast it to text in the SQL.'
    )


def test_other_columns_may_be_of_any_type() -> None:
    others = [(f"column{place}", kind) for place, (kind, _) in enumerate(BAD)]
    schema = pa.schema([("id", pa.int8()), ("email", pa.string()), *others])
    check_columns(schema, recipient_id_column="id", email_column="email")
