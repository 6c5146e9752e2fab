"""Warehouses are tried out: each is said in sentences to be well or not, and no secret is in any of them."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.warehouses import kinds, trial
from tests.jobs.warehouses import echoing
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import Connection, postgresql


@pytest.fixture
def shop(transactional_db: None) -> Iterator[Connection]:
    with elephants.database("trial") as admin:
        yield admin


def at(port: int, secret: str, name: str = "Shop") -> Warehouse:
    sealed = warehouses.seal_secret(secret)
    location = f"postgresql://reader@127.0.0.1:{port}/shop"
    return Warehouse(name=name, kind=Kind.POSTGRESQL, location=location, secret=sealed)


def test_one_that_answers_says_how_long_it_took(warehouse: Warehouse) -> None:
    began = time.monotonic()
    [found] = trial.tried([warehouse])
    assert found.outcome == trial.ANSWERS
    assert found.seconds is not None
    assert 0 < found.seconds < time.monotonic() - began
    assert f"took {found.seconds:.2f} seconds" in found.sentence
    assert (found.warnings, found.statements, found.advice) == ([], "", "")


def test_a_superuser_is_refused_with_the_statements_of_another_role(shop: Connection) -> None:
    [found] = trial.tried([postgresql(shop, shop.info.user)])
    assert found.outcome == trial.UNSAFE
    assert "is a superuser" in found.sentence
    assert found.seconds is None
    assert found.statements.startswith('CREATE ROLE "accelerator_reader" LOGIN NOSUPERUSER')


@pytest.mark.parametrize(
    ("kind", "location", "said"),
    [
        (Kind.SQLALCHEMY, "sqlite:////etc/passwd", 'choose the kind "SQLite"'),
        (Kind.POSTGRESQL, "postgresql://u@127.0.0.1:1/d?passfile=/etc/passwd", 'the option "passfile"'),
    ],
)
def test_a_location_that_is_refused_is_so_without_statements_that_would_not_help(
    kind: Kind, location: str, said: str
) -> None:
    [found] = trial.tried([Warehouse(name="Old", kind=kind, location=location)])
    assert found.outcome == trial.UNSAFE
    assert said in found.sentence
    assert (found.seconds, found.warnings, found.statements, found.advice) == (None, [], "", "")


def test_a_file_that_is_broken_is_said_with_its_reason_and_without_statements_about_rights(
    tmp_path: Path,
) -> None:
    (tmp_path / "well.csv").write_text("id\n1\n")
    (tmp_path / "spoilt.csv").write_bytes(b"id,name\n1,Zo\xeb\n")
    [found] = trial.tried([Warehouse(name="Files", kind=Kind.DUCKDB, location=str(tmp_path))])
    [warning] = found.warnings
    assert "file spoilt.csv can't be read" in warning
    assert "This file is not utf-8 encoded" in warning
    assert (found.outcome, found.statements) == (trial.ANSWERS, "")


@pytest.mark.parametrize(
    "secret", ["geheim/nis kanarie", "-----BEGIN\ngeheimnis+a\nkanarie==\n", "ge%heim&nis"]
)
def test_a_server_that_says_the_password_is_not_quoted(secret: str) -> None:
    with echoing.echo() as port:
        [found] = trial.tried([at(port, secret)])
    assert found.outcome == trial.FAILS
    assert "Nobody may come in with ***" in found.sentence
    assert not [word for word in ("heim", "kanarie") if word in found.sentence]
    assert "the secret is the role's password" in found.advice


def test_one_that_is_silent_keeps_no_other_from_its_own(warehouse: Warehouse) -> None:
    trial.tried([warehouse])  # which starts the process that reads it
    with echoing.silence() as port:
        began = time.monotonic()
        silent, well = trial.tried([at(port, "hunter22"), warehouse], within=2)
        assert time.monotonic() - began < 4
    assert silent.sentence.startswith("There was no answer within 2 seconds.")
    assert (silent.outcome, well.outcome) == (trial.FAILS, trial.ANSWERS)


def test_a_kind_that_is_not_installed_says_how_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds.EXTRAS, Kind.SNOWFLAKE, "nowhere.to.be_found")
    location = "snowflake://me@account/shop/public?warehouse=w&role=r"
    [found] = trial.tried([Warehouse(name="Snow", kind=Kind.SNOWFLAKE, location=location)])
    assert found.outcome == trial.FAILS
    assert "uv sync --extra snowflake" in found.sentence


def test_what_nobody_expected_is_a_sentence_and_a_line_of_the_log_without_the_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What a driver raises may have the secret in its text, and among the variables of its traceback."""

    def fail(location: str, secret: str, query: object) -> None:
        raise RuntimeError(f"no plan for {location} and {secret}")

    from jobs.warehouses.postgresql import connector

    monkeypatch.setattr(connector, "open_stream", fail)
    with caplog.at_level(logging.DEBUG):
        [found] = trial.tried([at(1, "geheimnis  zwei " * 40)])
    assert found.outcome == trial.FAILS
    assert "(RuntimeError): no plan for postgresql://reader@127.0.0.1:1/shop and ***" in found.sentence
    assert "The connector of a postgresql failed when it was tried (RuntimeError)." in caplog.text
    assert "geheimnis" not in caplog.text


def test_a_secret_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = at(1, "env:WAREHOUSE_NOT_SET")
    [found] = trial.tried([absent])
    assert "the environment variable WAREHOUSE_NOT_SET is not set" in found.sentence


def test_nothing_to_try_is_nothing() -> None:
    assert trial.tried([]) == []
