"""The form of a Warehouse: a secret goes in and never comes out, whatever it is and whatever goes wrong."""

import logging
from html import unescape
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.db import models
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from jobs.models import Kind, Warehouse
from jobs.warehouses import guide, secrets

ADD = "admin:jobs_warehouse_add"
SHOP = {"name": "Shop", "kind": Kind.POSTGRESQL, "location": "postgresql://reader@shop/db"}
KEY = "-----BEGIN PRIVATE KEY-----\nMIIE+geheimnis\nkanarie==\n-----END PRIVATE KEY-----"
ACCOUNT = '{\n  "type": "service_account",\n  "private_key": "geheimnis\\nkanarie"\n}'


def change(warehouse: Warehouse) -> str:
    return reverse("admin:jobs_warehouse_change", args=[warehouse.pk])


def add(browser: Client, **form: str) -> str:
    return browser.post(reverse(ADD), SHOP | form, follow=True).content.decode()


def stored(browser: Client, secret: str) -> Warehouse:
    add(browser, new_secret=secret)
    return Warehouse.objects.get()


@pytest.mark.parametrize(
    "secret", ["hunter22", " with spaces ", KEY, ACCOUNT, "eyJhb.geheimnis.kanarie", "geheim:nis"]
)
def test_a_secret_of_any_kind_goes_in_sealed_and_comes_out_nowhere(dora: Client, secret: str) -> None:
    warehouse = stored(dora, secret.replace("\n", "\r\n"))  # as browsers end the lines of a text
    assert secrets.unseal(warehouse.secret) == secret
    assert warehouse.secret.startswith("sealed:")
    for name, arguments in (
        ("change", [warehouse.pk]),
        ("changelist", []),
        ("history", [warehouse.pk]),
        ("delete", [warehouse.pk]),
    ):
        page = dora.get(reverse(f"admin:jobs_warehouse_{name}", args=arguments)).content.decode()
        assert "Shop" in page
        assert warehouse.secret not in page
        assert not [line for line in secret.splitlines() if len(line) > 5 and line.strip() in page]


def test_what_ends_a_pasted_secret_is_no_part_of_it(dora: Client) -> None:
    assert secrets.unseal(stored(dora, KEY + "\r\n\r\n").secret) == KEY


def test_an_empty_field_leaves_the_secret_as_it_is_and_it_is_forgotten_on_request(dora: Client) -> None:
    warehouse = stored(dora, "hunter22")
    dora.post(change(warehouse), SHOP | {"location": "postgresql://reader@shop/other"})
    warehouse.refresh_from_db()
    assert warehouse.location.endswith("/other")
    assert secrets.unseal(warehouse.secret) == "hunter22"
    dora.post(change(warehouse), SHOP | {"forget": "on"})
    warehouse.refresh_from_db()
    assert warehouse.secret == ""


def test_the_history_says_that_it_was_changed_and_not_to_what(dora: Client) -> None:
    warehouse = stored(dora, "hunter22")
    dora.post(change(warehouse), SHOP | {"new_secret": "hunter33"})
    entry = LogEntry.objects.get(action_flag=2)
    assert entry.get_change_message() == "Changed Secret."
    assert "hunter" not in entry.change_message


@pytest.mark.parametrize(
    ("reference", "shown"),
    [("env:WAREHOUSE_SHOP", True), ("file:/run/secrets/warehouses/shop", True), ("hunter22", False)],
)
def test_a_reference_is_kept_and_shown_as_it_is(dora: Client, reference: str, shown: bool) -> None:
    warehouse = stored(dora, reference)
    assert (warehouse.secret == reference) is shown
    assert (reference in dora.get(change(warehouse)).content.decode()) is shown


@pytest.mark.parametrize(
    "reference", ["env:", "env:SHOP PASSWORD", "env:A\nB", "env:$A", "file:", "file:here", "file:/a\n/b"]
)
def test_what_is_no_reference_though_it_begins_like_one_is_refused(dora: Client, reference: str) -> None:
    assert "and nothing else." in add(dora, new_secret=reference)
    assert not Warehouse.objects.exists()


@pytest.mark.parametrize(
    "reference",
    ["env:SECRET_KEY", "env:DATABASE_URL", "file:/etc/passwd", "file:/run/secrets/warehouses/../secret_key"],
)
def test_a_secret_that_is_not_for_warehouses_is_refused(dora: Client, reference: str) -> None:
    assert "It can&#x27;t be this one: the " in add(dora, new_secret=reference)
    assert not Warehouse.objects.exists()


