"""The statements that make a right role: for every kind, with the location's own names, whatever these hold."""

from collections.abc import Iterator

import pytest
from psycopg import sql

from jobs.models import Kind
from jobs.warehouses import guide, rightroles, trial
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import Connection, drop, exists, postgresql

# As it stands in a location, and as each kind quotes what it stands for.
EVIL = "x%22%60%27%3B%0ADROP%20TABLE%20customers%3B%20--"
PLAIN = "x\"`';DROP TABLE customers; --"
EVERYWHERE = {
    Kind.POSTGRESQL: f"postgresql://{EVIL}@host/{EVIL}",
    Kind.REDSHIFT: f"redshift://{EVIL}@host/{EVIL}",
    Kind.MYSQL: f"mysql://{EVIL}@host/{EVIL}",
    Kind.SNOWFLAKE: f"snowflake://{EVIL}@account/{EVIL}/{EVIL}?warehouse={EVIL}&role={EVIL}",
    Kind.BIGQUERY: f"bigquery://project/{EVIL}",
    Kind.DATABRICKS: f"databricks://host/sql?catalog={EVIL}&schema={EVIL}",
    Kind.SQLALCHEMY: f"oracle://{EVIL}@host/{EVIL}",
}
STANDARD, TICKED = '"' + PLAIN.replace('"', '""') + '"', "`" + PLAIN.replace("`", "``") + "`"
QUOTED = {
    Kind.POSTGRESQL: (STANDARD,),
    Kind.REDSHIFT: (STANDARD,),
    Kind.MYSQL: (TICKED,),
    Kind.SNOWFLAKE: (STANDARD,),
    Kind.BIGQUERY: ("`" + PLAIN.replace("`", "\\`") + "`",),
    Kind.DATABRICKS: (TICKED,),
    Kind.SQLALCHEMY: (STANDARD,),
}


@pytest.fixture
def shop(transactional_db: None) -> Iterator[Connection]:
    with elephants.database("righted") as admin:
        yield admin


def run(admin: Connection, statements: str) -> None:
    admin.execute(statements.encode())


@pytest.mark.parametrize("kind", Kind)
def test_there_are_some_for_every_kind_without_any_location_too(kind: Kind) -> None:
    for location in ("", guide.of(kind).location, "postgresql://[::1/db", "://", "?", "\0"):
        assert len(rightroles.statements(kind, location).splitlines()) > 1


@pytest.mark.parametrize("kind", EVERYWHERE)
def test_a_name_is_never_more_than_a_name(kind: Kind) -> None:
    text = rightroles.statements(kind, EVERYWHERE[kind])
    assert "DROP TABLE" in text
    for quoted in QUOTED[kind]:
        assert quoted in text
        text = text.replace(quoted, "")
    assert "DROP TABLE" not in text


@pytest.mark.parametrize("kind", [Kind.DUCKDB, Kind.SQLITE])
def test_nor_is_the_path_of_a_file_for_a_shell(kind: Kind) -> None:
    text = rightroles.statements(kind, "/srv/it's; rm -rf $HOME/shop.db")
    assert "-- '/srv/it'\"'\"'s; rm -rf $HOME/shop.db'" in text


def test_nor_a_project_for_a_shell() -> None:
    text = rightroles.statements(Kind.BIGQUERY, "bigquery://$(reboot)/shop")
    assert text.count("$(reboot)") == text.count("'$(reboot)'") + text.count("accelerator@$(reboot).iam") + 1
    assert "--member='serviceAccount:accelerator@$(reboot).iam" in text


@pytest.mark.parametrize(
    ("location", "user", "database"),
    [
        ("postgresql://reader@host:5432/shop", "reader", "shop"),
        ("postgresql:///shop?user=reader&host=/run", "reader", "shop"),
        ("postgresql://host?user=reader&dbname=shop", "reader", "shop"),
        ("postgresql://reader@host", "reader", "shop"),
        ("postgresql://host/other", "accelerator_reader", "other"),
    ],
)
def test_names_are_found_where_the_location_has_them(location: str, user: str, database: str) -> None:
    text = rightroles.statements(Kind.POSTGRESQL, location)
    assert f'GRANT CONNECT ON DATABASE "{database}" TO "{user}";' in text


def test_what_sqlalchemy_leads_to_is_spoken_to_in_the_words_of_the_standard() -> None:
    assert "In the words of the SQL standard" in rightroles.statements(Kind.SQLALCHEMY, "trino://a@host/shop")


def test_another_role_is_not_the_one_that_is_there() -> None:
    for user, another in (
        ("postgres", "accelerator_reader"),
        ("accelerator_reader", "accelerator_reader_2"),
        ("Accelerator_Reader", "accelerator_reader_2"),
    ):
        text = rightroles.statements(Kind.POSTGRESQL, f"postgresql://{user}@host/shop", another=True)
        assert f'CREATE ROLE "{another}" ' in text
        assert f'"{user}"' not in text
    snow = "snowflake://me@account/shop/public?warehouse=w&role=ACCELERATOR_READER"
    text = rightroles.statements(Kind.SNOWFLAKE, snow, another=True)
    assert 'CREATE ROLE "ACCELERATOR_READER_2";' in text
    assert 'CREATE USER "ACCELERATOR_READER_2" ' in text


def test_for_postgresql_they_make_a_role_that_is_right(shop: Connection) -> None:
    """Run as they are shown, by a name that needs its quotes."""
    role = f'right "{elephants.RUN}"; --'
    place = postgresql(shop, role.replace(" ", "%20").replace('"', "%22").replace(";", "%3B"), name="Right")
    try:
        run(shop, rightroles.statements(place.kind, place.location))
        assert exists(shop, role)
        shop.execute(sql.SQL("ALTER ROLE {} PASSWORD 'reader-reader'").format(sql.Identifier(role)))
        [found] = trial.tried([place])
        assert (found.outcome, found.warnings, found.statements) == (trial.ANSWERS, [], "")
    finally:
        drop(shop, role)


def test_the_stricter_ones_close_what_is_open_to_all(shop: Connection) -> None:
    run(shop, rightroles.stricter(Kind.POSTGRESQL))
    role = f"righted_{elephants.RUN}"
    asked = "SELECT has_function_privilege(%s, 'pg_terminate_backend(int, bigint)', 'EXECUTE')"
    assert shop.execute(asked, [role]).fetchone() == (False,)
    reader = postgresql(shop, role)
    [found] = trial.tried([reader])
    assert found.answers
    assert not rightroles.stricter(Kind.MYSQL)
