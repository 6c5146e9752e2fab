"""What a user of MySQL may do beyond reading, on a MariaDB server, and as MySQL words it."""

from collections.abc import Iterator

import pytest

from jobs import warehouses
from jobs.warehouses import WarehouseUnsafe
from jobs.warehouses.mysql import roles
from tests.jobs.warehouses.mysql import seals
from tests.jobs.warehouses.mysql.seals import Database
from tests.security.held import rows


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Database]:
    with seals.database(request.config, "w_myroles") as database:
        yield database


@pytest.fixture
def seal(server: Database) -> Iterator[Database]:
    """Without what a test granted."""
    yield server
    server.ask("DROP USER w_myroles@localhost")
    for role in ("outer_role", "inner_role"):
        server.ask(f"DROP ROLE IF EXISTS {role}")
    seals.reader(server.admin, server.name)


def test_of_the_user_that_admins_are_told_to_make_there_is_nothing_to_say(seal: Database) -> None:
    assert warehouses.examine(seal.warehouse()) == []
    assert len(rows(seal.warehouse(), "SELECT id FROM customers")) == seals.ROWS


def test_the_statements_grant_one_database_alone_whatever_it_is_called() -> None:
    said = roles.statements_for_a_right_role("my_`shop", "re`ader", "10.0.0.%")
    assert "GRANT SELECT ON `my\\_``shop`.* TO `re``ader`@`10.0.0.%`;" in said


@pytest.mark.parametrize("privilege", ["FILE", "SUPER", "SHUTDOWN", "RELOAD", "CREATE USER", "BINLOG ADMIN"])
def test_a_user_that_reaches_beyond_tables_is_not_let_in(seal: Database, privilege: str) -> None:
    seal.ask(f"GRANT SELECT, {privilege} ON *.* TO w_myroles@localhost")
    for look in (warehouses.examine, warehouses.check):
        with pytest.raises(
            WarehouseUnsafe, match=f'"w_myroles@localhost" has {privilege} on the whole server'
        ) as said:
            look(seal.warehouse())
        assert "*" not in str(said.value)


def test_whoever_may_do_everything_is_not_let_in(seal: Database) -> None:
    seal.ask("GRANT ALL PRIVILEGES ON *.* TO w_myroles@localhost WITH GRANT OPTION")
    with pytest.raises(WarehouseUnsafe, match="may do everything"):
        warehouses.check(seal.warehouse())


def test_what_a_role_of_a_role_may_do_counts_though_it_is_not_active(seal: Database) -> None:
    for statement in (
        "CREATE ROLE outer_role",
        "CREATE ROLE inner_role",
        "GRANT FILE ON *.* TO inner_role",
        "GRANT inner_role TO outer_role",
        "GRANT outer_role TO w_myroles@localhost",
    ):
        seal.ask(statement)
    with pytest.raises(WarehouseUnsafe, match="has FILE on the whole server, by itself or through a role"):
        warehouses.check(seal.warehouse())


def test_a_role_that_lets_it_read_goes_on_doing_so(seal: Database) -> None:
    for statement in (
        "CREATE ROLE outer_role",
        "CREATE ROLE inner_role",
        "GRANT SELECT ON w_myroles.* TO outer_role",
        "GRANT outer_role TO w_myroles@localhost",
        "GRANT inner_role TO w_myroles@localhost",
        "REVOKE SELECT ON `w\\_myroles`.* FROM w_myroles@localhost",
        "SET DEFAULT ROLE outer_role FOR w_myroles@localhost",
    ):
        seal.ask(statement)
    assert rows(seal.warehouse(), "SELECT CURRENT_ROLE() AS role, COUNT(*) AS n FROM customers") == [
        {"role": "outer_role", "n": seals.ROWS}
    ]
    assert warehouses.examine(seal.warehouse()) == []


