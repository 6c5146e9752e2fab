"""Engines that the tests have, as if they were others: those that have a kind of their own are refused by name."""

from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite


class Lite(SQLiteDialect_pysqlite):
    """SQLite, with a transaction around whatever is run, as other databases have it: nothing else holds it."""

    name = "lite"
    supports_statement_cache = True

    def do_begin(self, dbapi_connection: Any) -> None:
        dbapi_connection.execute("BEGIN")


class Elephant(PGDialect_psycopg):
    name = "elephant"
    supports_statement_cache = True


class Seal(MySQLDialect_pymysql):
    name = "seal"
    supports_statement_cache = True


registry.register("lite", __name__, "Lite")
registry.register("elephant.psycopg", __name__, "Elephant")
registry.register("seal.pymysql", __name__, "Seal")
# As a package may have it: PostgreSQL itself, called otherwise in the location.
registry.register("mammoth.psycopg", PGDialect_psycopg.__module__, "PGDialect_psycopg")
