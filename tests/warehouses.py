"""PostgreSQL warehouses as they should be: let in with a role made by the statements that admins are given."""

import os

import psycopg
from psycopg import sql

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.warehouses.postgresql import roles

# Roles belong to the whole server, which other workers use as well, and a run that was killed leaves them.
READER = f"reader_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
PASSWORD = "reader-reader"
Connection = psycopg.Connection[tuple[object, ...]]


def reader(admin: Connection, role: str = READER) -> None:
    """Make the role in the admin's database; it may read the tables that are there."""
    for statement in roles.statements_for_a_right_role(admin.info.dbname, role).split(";\n"):
        if "CREATE ROLE" not in statement or not exists(admin, role):
            admin.execute(statement.encode())
    admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(PASSWORD)))


def exists(admin: Connection, role: str) -> bool:
    return admin.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is not None


def postgresql(
    admin: Connection, user: str = READER, password: str = PASSWORD, name: str = "pg"
) -> Warehouse:
    """The admin's database as a Warehouse, not saved."""
    info = admin.info
    location = f"postgresql://{user}@/{info.dbname}?host={info.host}&port={info.port}"
    return Warehouse(
        name=name, kind=Kind.POSTGRESQL, location=location, secret=warehouses.seal_secret(password)
    )


def drop(admin: Connection, role: str = READER) -> None:
    """Take the role away, with what it was granted in the admin's database."""
    if exists(admin, role):
        admin.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
