"""What a role of PostgreSQL may do beyond reading: asked of the server, said in sentences; and how to make a right one.

A role may do whatever the roles that it is a member of may, inherited or not: a SELECT can `set_config('role', ...)`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from jobs.reading import lexing
from jobs.reading.errors import WarehouseUnsafe
from jobs.warehouses import powers

# Attributes of a role that lead beyond the tables it was granted.
ATTRIBUTES = {
    "rolsuper": "is a superuser",
    "rolreplication": "may replicate the server",
    "rolcreaterole": "may create roles",
    "rolbypassrls": "bypasses row-level security",
}
# Roles of the server's own, and of those who rent it out, whose members reach files, programs or others' sessions.
REACHING = (
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_execute_server_program",
    "pg_signal_backend",
    "pg_signal_autovacuum_worker",
    "rds_superuser",
    "cloudsqlsuperuser",
    "alloydbsuperuser",
    "azure_pg_admin",
    "neon_superuser",
)
# Functions that nobody may call until somebody is granted it: a SELECT does all of this in a read-only transaction.
FORBIDDEN = (
    "pg_read_file",
    "pg_read_binary_file",
    "pg_ls_dir",
    "pg_stat_file",
    "pg_file_write",
    "pg_file_sync",
    "pg_file_rename",
    "pg_file_unlink",
    "lo_import",
    "lo_export",
    "pg_reload_conf",
    "pg_rotate_logfile",
    "pg_switch_wal",
    "pg_promote",
    "pg_backup_start",
    "pg_start_backup",
    "pg_create_restore_point",
    "pg_wal_replay_pause",
    "pg_stat_reset",
    "pg_replication_origin_create",
)
# Extensions whose functions act over a line of their own, which no transaction holds to reading, and of which most let
# everybody call them: a SELECT that says a password writes at once, in another session or at another server.
ACTING = ("dblink", "http", "pg_curl", "aws_s3", "aws_lambda", "pg_background", "plsh")
# Extensions that act later, on what is written into their tables; the transaction holds that back.
SPEAKING = ("pg_net", "aws_commons", "pg_cron")
# What everybody may call: the first two end other sessions of the same role, the third writes into the server's log of
# changes, which no rollback undoes.
OPEN_TO_ALL = ("pg_terminate_backend", "pg_cancel_backend", "pg_logical_emit_message")
# Roles of the server's own that could disturb it, though not through a read-only transaction.
DISTURBING = ("pg_maintain", "pg_checkpoint", "pg_create_subscription", "pg_write_all_data")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


# Extensions `e`, and the functions `d.objid` that they brought.
BROUGHT = """pg_catalog.pg_extension e JOIN pg_catalog.pg_depend d
            ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
            AND d.classid = 'pg_catalog.pg_proc'::regclass"""
MINE = "mine AS (SELECT * FROM pg_catalog.pg_roles WHERE pg_has_role(session_user, oid, 'MEMBER'))"
# The number of the session, and whether its role may be let in; `{guards}` is a column more.
FOUND = f"""
WITH {MINE}
SELECT pg_backend_pid() AS pid, session_user::text AS role, {{guards}},
    current_setting('transaction_read_only') AS read_only,
    {", ".join(f"ARRAY(SELECT rolname::text FROM mine WHERE {name}) AS {name}" for name in ATTRIBUTES)},
    ARRAY(SELECT rolname::text FROM mine WHERE rolname IN ({_listed(REACHING)})) AS reaching,
    ARRAY(SELECT DISTINCT proname::text FROM pg_catalog.pg_proc p WHERE proname IN ({_listed(FORBIDDEN)})
        AND EXISTS (SELECT FROM mine WHERE has_function_privilege(mine.oid, p.oid, 'EXECUTE'))) AS functions,
    ARRAY(SELECT DISTINCT extname::text FROM {BROUGHT}
        JOIN pg_catalog.pg_proc p ON p.oid = d.objid WHERE extname IN ({_listed(ACTING)}) AND EXISTS (SELECT FROM mine
            WHERE has_function_privilege(mine.oid, p.oid, 'EXECUTE')
            AND has_schema_privilege(mine.oid, pronamespace, 'USAGE')) ORDER BY 1) AS acting
