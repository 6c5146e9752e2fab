"""`manage.py warehouse test`: which Warehouses, what is told of them, and with which exit code."""

from collections.abc import Iterator

import pytest

from jobs import warehouses
from jobs.models import Kind, Warehouse
from tests.accelerator.management.terminal import run
from tests.jobs.warehouses import echoing
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import Connection, postgresql


@pytest.fixture
def shop(transactional_db: None) -> Iterator[Connection]:
    with elephants.database("commanded") as admin:
        yield admin


@pytest.fixture
def lost(db: None) -> Warehouse:
    return Warehouse.objects.create(name="Lost", kind=Kind.DUCKDB, location="/nowhere.duckdb")


def test_one_that_answers_is_told_with_the_time_it_took(warehouse: Warehouse) -> None:
    said = run("warehouse", "test", warehouse.name)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(
        "warehouse  (DuckDB)\n  It answers: to connect and to be answered a SELECT took 0."
    )


@pytest.mark.parametrize("wanted", ["warehouse", "WAREHOUSE", " warehouse "])
@pytest.mark.usefixtures("warehouse", "lost")
def test_it_is_found_by_its_name_in_whatever_letters(wanted: str) -> None:
    assert "Lost" not in run("warehouse", "test", wanted).out


@pytest.mark.usefixtures("warehouse", "lost")
def test_without_a_name_all_are_tried_and_one_that_does_not_answer_is_the_exit_code() -> None:
    said = run("warehouse", "test")
    assert said.code == 1
    assert "warehouse  (DuckDB)\n  It answers" in said.out
    assert (
        "Lost  (DuckDB)\n  The warehouse's file nowhere.duckdb does not exist.\n  The location looks"
        in said.out
    )
    assert said.err == "Failed: Nothing can be launched from: Lost.\n"


@pytest.mark.usefixtures("warehouse")
def test_one_that_is_not_there_is_a_usage_with_those_that_are() -> None:
    said = run("warehouse", "test", "warehouse", "nowhere")
    assert (said.code, said.out) == (2, "")
    assert 'There is no warehouse "nowhere". There are:\n  warehouse  (DuckDB)' in said.err


@pytest.mark.django_db
def test_when_there_is_none_it_says_who_enters_one() -> None:
    said = run("warehouse", "test")
    assert said.code == 2
    assert "There is no warehouse yet: an admin enters one at /admin/." in said.err
    assert "There is none yet." in run("warehouse", "test", "shop").err


def test_warnings_are_told_with_the_statements_of_a_right_role_and_are_no_failure(shop: Connection) -> None:
    role = f"commanded_{elephants.RUN}"
    shop.execute(f'GRANT DELETE ON customers TO "{role}"'.encode())
    postgresql(shop, role, name="Writer").save()
    said = run("warehouse", "test", "Writer")
    assert said.code == 0
    assert f'  The role "{role}" could do more than read. It may change tables or sequences' in said.out
    assert '\nCREATE ROLE "accelerator_reader" LOGIN NOSUPERUSER' in said.out


def test_an_unsafe_role_is_refused_with_the_statements_of_a_right_one(shop: Connection) -> None:
    postgresql(shop, shop.info.user, name="Superuser").save()
    said = run("warehouse", "test", "Superuser")
    assert said.code == 1
    assert "is a superuser" in said.out
    assert '\nCREATE ROLE "accelerator_reader" LOGIN NOSUPERUSER' in said.out


@pytest.mark.usefixtures("warehouse", "lost")
def test_programs_are_told_the_same() -> None:
    said = run("warehouse", "test", "--json")
    assert said.code == 1
    document = said.document
    assert document["ok"] is False
    lost, found = document["warehouses"]
    assert (lost["name"], lost["outcome"], lost["seconds"]) == ("Lost", "fails", None)
    assert (found["name"], found["kind"], found["outcome"]) == ("warehouse", "duckdb", "answers")
    assert 0 < found["seconds"] < 60
    assert (found["warnings"], found["statements"]) == ([], "")


@pytest.mark.django_db
def test_a_secret_is_not_printed_whatever_the_server_says() -> None:
    with echoing.echo() as port:
        location = f"postgresql://reader@127.0.0.1:{port}/shop"
        sealed = warehouses.seal_secret("geheimnis")
        Warehouse.objects.create(name="Shop", kind=Kind.POSTGRESQL, location=location, secret=sealed)
        for options in ((), ("--json",), ("--traceback",)):
            said = run("warehouse", "test", "Shop", *options)
            assert "Nobody may come in with ***" in said.out
            assert "geheimnis" not in said.out + said.err
            assert sealed not in said.out + said.err


@pytest.mark.django_db
def test_it_waits_as_long_as_it_is_told() -> None:
    with echoing.silence() as port:
        location = f"postgresql://reader@127.0.0.1:{port}/shop"
        Warehouse.objects.create(name="Silent", kind=Kind.POSTGRESQL, location=location)
        said = run("warehouse", "test", "Silent", "--within", "0.5")
    assert said.code == 1
    assert "There was no answer within 0.5 seconds." in said.out


@pytest.mark.parametrize(
    "within", ["nan", "inf", "-inf", "-1", "0", "-0.0", "1e99", "86401", "soon", "", "1_000_000"]
)
@pytest.mark.usefixtures("warehouse")
def test_it_does_not_wait_for_what_is_no_time(within: str) -> None:
    said = run("warehouse", "test", f"--within={within}")
    assert said.code != 0
    assert said.out == ""
    assert f'argument --within: "{within}" is no number of seconds above 0 and up to 86400' in said.err


def test_it_does_nothing_else() -> None:
    assert run("warehouse", "drop", "shop").code != 0
