"""The SELECT as it may stand inside brackets: without the semicolon that ends it, and with every other."""

import logging

import pytest

from accelerator import logs
from jobs.reading import variables
from jobs.reading.lexing import bare
from jobs.warehouses import AudienceSqlError


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1;", "SELECT 1"),
        (" SELECT 1 ; -- done\n/* really */ ", "SELECT 1 "),
        ("SELECT 1 -- no; end", "SELECT 1 -- no; end"),
        ("SELECT '; -- x' AS a", "SELECT '; -- x' AS a"),
        ("SELECT ';' AS a;", "SELECT ';' AS a"),
        ('SELECT 1 AS ";"', 'SELECT 1 AS ";"'),
        ("SELECT $x$;$x$ AS a", "SELECT $x$;$x$ AS a"),
        ("SELECT 1; SELECT 2", "SELECT 1; SELECT 2"),
        ("SELECT 1; SELECT 2;", "SELECT 1; SELECT 2"),
        ("SELECT 1;;", "SELECT 1"),
        ("SELECT 1; SELECT 2 ; -- done\n; /* really; */;", "SELECT 1; SELECT 2 "),
        ("SELECT $a_1$;$a_1$ AS a", "SELECT $a_1$;$a_1$ AS a"),
        ("SELECT $é9$;$é9$ AS a;", "SELECT $é9$;$é9$ AS a"),
        (";", ""),
        ("/* a; b */ SELECT 1;", "/* a; b */ SELECT 1"),
        ("", ""),
    ],
)
def test_only_the_last_semicolon_is_taken(sql: str, expected: str) -> None:
    assert bare(sql) == expected


def test_whoever_looks_at_sql_for_a_good_message_logs_none_of_it() -> None:
    loggers = logs.config("console", "INFO")["loggers"]
    assert isinstance(loggers, dict)
    assert loggers["sqlglot"]["level"] == logging.getLevelName(logging.ERROR)


@pytest.mark.parametrize("tag", ["", "a", "_", "a_1", "A1"])
def test_a_variable_in_text_between_dollars_can_have_no_value(tag: str) -> None:
    with pytest.raises(AudienceSqlError, match="stands between quotes"):
        variables.names(f"SELECT ${tag}${{{{ v }}}}${tag}$ AS a")


def test_a_number_between_dollars_is_no_tag() -> None:
    assert variables.names("SELECT $1${{ v }}$1$ AS a") == ["v"]


@pytest.mark.parametrize("comment", ["/**/", "-- x\n", "/* -- */ -- /*\n"])
def test_many_comments_are_read_in_one_way_only(comment: str) -> None:
    sql = f"SELECT 1;{comment * 2_000}"
    assert bare(sql) == "SELECT 1"
    assert bare(f"{sql}x") == f"{sql}x"
