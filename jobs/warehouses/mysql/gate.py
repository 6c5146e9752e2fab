"""A look at SQL for MySQL before it is sent: a good sentence for what is plainly more than reading.

What writes is refused by the read-only transaction, what reaches files by the role. Here alone is refused what is
neither: locks that keep others waiting, sleeps, functions of plugins.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from jobs.reading import lexing
from jobs.reading.errors import AudienceSqlError

# Functions that do more than read, or nothing but wait; everybody may call them. Sequences are the server's to refuse.
FORBIDDEN = frozenset(
    [
        "benchmark",
        "get_lock",
        "load_file",
        "master_gtid_wait",
        "master_pos_wait",
        "release_all_locks",
        "release_lock",
        "sleep",
        "source_pos_wait",
        "wait_for_executed_gtid_set",
        "wait_until_sql_thread_after_gtids",
        "lambda_async",
        "lambda_sync",
        "sys_eval",
        "sys_exec",
        "sys_get",
        "sys_set",
        "spider_bg_direct_sql",
        "spider_copy_tables",
        "spider_direct_sql",
        "spider_flush_table_mon_cache",
    ]
)
# Before a dot MariaDB takes these for itself, whichever database is called so: mariadb_schema.sleep(1) is sleep(1).
OF_THE_SERVER = frozenset({"mariadb_schema", "maxdb_schema", "oracle_schema"})
FORBIDDEN_FAMILIES = ("asynchronous_connection_failover_", "group_replication_", "service_get_", "udf_sys_")

LOCKING = (("FOR", "UPDATE"), ("FOR", "SHARE"), ("LOCK", "IN"))
# Hints that lift what the session is held to.
HINTS = re.compile(r"SET_VAR|MAX_EXECUTION_TIME|RESOURCE_GROUP", re.IGNORECASE)

TICKED = "`(?:[^`]|``)*`"


@dataclass(frozen=True)
class _Piece:
    """A word, a name between backticks or a sign, outside of comments and text."""

    text: str
    start: int
    is_name: bool


def check(sql: str, mode: str) -> str:
    """The SQL as it is sent, in brackets where the server takes nothing but a query. Raises AudienceSqlError.

    `mode`: the server's sql_mode, which says where a text ends.
    """
    pieces = list(_pieces(sql, mode))
    if any(piece.text == ";" for piece in pieces):
        raise AudienceSqlError("An Audience is one SELECT; this is more than one statement.")
    first = next((piece for piece in pieces if piece.text != "("), None)
    if first is None or first.is_name or first.text.upper() not in ("SELECT", "WITH"):
        raise AudienceSqlError("An Audience only reads: write one SELECT. Nothing was run.")
    _check_words(pieces)
    _check_calls(pieces)
    if pieces[0].text.upper() == "WITH":
        # MariaDB takes this one in no brackets. What begins with it can't be anything that calls or sets. Its lines
        # keep their numbers.
        return "WITH" + "\n" * sql.count("\n", 0, first.start) + sql[first.start + len("WITH") :]
    return f"({sql}\n)"


def _check_words(pieces: list[_Piece]) -> None:
    words = ["" if piece.is_name else piece.text.upper() for piece in pieces]
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if word == "INTO" and before != ".":
            raise AudienceSqlError("An Audience only reads; INTO would put its rows somewhere.")
        if (word, after) in LOCKING:
            raise AudienceSqlError(
                "An Audience only reads; this SQL would lock the rows it reads, and others would wait."
            )


def _check_calls(pieces: list[_Piece]) -> None:
    """A name before a bracket is a function of the server's; one behind a dot is mostly somebody's own."""
    texts = [piece.text.lower() for piece in pieces]
    for over, before, name, after in zip(["", "", *texts], ["", *texts], texts, texts[1:], strict=False):
        if after != "(" or (before == "." and over not in OF_THE_SERVER):
            continue
        if name in FORBIDDEN or name.startswith(FORBIDDEN_FAMILIES):
            raise AudienceSqlError(f"An Audience only reads; {name}() does something else. Nothing was run.")


def _pieces(sql: str, mode: str) -> Iterator[_Piece]:
    for found in _pattern(mode).finditer(sql):
        comment = found["comment"]
        if comment:
            _check_comment(comment)
        elif not found["quoted"]:
            name = found["name"]
            yield _Piece(name[1:-1] if name else found[0], found.start(), bool(name))


def _check_comment(comment: str) -> None:
    if comment.startswith(("/*!", "/*M!", "/*m!")):
        raise AudienceSqlError(
            "The SQL holds a comment that the server would run (/*! or /*M!): leave the comment's signs out."
        )
    if comment.startswith("/*+") and HINTS.search(comment):
        raise AudienceSqlError(
            "The SQL holds a hint that would lift the limits of its session: leave it out."
        )


def _pattern(mode: str) -> re.Pattern[str]:
    modes = mode.upper().split(",")
    return _compiled("NO_BACKSLASH_ESCAPES" not in modes, "ANSI_QUOTES" in modes)


@functools.cache
def _compiled(backslash: bool, ansi: bool) -> re.Pattern[str]:
    single = lexing.BACKSLASHED if backslash else lexing.DOUBLED
    quoted = single if ansi else f"{single} | {single.replace(chr(39), chr(34))}"
    # A name between double quotes never knows a backslash.
    names = f"{TICKED} | {lexing.NAME}" if ansi else TICKED
    return re.compile(
        rf"""
        (?P<comment> {lexing.MYSQL_COMMENT} )
      | (?P<quoted> {quoted} )
      | (?P<name> {names} )
      | [\w$]+
      | \S
        """,
        re.DOTALL | re.VERBOSE,
    )