@pytest.mark.parametrize(
    "location",
    [
        "postgresql://reader:hunter22@shop/db",
        "postgresql://reader:@shop/db",
        "postgresql://reader:hunter22@[::1]:5432/db",
        "postgresql://reader@shop/db?password=hunter22",
        "postgresql://reader@shop/db?sslpassword=hunter22",
        "snowflake://me@account/a/b?warehouse=w&role=r&token=hunter22",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3DODBC%3BUID%3Dme%3BPWD%3Dhunter22",
        "databricks://host/sql?access_token=hunter22&catalog=a&schema=b",
    ],
)
def test_a_secret_in_the_location_is_refused(dora: Client, location: str) -> None:
    assert "The password does not belong here" in add(dora, location=location)
    assert not Warehouse.objects.exists()


@pytest.mark.parametrize(
    ("kind", "location"),
    [
        (Kind.POSTGRESQL, "/srv/shop.duckdb"),
        (Kind.POSTGRESQL, "postgress://u@h/db"),
        (Kind.POSTGRESQL, "redshift://u@h/db"),
        (Kind.REDSHIFT, "mysql://u@h/db"),
        (Kind.MYSQL, "shop"),
        (Kind.MYSQL, "postgresql://u@h/db"),
        (Kind.SNOWFLAKE, "snowflakes://u@account/a/b?warehouse=w&role=r"),
        (Kind.BIGQUERY, "https://project/dataset"),
        (Kind.DATABRICKS, "https://host/sql/1.0/warehouses/id?catalog=a&schema=b"),
        (Kind.SQLALCHEMY, "shop"),
        (Kind.DUCKDB, "duckdb:///srv/shop.duckdb"),
        (Kind.SQLITE, "sqlite:///srv/shop.sqlite3"),
    ],
)
def test_a_location_of_another_kind_is_refused_with_what_it_must_look_like(
    dora: Client, kind: Kind, location: str
) -> None:
    page = unescape(add(dora, kind=kind, location=location))
    assert f"It must look like {guide.of(kind).location}." in page
    assert not Warehouse.objects.exists()


@pytest.mark.parametrize(
    ("kind", "location"),
    [
        *((kind, guide.of(kind).location) for kind in Kind),
        (Kind.POSTGRESQL, "postgres://u@h/db"),
        (Kind.POSTGRESQL, "PostgreSQL://u@h/db"),
        (Kind.POSTGRESQL, "postgresql://u@h/db?sslmode=verify-full&sslrootcert=/etc/ssl/shop.pem"),
        (Kind.REDSHIFT, "postgresql://u@h/db"),
        (Kind.REDSHIFT, "postgres://u@h/db"),
        (Kind.MYSQL, "mariadb://u@h/db"),
        (Kind.SQLALCHEMY, "oracle+oracledb://u@h/db"),
    ],
)
def test_a_location_that_its_connector_would_take_is_taken(dora: Client, kind: Kind, location: str) -> None:
    add(dora, kind=kind, location=location)
    assert Warehouse.objects.get().location == location


@pytest.mark.parametrize(
    ("kind", "location", "said"),
    [
        (Kind.SQLALCHEMY, "postgresql+psycopg://u@h/db", 'choose the kind "PostgreSQL"'),
        (Kind.SQLALCHEMY, "SQLite:////srv/shop.sqlite", 'choose the kind "SQLite"'),
        (Kind.SQLALCHEMY, "mariadb+pymysql://u@h/db", 'choose the kind "MySQL or MariaDB"'),
        (Kind.SQLALCHEMY, "redshift+psycopg2://u@h/db", "looks like redshift://user@cluster."),
        (Kind.POSTGRESQL, "postgresql://u@h/db?passfile=/etc/passwd", 'has the option "passfile"'),
        (
            Kind.POSTGRESQL,
            "postgresql://u@h/db?sslmode=require&ssl%6Bey=/etc/ssl/key",
            'has the option "sslkey"',
        ),
        (Kind.POSTGRESQL, "postgresql://u@h/db#&service=other", "holds a #"),
        (Kind.REDSHIFT, "redshift://u@h/db?service=other", 'has the option "service"'),
    ],
)
def test_a_location_that_would_lead_around_the_guards_is_refused(
    dora: Client, kind: Kind, location: str, said: str
) -> None:
    assert said in unescape(add(dora, kind=kind, location=location))
    assert not Warehouse.objects.exists()


@pytest.mark.parametrize("location", ["postgresql://[::1/db", "postgresql://reader@shop:port/db"])
def test_a_location_that_can_not_be_read_is_no_crash(dora: Client, location: str) -> None:
    add(dora, location=location, new_secret="hunter22")
    page = dora.post(
        reverse("admin:jobs_warehouse_test", args=[Warehouse.objects.get().pk]), follow=True
    ).content.decode()
    assert "trial-fails" in page
    assert "hunter22" not in page