def test_what_could_write_is_named_with_its_places(seal: Database) -> None:
    for statement in (
        "CREATE ROLE outer_role",
        "GRANT UPDATE (email), INSERT ON w_myroles.customers TO outer_role",
        "GRANT outer_role TO w_myroles@localhost",
        "GRANT CREATE TEMPORARY TABLES, LOCK TABLES ON w_myroles.* TO w_myroles@localhost",
        "GRANT SELECT ON w_myroles.customers TO w_myroles@localhost WITH GRANT OPTION",
    ):
        seal.ask(statement)
    [said] = warehouses.examine(seal.warehouse())
    assert said.startswith('The user "w_myroles@localhost" could do more than read. It has ')
    assert "CREATE TEMPORARY TABLES, LOCK TABLES on w_myroles.*" in said
    assert "GRANT OPTION, INSERT, UPDATE on w_myroles.customers" in said


def test_who_may_call_watch_and_read_accounts_is_told_so(seal: Database) -> None:
    seal.ask("GRANT PROCESS, SELECT ON *.* TO w_myroles@localhost")
    seal.ask("GRANT EXECUTE ON w_myroles.* TO w_myroles@localhost")
    calling, watching, reading = warehouses.examine(seal.warehouse())
    assert "stored functions (w_myroles.*)" in calling
    assert "PROCESS" in watching
    assert "hashes of passwords" in reading


def test_what_is_granted_to_everybody_counts(seal: Database) -> None:
    seal.ask("GRANT DELETE ON w_myroles.* TO PUBLIC")
    try:
        [said] = warehouses.examine(seal.warehouse())
    finally:
        seal.ask("REVOKE DELETE ON w_myroles.* FROM PUBLIC")
    assert "DELETE on w_myroles.*" in said


# As MySQL 8 words them, in its manual.
TOLD = [
    ("GRANT USAGE ON *.* TO `r`@`%`", [("*.*", "USAGE")], []),
    ("GRANT SELECT (`a`, `TO`), INSERT ON `w`.`t` TO `r`@`%`", [("w.t", "SELECT"), ("w.t", "INSERT")], []),
    ("GRANT EXECUTE ON FUNCTION `w`.`f` TO `r`@`%`", [("FUNCTION w.f", "EXECUTE")], []),
    (
        "GRANT BACKUP_ADMIN,CLONE_ADMIN ON *.* TO `r`@`%`",
        [("*.*", "BACKUP_ADMIN"), ("*.*", "CLONE_ADMIN")],
        [],
    ),
    ("GRANT `app`@`%`,`my``role`@`10.%` TO `r`@`%`", [], ["`app`@`%`", "`my``role`@`10.%`"]),
    ("GRANT SELECT ON *.* TO `r`@`%` WITH GRANT OPTION", [("*.*", "SELECT"), ("*.*", "GRANT OPTION")], []),
    (
        "GRANT PROXY ON ''@'' TO 'root'@'localhost' WITH GRANT OPTION",
        [("@", "PROXY"), ("@", "GRANT OPTION")],
        [],
    ),
    ("REVOKE SELECT ON `mysql`.* FROM `r`@`%`", [], []),
    (
        "GRANT SELECT ON `my\\_shop`.* TO `r`@`%` IDENTIFIED BY PASSWORD '*B69027D44F6E5EDC07F1AEAD1477967B16F28227'",
        [("my\\_shop.*", "SELECT")],
        [],
    ),
]


@pytest.mark.parametrize(("line", "grants", "granted"), TOLD)
def test_it_understands_what_servers_tell(
    line: str, grants: list[tuple[str, str]], granted: list[str]
) -> None:
    assert roles.understood([line]) == ([roles.Grant(*grant) for grant in grants], granted)


@pytest.mark.parametrize("place", ["*.*", "mysql.*", "%.*", "my%.*", "mysql.user", "mys_l.*"])
def test_it_knows_where_the_hashes_of_passwords_are(place: str) -> None:
    [said] = roles.warnings("r@%", [roles.Grant(place, "SELECT")])
    assert "hashes of passwords" in said


@pytest.mark.parametrize("place", ["my\\_sql.*", "mys\\_l.*", "w.*", "mysql.time_zone", "w.user"])
def test_it_knows_where_they_are_not(place: str) -> None:
    assert roles.warnings("r@%", [roles.Grant(place, "SELECT")]) == []
