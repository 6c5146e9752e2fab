"""What is refused before it is sent to MySQL, and what is not taken for it."""

import pytest

from jobs.warehouses import AudienceSqlError
from jobs.warehouses.mysql import gate

READING = [
    "SELECT 1",
    "select `into`, t.into, 'FOR UPDATE', \"x; y\" from t -- INTO\n",
    "SELECT a FROM t /* FOR UPDATE; */ WHERE b = 'it''s' # ; INTO\n",
    "SELECT 'a\\'; INTO ' AS x",
    "SELECT w.get_lock(1), sleep FROM benchmark",
    "SELECT /*+ NO_INDEX_MERGE(t) */ a FROM t",
    "SELECT a FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01'",
    "SELECT 5--1",
]
REFUSED = [
    ("", "write one SELECT"),
    ("-- nothing", "write one SELECT"),
    ("`SELECT` 1", "write one SELECT"),
    ("/* SELECT */ CALL wall()", "write one SELECT"),
    ("((CALL wall()))", "write one SELECT"),
    ("SELECT 1; SELECT 2", "more than one statement"),
    ("SELECT 1 --; INTO\n; SELECT 2", "more than one statement"),
    ("SELECT '\\\\'; SELECT '", "more than one statement"),
    ("SELECT 1 INTO @x", "INTO"),
    ("SELECT 1 --INTO\n INTO OUTFILE 'x'", "INTO"),
    ("SELECT 1 /*! INTO OUTFILE 'x' */", "comment that the server would run"),
    ("SELECT 1 /*M!100000 INTO OUTFILE 'x' */", "comment that the server would run"),
    ("SELECT 1 /*! unclosed", "comment that the server would run"),
    ("SELECT /*+ SET_VAR(max_execution_time = 0) */ 1", "hint"),
    ("SELECT /*+ MAX_EXECUTION_TIME(0) */ 1", "hint"),
    ("SELECT a FROM t FOR/**/UPDATE", "lock the rows"),
    ("SELECT a FROM t FOR SHARE", "lock the rows"),
    ("SELECT a FROM t LOCK IN SHARE MODE", "lock the rows"),
    ("SELECT `get_lock` -- x\n ('a', 1)", "get_lock\\(\\) does something else"),
    ("SELECT Sleep (1)", "sleep\\(\\) does something else"),
    ("SELECT MariaDB_Schema . `Sleep` (1)", "sleep\\(\\) does something else"),
    ("SELECT oracle_schema.get_lock('a', 1)", "get_lock\\(\\) does something else"),
    ("SELECT group_replication_set_as_primary('x')", "does something else"),
]


@pytest.mark.parametrize("sql", READING)
def test_it_lets_pass_what_only_looks_like_more(sql: str) -> None:
    assert gate.check(sql, "") == f"({sql}\n)"


@pytest.mark.parametrize(("sql", "said"), REFUSED)
def test_it_refuses_what_is_plainly_more_than_reading(sql: str, said: str) -> None:
    with pytest.raises(AudienceSqlError, match=said):
        gate.check(sql, "STRICT_TRANS_TABLES")


def test_it_reads_quotes_as_the_server_does() -> None:
    for mode, sql in (
        ("NO_BACKSLASH_ESCAPES", "SELECT '\\' INTO @x -- '"),
        ("PIPES_AS_CONCAT,ANSI_QUOTES", 'SELECT "a\\" INTO @x -- "'),
        ("ANSI_QUOTES", 'SELECT "sleep"(1)'),
    ):
        with pytest.raises(AudienceSqlError):
            gate.check(sql, mode)
        gate.check(sql, "")


def test_a_with_is_sent_without_what_stands_before_it_and_keeps_its_lines() -> None:
    assert gate.check("-- a\n /* b\n */ with c AS (SELECT 1)\nSELECT * FROM c", "") == (
        "WITH\n\n c AS (SELECT 1)\nSELECT * FROM c"
    )