def test_a_secret_is_asked_for_again_when_something_else_is_wrong(dora: Client) -> None:
    page = add(dora, new_secret="hunter22", location="/srv/shop.duckdb")
    assert "Enter it again" in page
    assert "hunter22" not in page


@pytest.mark.parametrize(
    "elsewhere",
    [
        "postgresql://reader@evil.example/db",
        "postgresql://reader@shop:6666/db",
        "postgresql://other@shop/db",
        "postgresql://reader@shop/db?hostaddr=10.0.0.6",
    ],
)
def test_a_stored_secret_is_not_told_to_another_place_by_whoever_may_change_the_location(
    dora: Client, carl: Client, elsewhere: str
) -> None:
    warehouse = stored(dora, "hunter22")
    page = carl.post(change(warehouse), SHOP | {"location": elsewhere}).content.decode()
    assert "was entered for another place" in page
    warehouse.refresh_from_db()
    assert warehouse.location == SHOP["location"]
    carl.post(change(warehouse), SHOP | {"location": elsewhere, "forget": "on"})
    warehouse.refresh_from_db()
    assert (warehouse.location, warehouse.secret) == (elsewhere, "")


def test_nor_to_a_connector_of_another_kind(dora: Client) -> None:
    warehouse = stored(dora, "hunter22")
    page = dora.post(change(warehouse), SHOP | {"kind": Kind.REDSHIFT}).content.decode()
    assert "was entered for another place" in page


def test_a_new_secret_and_forgetting_it_is_one_too_many(dora: Client) -> None:
    warehouse = stored(dora, "hunter22")
    page = dora.post(change(warehouse), SHOP | {"new_secret": "hunter33", "forget": "on"}).content.decode()
    assert "Either a new secret is stored" in page
    warehouse.refresh_from_db()
    assert secrets.unseal(warehouse.secret) == "hunter22"


def test_the_page_says_of_each_kind_what_is_to_be_entered(dora: Client) -> None:
    page = dora.get(reverse(ADD)).content.decode()
    for kind in Kind:
        about = guide.of(kind)
        assert page.count(f"of-kind of-{kind}") == 3
        assert about.location in page.replace("&amp;", "&")
        assert reverse("admin:jobs_warehouse_connector", args=[kind]) in page
    for kind in Kind:
        assert guide.proven(kind) or guide.of(kind).tried.replace("'", "&#x27;") in page


def test_the_style_sheet_knows_every_kind(settings: Settings) -> None:
    """It hides what is said of the others."""
    sheet = (Path(settings.BASE_DIR) / "static/css/admin.css").read_text()
    for kind in Kind:
        assert f'option[value="{kind}"]:checked) .of-kind:not(.of-{kind})' in sheet


def test_a_kind_whose_connector_is_not_installed_is_offered_as_such(
    dora: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jobs.warehouses import kinds

    monkeypatch.setitem(kinds.EXTRAS, Kind.SNOWFLAKE, "nowhere.to.be_found")
    page = dora.get(reverse(ADD)).content.decode()
    assert "Snowflake (not installed here)" in page
    assert "uv sync --extra snowflake" in page
    assert "BigQuery (not installed here)" not in page


def test_whoever_may_only_look_sees_no_field_and_changes_nothing(dora: Client, vera: Client) -> None:
    warehouse = stored(dora, "hunter22")
    page = vera.get(change(warehouse)).content.decode()
    assert 'name="new_secret"' not in page
    assert "hunter22" not in page
    assert vera.post(change(warehouse), SHOP | {"new_secret": "mine"}).status_code == 403
    warehouse.refresh_from_db()
    assert secrets.unseal(warehouse.secret) == "hunter22"


@pytest.mark.parametrize("debug", [False, True])
def test_an_error_while_it_is_stored_shows_it_on_no_page_and_in_no_log(
    dora: Client,
    debug: bool,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not even to a developer, whose error pages show what was posted and every variable."""

    def crash(self: models.Model, *args: object, **kwargs: object) -> None:
        raise RuntimeError("The disk is full.")

    settings.DEBUG = debug
    monkeypatch.setattr(Warehouse, "save_base", crash)
    dora.raise_request_exception = False
    with caplog.at_level(logging.DEBUG):
        response = dora.post(reverse(ADD), SHOP | {"new_secret": KEY})
    page = response.content.decode()
    assert response.status_code == 500
    assert ("The disk is full." in page) is debug
    for line in KEY.splitlines():
        assert line not in page
        assert line not in caplog.text