"""  # noqa: S608 - names of our own
# What is no danger in a read-only transaction, and no business of a role that only reads.
POWERS = f"""
WITH {MINE},
    own AS (SELECT oid, nspname FROM pg_catalog.pg_namespace
        WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'),
    functions AS (SELECT p.oid, format('%I.%I', nspname, proname) AS name, prosecdef, prolang IN (SELECT oid
            FROM pg_catalog.pg_language WHERE NOT lanpltrusted AND lanname NOT IN ('internal', 'c', 'sql')) AS untrusted
        FROM pg_catalog.pg_proc p JOIN own ON own.oid = pronamespace
        WHERE EXISTS (SELECT FROM mine WHERE has_function_privilege(mine.oid, p.oid, 'EXECUTE')
            AND has_schema_privilege(mine.oid, own.oid, 'USAGE')))
SELECT
    ARRAY(SELECT format('%I.%I', nspname, relname) FROM pg_catalog.pg_class c JOIN own ON own.oid = relnamespace
        WHERE CASE WHEN relkind IN ('r', 'p', 'v', 'm', 'f') THEN EXISTS (SELECT FROM mine
            WHERE has_table_privilege(mine.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
            OR has_any_column_privilege(mine.oid, c.oid, 'INSERT, UPDATE'))
        WHEN relkind = 'S' THEN EXISTS (SELECT FROM mine
            WHERE has_sequence_privilege(mine.oid, c.oid, 'USAGE, UPDATE')) END ORDER BY 1) AS tables,
    ARRAY(SELECT format('%I', nspname) FROM own
        WHERE EXISTS (SELECT FROM mine WHERE has_schema_privilege(mine.oid, own.oid, 'CREATE')) ORDER BY 1) AS schemas,
    EXISTS (SELECT FROM mine WHERE has_database_privilege(mine.oid, current_database(), 'CREATE')) AS database,
    EXISTS (SELECT FROM mine WHERE rolcreatedb) AS databases,
    ARRAY(SELECT DISTINCT pg_describe_object(classid, objid, objsubid) FROM pg_catalog.pg_shdepend
        WHERE deptype = 'o' AND refclassid = 'pg_catalog.pg_authid'::regclass AND refobjid IN (SELECT oid FROM mine)
        AND dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
        ORDER BY 1) AS owned,
    ARRAY(SELECT rolname::text FROM mine WHERE rolname IN ({_listed(DISTURBING)}) ORDER BY 1) AS disturbing,
    ARRAY(SELECT DISTINCT extname::text FROM {BROUGHT}
        JOIN functions f ON f.oid = d.objid WHERE extname IN ({_listed(SPEAKING)}) ORDER BY 1) AS speaking,
    ARRAY(SELECT format('%I', fdwname) FROM pg_catalog.pg_foreign_data_wrapper f WHERE EXISTS
            (SELECT FROM mine WHERE has_foreign_data_wrapper_privilege(mine.oid, f.oid, 'USAGE'))
        UNION SELECT format('%I', srvname) FROM pg_catalog.pg_foreign_server s WHERE EXISTS
            (SELECT FROM mine WHERE has_server_privilege(mine.oid, s.oid, 'USAGE')) ORDER BY 1) AS foreign_servers,
    ARRAY(SELECT DISTINCT name FROM functions WHERE untrusted ORDER BY 1) AS untrusted,
    ARRAY(SELECT DISTINCT name FROM functions WHERE prosecdef ORDER BY 1) AS definers
"""  # noqa: S608 - names of our own
# Sentences about lists of POWERS.
LISTS = {
    "tables": "It may change tables or sequences: {names}.",
    "schemas": "It may create tables in schemas: {names}.",
    "owned": "It owns what an owner may change: {names}.",
    "disturbing": "It is a member of {names}.",
    "speaking": "It may call functions of extensions that speak to other servers, or write by themselves: {names}. "
    "They can't be told to here, but are no business of an Audience: revoke EXECUTE on them from PUBLIC.",
    "foreign_servers": "It may use foreign servers or what makes them: {names}.",
    "untrusted": "It may call functions in a language that reaches the server's files and the network: {names}. A "
    "read-only transaction does not hold these back: look at them, and revoke EXECUTE on what is not meant for "
    "Audiences.",
    "definers": "It may call functions that run with more rights than its own: {names}. They can't write here, but may "
    "read what it may not: look at them, and revoke EXECUTE on what is not meant for Audiences.",
}


def check(found: Mapping[str, Any]) -> None:
    """Raises WarehouseUnsafe for a role that a SELECT could do harm with."""
    role = found["role"]
    if found["read_only"] != "on":
        raise WarehouseUnsafe(
            "The warehouse does not hold its transactions to reading; nothing was run on it."
        )
    reasons = [_through(found[name], role, what) for name, what in ATTRIBUTES.items() if found[name]]
    if found["reaching"]:
        reasons.append(f"is a member of {powers.listed(found['reaching'])}")
    if found["functions"]:
        reasons.append(f"may call {powers.listed(found['functions'])}")
    if found["acting"]:
        reasons.append(
            f"may call functions of {powers.listed(found['acting'])}, which act over a line of their own that nothing "
            "holds to reading (REVOKE EXECUTE on them FROM PUBLIC)"
        )
    if found["rolsuper"]:
        reasons = reasons[:1]  # everything else follows from it
    if reasons:
        raise powers.unsafe("role", role, " and ".join(reasons), "files of the server or others' sessions")


def warnings(role: str, found: Mapping[str, Any]) -> list[str]:
    """Sentences about POWERS, none for a role that may only read."""
    said = [
        sentence.format(names=powers.listed(found[name])) for name, sentence in LISTS.items() if found[name]
    ]
    if found["database"]:
        said.append("It may create schemas in the database.")
    if found["databases"]:
        said.append("It may create databases.")
    return powers.beyond(f'The role "{role}"', said)


# In one line, as whoever pastes the statements may do so one by one.
CLOSING = (
    "DO $$ DECLARE open regprocedure; BEGIN FOR open IN SELECT d.objid "  # noqa: S608 - our own
    f"FROM {' '.join(BROUGHT.split())} WHERE extname IN ({_listed(ACTING)}) "
    "LOOP EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', open); END LOOP; END $$;"
)


def statements_for_a_right_role(database: str, user: str, schema: str = "public") -> str:
    """What an admin of the warehouse pastes, as one who may create roles and owns the schema's tables."""
    role, place = lexing.quoted(user), lexing.quoted(schema)
    return f"""\
CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
-- Then give it a password (in psql: \\password and its name).
GRANT CONNECT ON DATABASE {lexing.quoted(database)} TO {role};
-- For each schema that Audiences read from:
GRANT USAGE ON SCHEMA {place} TO {role};
GRANT SELECT ON ALL TABLES IN SCHEMA {place} TO {role};
-- For tables to come; said as each role that creates them:
ALTER DEFAULT PRIVILEGES IN SCHEMA {place} GRANT SELECT ON TABLES TO {role};
-- Accelerator sets these by itself; here they hold whoever else comes in as the role.
ALTER ROLE {role} SET default_transaction_read_only = on;
ALTER ROLE {role} SET statement_timeout = '6h';
ALTER ROLE {role} SET idle_in_transaction_session_timeout = '1min';
-- PostgreSQL 14 and older let everybody create tables in "public": REVOKE CREATE ON SCHEMA public FROM PUBLIC;
-- Extensions that act over a line of their own, if any is installed, let everybody; said as their owner, and GRANT
-- EXECUTE to the roles that need them:
{CLOSING}
"""  # noqa: S608 - quoted names


def statements_for_a_closed_database() -> str:
    """What PostgreSQL lets everybody do in a SELECT, read-only or not; stricter than most need, and for every role.

    Pasted as a superuser into the warehouse's database, where no other role depends on these functions.
    """
    return f"""\
DO $$
DECLARE open regprocedure;
BEGIN
    FOR open IN
        SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
        AND (proname IN ({_listed(OPEN_TO_ALL)}) OR proname LIKE 'pg\\_%advisory\\_%lock%')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', open);
    END LOOP;
END $$;
"""  # noqa: S608 - names of our own


def _through(roles: list[str], role: str, what: str) -> str:
    """What the role is by itself or through another one."""
    return what if role in roles else f'is a member of "{roles[0]}", which {what}'
