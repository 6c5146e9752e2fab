"""What the services share: locations, time limits, batches that a thread can bear."""

import datetime
import logging
from decimal import Decimal

import pyarrow as pa
import pytest
from pytest_django.fixtures import Settings

from jobs.warehouses import AudienceSqlError, WarehouseUnreachable, onequery, services

FORM = "service://host/path?a=NAME&b=NAME"


def test_a_location_is_taken_apart() -> None:
    parts, options = services.located("service://here/there?a=1&b=x%20y", FORM, ("a", "b"), required=("a",))
    assert (parts.netloc, parts.path) == ("here", "/there")
    assert options == {"a": "1", "b": "x y"}


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("other://here", "must look like"),
        ("service:///path", "must look like"),
        ("service://here/#end", "must look like"),
        ("service://[here", "can't be read"),
        ("service://here?a", "can't be read"),
        ("service://me:word@here?a=1", "holds a password"),
        ("service://here?a=1&c=2", 'option "c"'),
        ("service://here?b=1", 'lacks the option "a"'),
    ],
)
def test_a_location_that_is_none_is_said(location: str, words: str) -> None:
    with pytest.raises(WarehouseUnreachable, match=words) as caught:
        services.located(location, FORM, ("a", "b"), required=("a",))
    assert "word@" not in str(caught.value)


def test_the_time_limit_is_the_settings(settings: Settings) -> None:
    settings.WAREHOUSE_TIMEOUT = 5400
    assert services.timeout() == 5400
    assert "1.5 hours" in str(services.slow())


def test_batches_are_of_bearable_size_and_lose_nothing() -> None:
    many = pa.table({"n": range(services.ROWS * 2 + 5)})
    sizes = [batch.num_rows for batch in services.batches(many, many.schema)]
    assert (max(sizes), sum(sizes)) == (services.ROWS, many.num_rows)
    wide = pa.table({"text": ["x" * (1 << 20)] * 7})
    found = list(services.batches(wide, wide.schema))
    assert sum(batch.num_rows for batch in found) == 7
    assert max(batch.num_rows for batch in found) <= 2
    assert list(services.batches(many.slice(0, 0), many.schema)) == []


def test_what_came_narrower_is_widened_to_what_was_promised() -> None:
    promised = pa.schema([("n", pa.int64()), ("d", pa.decimal128(38, 2)), ("t", pa.timestamp("us"))])
    came = pa.record_batch(
        [
            pa.array([1], pa.int8()),
            pa.array([Decimal("1.5")], pa.decimal128(3, 1)),
            pa.array([datetime.datetime(2024, 1, 1)], pa.timestamp("ns")),
        ],
        names=["n", "d", "t"],
    )
    [batch] = services.batches(came, promised)
    assert batch.schema == promised
    assert batch.to_pylist() == [{"n": 1, "d": Decimal("1.50"), "t": datetime.datetime(2024, 1, 1)}]


def test_what_does_not_fit_is_said() -> None:
    came = pa.table({"n": pa.array([2**40])})
    with pytest.raises(AudienceSqlError, match='"n" holds values that do not fit its type, whole number: '):
        list(services.batches(came, pa.schema([("n", pa.int32())])))


def test_a_loggers_small_talk_is_left_out() -> None:
    services.quiet("somebody.else")
    assert logging.getLogger("somebody.else.inner").getEffectiveLevel() == logging.WARNING


@pytest.mark.parametrize("dialect", ["snowflake", "databricks", "bigquery"])
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a, update FROM t WHERE c IN (1, 2)",
        "SELECT (delete) FROM t",
        'SELECT t.insert, t."DELETE" FROM t',
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "SELECT insert('abc', 1, 1, 'z')",
        "SELECT ';)' AS a, 'DELETE FROM t', '->>' -- ;) \n FROM t /* ; */",
        "SELECT doc:name::string FROM t, LATERAL FLATTEN(input => t.v)",
        "SELECT LISTAGG(a) WITHIN GROUP (ORDER BY a) FROM t",
        "VALUES (1, 'a'), (2, 'b')",
        "SELECT ai.email, ml.score, cortex.n, obj.n FROM ai, ml, cortex, obj",
        "SELECT marts.ai_score(email), ml.predict(email), my_ai_score(email) FROM customers",
        "SELECT (drop), max(create), (call) FROM t WHERE (t.copy) > 1",
        "SELECT * FROM t WHERE email ILIKE '%@example.com' AND TRIM('@' FROM email) <> '@'",
        "SELECT secret, reflect, external_query FROM t AS procedures",
        "SELECT * FROM (SELECT 1 AS a) call, (SELECT 2 AS b) d",
    ],
)
def test_one_query_is_let_through(dialect: str, sql: str) -> None:
    onequery.check(sql, dialect)
