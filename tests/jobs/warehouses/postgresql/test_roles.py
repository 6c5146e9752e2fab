"""Roles of PostgreSQL: which are refused, which are warned about, and that the statements we show make a right one."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from jobs import warehouses
from jobs.models import Warehouse
from jobs.warehouses import AudienceSqlError, WarehouseUnsafe
from jobs.warehouses.postgresql import roles
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import PASSWORD, Connection, drop, postgresql

RIGHT = f"pgroles_{elephants.RUN}"
ROLE, OTHER, OWNER = f"tried_{elephants.RUN}", f"between_{elephants.RUN}", f"owner_{elephants.RUN}"


@pytest.fixture(scope="module")
def admin() -> Iterator[Connection]:
    with elephants.database("pgroles") as admin:
        yield admin


@pytest.fixture
def warehouse(admin: Connection) -> Iterator[Warehouse]:
    """Let in with a role that may do nothing but connect; each test makes more of it."""
    for role in (ROLE, OTHER, OWNER):
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'".encode())
    yield postgresql(admin, ROLE)
    for role in (ROLE, OTHER, OWNER):
        drop(admin, role)


def refusal(warehouse: Warehouse) -> str:
    """What an examination, a check and a stream say, the same."""
    with pytest.raises(WarehouseUnsafe) as examined:
        warehouses.examine(warehouse)
    with pytest.raises(WarehouseUnsafe) as checked:
        warehouses.check(warehouse)
    assert str(examined.value) == str(checked.value)
    assert PASSWORD not in str(examined.value)
    return str(examined.value)


def said(warehouse: Warehouse) -> list[str]:
    """The warnings, without the sentence that each begins with."""
    warehouses.check(warehouse)
    begin = f'The role "{ROLE}" could do more than read. '
    found = warehouses.examine(warehouse)
    assert all(sentence.startswith(begin) for sentence in found)
    return [sentence.removeprefix(begin) for sentence in found]


def run(admin: Connection, *statements: str) -> None:
    for statement in statements:
        admin.execute(statement.encode())


def test_the_right_role_has_no_sentence(admin: Connection) -> None:
    warehouse = postgresql(admin, RIGHT)
    assert warehouses.examine(warehouse) == []
    assert warehouses.count(warehouse, "SELECT id FROM customers") == elephants.ROWS


@pytest.mark.parametrize("name", ["o\"dd; DROP TABLE customers; SELECT '", "Ünïcode Role", "select"])
def test_the_statements_make_a_right_role_whatever_the_names(admin: Connection, name: str) -> None:
    """Pasted as they are; the role may read what is there, and what comes, and nothing else."""
    role, schema = f"{name} {elephants.RUN}", f"{name} schema"
    place = sql.Identifier(schema)
    admin.execute(sql.SQL("CREATE SCHEMA {}").format(place))
    admin.execute(sql.SQL("CREATE TABLE {}.people AS SELECT 1 AS id").format(place))
    admin.execute(roles.statements_for_a_right_role(admin.info.dbname, role, schema).encode())
    admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(PASSWORD)))
    admin.execute(sql.SQL("CREATE TABLE {}.later AS SELECT 2 AS id").format(place))
    warehouse = postgresql(admin, quote(role, safe=""))
    try:
        assert warehouses.examine(warehouse) == []
        for table in ("people", "later"):
            assert warehouses.count(warehouse, f"SELECT id FROM {place.as_string()}.{table}") == 1
        with pytest.raises(AudienceSqlError, match=r"permission denied for table customers$"):
            warehouses.count(warehouse, "SELECT id FROM public.customers")
    finally:
        drop(admin, role)
        admin.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(place))
    assert admin.execute("SELECT count(*) FROM customers").fetchone() == (elephants.ROWS,)


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ("SUPERUSER", "is a superuser"),
        ("REPLICATION", "may replicate the server"),
        ("CREATEROLE", "may create roles"),
        ("BYPASSRLS", "bypasses row-level security"),
    ],
)
def test_an_attribute_is_refused_also_through_another_role(
    admin: Connection, warehouse: Warehouse, attribute: str, words: str
) -> None:
    run(admin, f"ALTER ROLE {ROLE} {attribute}")
    assert f'The role "{ROLE}" {words}: an Audience' in refusal(warehouse)
    run(
        admin,
        f"ALTER ROLE {ROLE} NO{attribute}",
        f"ALTER ROLE {OTHER} {attribute}",
        f"GRANT {OTHER} TO {ROLE}",
    )
    assert f'The role "{ROLE}" is a member of "{OTHER}", which {words}' in refusal(warehouse)
    run(admin, f"ALTER ROLE {OTHER} NO{attribute}")
    warehouses.check(warehouse)


REACHING = (
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_execute_server_program",
    "pg_signal_backend",
)


@pytest.mark.parametrize("role", REACHING)
def test_a_member_of_what_reaches_files_or_programs_is_refused(
    admin: Connection, warehouse: Warehouse, role: str
) -> None:
    run(admin, f"GRANT {role} TO {ROLE}")
    assert f"is a member of {role}" in refusal(warehouse)


@pytest.mark.parametrize("how", ["WITH INHERIT TRUE", "WITH INHERIT FALSE, SET TRUE", "WITH ADMIN OPTION"])
@pytest.mark.parametrize("role", REACHING[:3])
def test_a_member_of_a_member_is_refused_inherited_or_not(
    admin: Connection, warehouse: Warehouse, role: str, how: str
) -> None:
    if admin.info.server_version < 160000:
        how = how if "ADMIN" in how else ""
        run(admin, f"ALTER ROLE {ROLE} NOINHERIT")
    run(
        admin, f"GRANT {role} TO {OTHER}", f"GRANT {OTHER} TO {OWNER} {how}", f"GRANT {OWNER} TO {ROLE} {how}"
    )
    assert f"is a member of {role}" in refusal(warehouse)


@pytest.mark.parametrize(
    "function",
    ["pg_read_file(text)", "pg_ls_dir(text)", "lo_import(text)", "lo_export(oid, text)", "pg_reload_conf()"],
)
def test_a_function_that_reaches_files_is_refused_by_itself_and_through_everybody(
    admin: Connection, warehouse: Warehouse, function: str
) -> None:
    for whom in (ROLE, "PUBLIC"):
        run(admin, f"GRANT EXECUTE ON FUNCTION {function} TO {whom}")
        try:
            assert f"may call {function.partition('(')[0]}" in refusal(warehouse)
        finally:
            run(admin, f"REVOKE EXECUTE ON FUNCTION {function} FROM {whom}")
    warehouses.check(warehouse)


@contextmanager
def made(admin: Connection, make: str, unmake: str) -> Iterator[None]:
    run(admin, make)
    try:
        yield
    finally:
        run(admin, unmake)


WRITERS = [
    ("GRANT INSERT ON customers TO {role}", "It may change tables or sequences: public.customers."),
    ("GRANT UPDATE (email) ON customers TO {role}", "It may change tables or sequences: public.customers."),
    ("GRANT TRUNCATE ON customers TO {role}", "It may change tables or sequences: public.customers."),
    ("GRANT DELETE ON customers TO {other}; GRANT {other} TO {role}", "It may change tables or sequences"),
    ("GRANT USAGE ON SEQUENCE numbers TO {role}", "It may change tables or sequences: public.numbers."),
    ("GRANT CREATE ON SCHEMA public TO {role}", "It may create tables in schemas: public."),
    ("GRANT CREATE ON DATABASE {database} TO {role}", "It may create schemas in the database."),
    ("ALTER ROLE {role} CREATEDB", "It may create databases."),
    ("GRANT pg_write_all_data TO {role}", "It is a member of pg_write_all_data."),
    ("ALTER TABLE other OWNER TO {role}", "It owns what an owner may change: table other."),
    ("GRANT EXECUTE ON FUNCTION write_one TO {role}", "It may call functions that run with more rights"),
]


@pytest.mark.parametrize(("grant", "words"), WRITERS, ids=[grant for grant, _ in WRITERS])
def test_a_role_that_could_write_is_let_in_and_warned_about(
    admin: Connection, warehouse: Warehouse, grant: str, words: str
) -> None:
    make = """
        CREATE SEQUENCE numbers; CREATE TABLE other (id int);
        CREATE FUNCTION write_one() RETURNS int LANGUAGE sql SECURITY DEFINER
            AS 'DELETE FROM customers RETURNING 1';
        REVOKE EXECUTE ON FUNCTION write_one FROM PUBLIC;
        """
    with made(admin, make, "DROP FUNCTION write_one; DROP TABLE other; DROP SEQUENCE numbers"):
        assert said(warehouse) == []
        run(admin, grant.format(role=ROLE, other=OTHER, database=admin.info.dbname))
        assert any(sentence.startswith(words) for sentence in said(warehouse))
        for attempt in ("DELETE FROM customers", "CREATE TABLE more (id int)", "SELECT nextval('numbers')"):
            with pytest.raises(AudienceSqlError):
                warehouses.preview(warehouse, attempt)
    assert admin.execute("SELECT count(*) FROM customers").fetchone() == (elephants.ROWS,)


def test_an_extension_that_acts_over_a_line_of_its_own_is_refused_until_the_statements_close_it(
    admin: Connection, warehouse: Warehouse
) -> None:
    words = "may call functions of dblink, which act over a line of their own that nothing holds to reading (REVOKE"
    with made(admin, "CREATE EXTENSION dblink", "DROP EXTENSION dblink"):
        assert words in refusal(warehouse)
        admin.execute(
            roles.statements_for_a_right_role(admin.info.dbname, OTHER).partition(";\n")[2].encode()
        )
        assert said(warehouse) == []
        run(admin, f"GRANT EXECUTE ON FUNCTION dblink_exec(text, text) TO {OTHER}")
        assert said(warehouse) == []
        run(admin, f"GRANT {OTHER} TO {ROLE}")
        assert words in refusal(warehouse)


def test_an_extension_whose_schema_is_closed_to_the_role_does_not_concern_it(
    admin: Connection, warehouse: Warehouse
) -> None:
    make = "CREATE SCHEMA closed; CREATE EXTENSION dblink SCHEMA closed"
    with made(admin, make, "DROP SCHEMA closed CASCADE"):
        assert said(warehouse) == []


def test_a_function_in_a_language_that_reaches_everything_is_warned_about(
    admin: Connection, warehouse: Warehouse
) -> None:
    make = """
        CREATE LANGUAGE reachingu HANDLER plpgsql_call_handler;
        CREATE FUNCTION reach() RETURNS int LANGUAGE reachingu AS 'BEGIN RETURN 1; END';
        """
    with made(admin, make, "DROP LANGUAGE reachingu CASCADE"):
        [sentence] = said(warehouse)
        assert "in a language that reaches the server's files and the network: public.reach." in sentence
        run(admin, "REVOKE EXECUTE ON FUNCTION reach() FROM PUBLIC")
        assert said(warehouse) == []


def test_a_long_list_is_shortened(admin: Connection, warehouse: Warehouse) -> None:
    make = "".join(f"CREATE TABLE t{n} (id int); GRANT INSERT ON t{n} TO {ROLE};" for n in range(8))
    with made(admin, make, "".join(f"DROP TABLE t{n};" for n in range(8))):
        assert said(warehouse) == [
            "It may change tables or sequences: public.t0, public.t1, public.t2, public.t3, public.t4 and 3 more."
        ]


def test_the_stricter_statements_close_what_everybody_may_call(admin: Connection) -> None:
    with psycopg.connect(admin.info.dsn, password=admin.info.password or None) as closing:
        closing.execute(roles.statements_for_a_closed_database().encode())
        asked = """
            SELECT count(*) FILTER (WHERE has_function_privilege(%(role)s, oid, 'EXECUTE')), count(*) FROM pg_proc
            WHERE pronamespace = 'pg_catalog'::regnamespace
                AND (proname = ANY(%(names)s) OR proname LIKE '%%advisory%%')
            """
        found = closing.execute(asked, {"role": RIGHT, "names": list(roles.OPEN_TO_ALL)}).fetchone()
        assert found
        assert found[0] == 0
        assert int(str(found[1])) > len(roles.OPEN_TO_ALL)
        closing.rollback()
