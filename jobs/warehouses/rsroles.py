"""What a user of Redshift may do beyond reading: asked of its catalogue, said in sentences.

Redshift is a PostgreSQL 8.0 at heart: its catalogue and its functions are that old, and so are these questions.
"""

import psycopg

from jobs.warehouses.errors import WarehouseUnsafe

Connection = psycopg.Connection[tuple[object, ...]]

# The number of the session, its user, and whether it may do everything.
FOUND = "SELECT pg_backend_pid(), usename, usesuper FROM pg_user WHERE usename = current_user"
# Roles of Redshift's own; their members administer.
MEMBER = "SELECT role_name FROM svv_user_grants WHERE user_name = current_user AND role_name LIKE 'sys:%'"
TABLES = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v') AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!' AND n.nspname <> 'information_schema'
    AND (has_table_privilege(current_user, c.oid, 'INSERT') OR has_table_privilege(current_user, c.oid, 'UPDATE')
        OR has_table_privilege(current_user, c.oid, 'DELETE'))
ORDER BY 1
"""
SCHEMAS = """
SELECT nspname FROM pg_namespace
WHERE nspname NOT LIKE 'pg!_%' ESCAPE '!' AND nspname <> 'information_schema'
    AND has_schema_privilege(current_user, nspname, 'CREATE')
ORDER BY 1
"""
DATABASE = "SELECT 'it' WHERE has_database_privilege(current_user, current_database(), 'CREATE')"
DATABASES = "SELECT 'it' FROM pg_user WHERE usename = current_user AND usecreatedb"
# What is no danger in a transaction that only reads, and no business of a user that only reads.
POWERS = {
    MEMBER: "It has roles of administrators: {names}.",
    TABLES: "It may change tables: {names}.",
    SCHEMAS: "It may create tables in schemas: {names}.",
    DATABASE: "It may create schemas in the database.",
    DATABASES: "It may create databases.",
}
SHOWN = 5  # of a list


def check(connection: Connection) -> tuple[int, str]:
    """The number of the session, and its user. Raises WarehouseUnsafe for a superuser."""
    found = connection.execute(FOUND).fetchone()
    if found is None:
        raise WarehouseUnsafe("The warehouse does not say what our user may do; nothing was run on it.")
    pid, user, everything = found
    if everything:
        raise WarehouseUnsafe(
            f'The user "{user}" is a superuser: an Audience\'s SQL could reach more than tables through it, such as '
            "others' sessions. Nothing was run. Let the Warehouse in with a user that may only read; the statements "
            "that make one are shown with the Warehouse."
        )
    return int(str(pid)), str(user)


def warnings(connection: Connection, user: str) -> list[str]:
    """Sentences, none for a user that may only read."""
    found = [(sentence, _names(connection, asked)) for asked, sentence in POWERS.items()]
    return [
        f'The user "{user}" could do more than read. {sentence.format(names=_listed(names))}'
        for sentence, names in found
        if names
    ]


def _names(connection: Connection, asked: str) -> list[str]:
    try:
        return [str(name) for (name,) in connection.execute(asked.encode())]
    except psycopg.errors.UndefinedTable:
        return []  # a cluster older than roles


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
