"""A look at the SQL and its columns before DuckDB runs it: one SELECT from tables, of types that a Template can see.

The lockdown keeps other files out; the warehouse's own file, or the files of a folder, DuckDB still opens for functions
that would read them as bytes. DuckDB's own parser says which functions the SQL calls.
"""

import re
from collections.abc import Sequence

import duckdb
from duckdb.sqltypes import DuckDBPyType

from jobs.reading import lexing
from jobs.reading.errors import AudienceSqlError

# Of the functions that stand where a table does: those that make rows out of their arguments, and look into the
# catalogue. All others that are DuckDB's own read files, take SQL or addresses of memory, or change something.
HARMLESS = frozenset(
    {"generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "test_all_types", "unnest"}
)
CATALOGUE = re.compile(r"duckdb_(?!secret)|pg_timezone_names|icu_calendar_names")
CALLED = re.compile(r'"function_name":"([^"\\]*)"')
TABLE_FUNCTIONS = """
    SELECT DISTINCT function_name FROM duckdb_functions()
    WHERE function_type = 'table' AND database_name = 'system'
"""

# Types that Arrow has no value for, or another one.
UNSEEN = frozenset(
    {"bignum", "bit", "geometry", "interval", "time with time zone", "uhugeint", "union", "variant"}
)


def check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises AudienceSqlError, duckdb.Error."""
    statements = connection.extract_statements(sql)
    kinds = [statement.type for statement in statements]
    if kinds == [duckdb.StatementType.MULTI] and "pivot" in sql.lower():
        raise AudienceSqlError(
            "A PIVOT has to say which values become columns, for what it selects must be known before it is run: "
            "write PIVOT ... ON a IN ('x', 'y') USING ..."
        )
    if kinds != [duckdb.StatementType.SELECT]:
        raise AudienceSqlError("An Audience is one SELECT; this is something else.")
    [(parsed,)] = connection.execute("SELECT json_serialize_sql($1::VARCHAR)", [sql]).fetchall()
    known = _table_functions(connection)
    for name in CALLED.findall(parsed):
        if name in known and name not in HARMLESS and not CATALOGUE.match(name):
            raise AudienceSqlError(
                f"An Audience reads the tables of its warehouse; {name} does something else. Nothing was run."
            )


_known: frozenset[str] = frozenset()


def _table_functions(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """DuckDB's own. All instances of a process have the same, for none loads an extension; each takes 25 ms to tell."""
    global _known
    if not _known:
        _known = frozenset(name for (name,) in connection.execute(TABLE_FUNCTIONS).fetchall())
    return _known


def check_types(names: Sequence[str], kinds: Sequence[DuckDBPyType]) -> None:
    """Raises AudienceSqlError, which names the column and the cast that helps."""
    for name, kind in zip(names, kinds, strict=True):
        unseen = _unseen(kind)
        if unseen:
            quoted = lexing.quoted(name)
            raise AudienceSqlError(
                f'The column "{name}" holds values of the type {unseen.upper()}, which a Template has none for: write '
                f"CAST({quoted} AS VARCHAR) AS {quoted} in the SQL."
            )


def _unseen(kind: DuckDBPyType) -> str:
    if kind.id in UNSEEN:
        return str(kind.id)
    if kind.id not in {"array", "list", "map", "struct"}:
        return ""
    inner = (child for _, child in kind.children if isinstance(child, DuckDBPyType))
    return next(filter(None, map(_unseen, inner)), "")
