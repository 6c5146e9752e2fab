"""What a user of Redshift may do beyond reading: asked of its catalogue, in sentences; and how to make a right one.

Redshift is a PostgreSQL 8.0 at heart: its catalogue and its functions are that old, and so are these questions.
"""

import psycopg

from jobs.reading import lexing
from jobs.reading.errors import WarehouseUnsafe
from jobs.warehouses import powers

Connection = psycopg.Connection[tuple[object, ...]]

# The number of the session, its user, and whether it may do everything, whatever role it has taken on meanwhile.
FOUND = "SELECT pg_backend_pid(), usename, usesuper FROM pg_user WHERE usename = session_user"
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


def check(connection: Connection) -> tuple[int, str]:
    """The number of the session, and its user. Raises WarehouseUnsafe for a superuser."""
    found = connection.execute(FOUND).fetchone()
    if found is None:
        raise WarehouseUnsafe("The warehouse does not say what our user may do; nothing was run on it.")
    pid, user, everything = found
    if everything:
        raise powers.unsafe("user", str(user), "is a superuser", "others' sessions")
    return int(str(pid)), str(user)


def warnings(connection: Connection, user: str) -> list[str]:
    """Sentences, none for a user that may only read."""
    found = [(sentence, _names(connection, asked)) for asked, sentence in POWERS.items()]
    said = [sentence.format(names=powers.listed(names)) for sentence, names in found if names]
    return powers.beyond(f'The user "{user}"', said)


def statements_for_a_right_role(database: str, user: str, schema: str = "public") -> str:
    """What a superuser of the cluster runs, once."""
    role, place = lexing.quoted(user), lexing.quoted(schema)
    return f"""\
-- A user of its own, in no group and with no role; give it a good password.
CREATE USER {role} PASSWORD '...' NOCREATEDB NOCREATEUSER SYSLOG ACCESS RESTRICTED;
-- For each schema that Audiences read from:
GRANT USAGE ON SCHEMA {place} TO {role};
GRANT SELECT ON ALL TABLES IN SCHEMA {place} TO {role};
-- For tables to come; said as each user that creates them:
ALTER DEFAULT PRIVILEGES IN SCHEMA {place} GRANT SELECT ON TABLES TO {role};
-- Amazon Redshift lets everybody create tables in "public", and temporary ones. Where nobody else depends on that:
REVOKE CREATE ON SCHEMA "public" FROM PUBLIC;
REVOKE TEMPORARY ON DATABASE {lexing.quoted(database)} FROM PUBLIC;
"""  # noqa: S608 - quoted names


def _names(connection: Connection, asked: str) -> list[str]:
    try:
        return [str(name) for (name,) in connection.execute(asked.encode())]
    except psycopg.errors.UndefinedTable:
        return []  # a cluster older than roles
