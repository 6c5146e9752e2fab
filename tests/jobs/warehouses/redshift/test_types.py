"""Redshift's types: those that PostgreSQL has too up to a Template, and all of them by their numbers."""

import datetime
import math
from collections.abc import Iterator

import pyarrow as pa
import pytest

from accelerator import rendering
from jobs import warehouses
from jobs.models import Warehouse
from jobs.warehouses import AudienceSqlError, Value
from jobs.warehouses.redshift import types
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import Connection

UTC = datetime.UTC
ROLE = f"rstypes_{elephants.RUN}"


@pytest.fixture(scope="module")
def admin() -> Iterator[Connection]:
    with elephants.database("rstypes") as admin:
        yield admin


@pytest.fixture
def warehouse(admin: Connection) -> Warehouse:
    return elephants.redshift(admin, ROLE)


def rows(warehouse: Warehouse, sql: str, **values: Value) -> list[dict[str, object]]:
    with warehouses.open_stream(warehouse, sql, values) as stream:
        stream.start()
        return [row for batch in stream for row in warehouses.as_python(batch)]


def test_types_keep_their_meaning_up_to_a_template(warehouse: Warehouse) -> None:
    sql = """
    SELECT 1::smallint AS a, 2::int AS b, 9223372036854775807 AS c, 0.1::real AS d, 0.1::float8 AS e,
        12345678901234567890.10::numeric(38, 2) AS f, true AS g, false AS h, DATE '2024-02-29' AS i,
        TIMESTAMP '2024-02-29 10:00:00.5' AS j, TIMESTAMPTZ '2024-02-29 10:00:00+05:30' AS k, 'ä' AS l,
        'c'::char(3) AS m, NULL::int AS n, NULL::date AS o, NULL AS p, TIME '10:00' AS q, '{"a": [1]}'::json AS r
    """
    [row] = rows(warehouse, sql)
    assert {name: rendering.plain(value) for name, value in row.items()} == {
        "a": 1,
        "b": 2,
        "c": 9223372036854775807,
        "d": pytest.approx(0.1),
        "e": 0.1,
        "f": {"$numberDecimal": "12345678901234567890.10"},
        "g": True,
        "h": False,
        "i": "2024-02-29",
        "j": "2024-02-29 10:00:00.500000",
        "k": "2024-02-29 04:30:00+00:00",
        "l": "ä",
        "m": "c  ",
        "n": None,
        "o": None,
        "p": None,
        "q": "10:00:00",
        "r": '{"a": [1]}',
    }
    assert row["j"] == datetime.datetime(2024, 2, 29, 10, 0, 0, 500000)


def test_times_that_python_can_not_hold_are_null_and_the_others_stay(warehouse: Warehouse) -> None:
    sql = """
    SELECT d::date AS d, d::timestamp AS t, d::timestamptz AS z
    FROM (VALUES (1, 'infinity'), (2, '-infinity'), (3, '12000-01-01'), (4, '0044-03-15 BC'), (5, '2024-02-29'))
        v (n, d) ORDER BY n
    """
    day = datetime.date(2024, 2, 29)
    moment = datetime.datetime(2024, 2, 29)
    nothing = {"d": None, "t": None, "z": None}
    assert rows(warehouse, sql) == [*[nothing] * 4, {"d": day, "t": moment, "z": moment.replace(tzinfo=UTC)}]


def test_floats_that_are_no_number_stay_what_they_are(warehouse: Warehouse) -> None:
    [row] = rows(warehouse, "SELECT 'NaN'::float8 AS a, 'Infinity'::float8 AS b, '-Infinity'::float8 AS c")
    assert math.isnan(float(str(row["a"])))
    assert (row["b"], row["c"]) == (math.inf, -math.inf)


# The numbers of the types as Amazon's own drivers have them, the text of a value, and what it becomes.
RECORDED = [
    (16, "t", pa.bool_(), True),
    (16, "f", pa.bool_(), False),
    (20, "-1", pa.int64(), -1),
    (21, "-1", pa.int16(), -1),
    (23, "-1", pa.int32(), -1),
    (26, "4294967295", pa.int64(), 4294967295),
    (700, "0.5", pa.float32(), 0.5),
    (701, "0.10000000000000001", pa.float64(), 0.1),
    (1700, "12345678901234567890.10", pa.string(), "12345678901234567890.10"),
    (18, "c", pa.string(), "c"),
    (19, "name", pa.string(), "name"),
    (25, "text", pa.string(), "text"),
    (1042, "c  ", pa.string(), "c  "),
    (1043, "ä", pa.string(), "ä"),
    (1082, "2024-02-29", pa.date32(), datetime.date(2024, 2, 29)),
    (1083, "10:00:00", pa.string(), "10:00:00"),
    (1114, "2024-02-29 10:00:00.5", pa.timestamp("us"), datetime.datetime(2024, 2, 29, 10, 0, 0, 500000)),
    (
        1184,
        "2024-02-29 10:00:00+00",
        pa.timestamp("us", "UTC"),
        datetime.datetime(2024, 2, 29, 10, tzinfo=UTC),
    ),
    (1266, "10:00:00+00", pa.string(), "10:00:00+00"),
    (1188, "1 year 2 mons", pa.string(), "1 year 2 mons"),
    (1190, "1 day 02:00:00", pa.string(), "1 day 02:00:00"),
    (2935, '{"version":1}', pa.string(), '{"version":1}'),
    (4000, '{"a":[1,null]}', pa.string(), '{"a":[1,null]}'),
    (6551, "68656c6c6f", pa.string(), "68656c6c6f"),
]


@pytest.mark.parametrize(
    ("number", "text", "kind", "value"), RECORDED, ids=[f"{r[0]} {r[1]}" for r in RECORDED]
)
def test_each_type_of_redshift_becomes_what_it_means(
    number: int, text: str, kind: pa.DataType, value: object
) -> None:
    schema = types.schema([("x", number)])
    assert schema.field("x").type == kind
    assert types.batch([(text,), (None,)], schema).column(0).to_pylist() == [value, None]


@pytest.mark.parametrize(("number", "name"), [(3000, "GEOMETRY"), (3001, "GEOGRAPHY")])
def test_a_shape_is_refused_with_the_function_that_helps(number: int, name: str) -> None:
    with pytest.raises(AudienceSqlError, match=rf"{name}.*write ST_AsText\(place\) AS place"):
        types.schema([("place", number)])


def test_a_type_that_nobody_knows_is_the_text_of_the_server(admin: Connection, warehouse: Warehouse) -> None:
    sql = "SELECT '10.0.0.1'::inet AS a, '{1,2}'::int[] AS b, '1 day'::interval AS c, 'x'::bytea AS d"
    assert rows(warehouse, sql) == [{"a": "10.0.0.1", "b": "{1,2}", "c": "1 day", "d": "\\x78"}]
