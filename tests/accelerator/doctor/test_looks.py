"""What the doctor finds at parts that are well, dead, or not what they should be."""

from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from pytest_django.fixtures import Settings

from accelerator.doctor import (
    Verdict,
    broker,
    database,
    mail,
    static,
    storage,
    warehouses,
    working,
)
from accelerator.doctor import (
    cloud as cloud_look,
)
from accelerator.doctor import (
    settings as settings_look,
)
from accelerator.protocol import CloudHealth, HealthPart
from jobs import health
from jobs.client import CloudClient
from jobs.models import Kind, Warehouse
from tests.accelerator.doctor.conftest import by_name
from tests.mail import MailReceiver

OK, ATTENTION, BROKEN = Verdict.OK, Verdict.ATTENTION, Verdict.BROKEN

# Threads look for themselves, so what they look at is committed.
pytestmark = pytest.mark.django_db(transaction=True)


# --- settings --------------------------------------------------------------------------------------------


def test_settings_that_are_as_they_should_be() -> None:
    assert {finding.verdict for finding in settings_look.look()} == {OK}


@pytest.mark.parametrize(
    ("name", "value", "verdict", "says"),
    [
        ("SECRET_KEY", "", BROKEN, "nobody can log in"),
        ("SECRET_KEY", "short", ATTENTION, "short"),
        ("DEBUG", True, ATTENTION, "DEBUG=false"),
        ("PUBLIC_URL", "http://localhost", OK, "http://localhost"),
        ("PUBLIC_URL", "accelerator.example.com", BROKEN, "no http"),
        ("PUBLIC_URL", "https://elsewhere.example.com", BROKEN, "ALLOWED_HOSTS"),
        ("PUBLIC_URL", "http://testserver", ATTENTION, "in the clear"),
        ("PUBLIC_URL", "https://testserver", OK, "https://testserver"),
        ("CLOUD_KEY", "", BROKEN, "not set"),
        ("CLOUD_KEY", "no-colon", BROKEN, "id:secret"),
    ],
)
def test_settings_that_are_not(
    settings: Settings, name: str, value: object, verdict: Verdict, says: str
) -> None:
    setattr(settings, name, value)
    found = [finding for finding in settings_look.look() if says in finding.sentence]
    assert [finding.verdict for finding in found] == [verdict]


# --- database, broker, workers ---------------------------------------------------------------------------


def test_a_database_that_is_well() -> None:
    found = by_name(database.look())
    assert {name: finding.verdict for name, finding in found.items()} == {
        "database": OK,
        "database clock": OK,
        "migrations": OK,
    }


def test_a_migration_that_is_not_applied_is_named() -> None:
    [(app, latest)] = MigrationLoader(connection).graph.leaf_nodes("jobs")
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied(app, latest)
    try:
        migrations = by_name(database.look())["migrations"]
    finally:
        recorder.record_applied(app, latest)
    assert migrations.verdict is BROKEN
    assert f"jobs.{latest}" in migrations.sentence
    assert "manage.py migrate" in migrations.sentence


def test_a_broker_that_is_well() -> None:
    found = by_name(broker.look())
    assert {name: finding.verdict for name, finding in found.items()} == {"broker": OK, "queues": OK}
    for queue in ("control", "jobs", "extracting"):
        assert queue in found["queues"].sentence


@pytest.mark.parametrize("url", ["redis://user:open-sesame@127.0.0.1:1/0", "nonsense://"])
def test_a_broker_that_is_away_or_no_broker_at_all(settings: Settings, url: str) -> None:
    settings.REDIS_URL = url
    [found] = broker.look()
    assert (found.name, found.verdict) == ("broker", BROKEN)
    assert "REDIS_URL" in found.sentence


def test_workers_and_the_sweep_by_what_they_leave() -> None:
    missing = by_name(working.look())
    assert missing["worker control"].verdict is BROKEN
    assert missing["sweep"].verdict is BROKEN
    health.beat("worker here", "control jobs extracting")
    health.swept()
    found = by_name(working.look())
    assert {finding.verdict for finding in found.values()} == {OK}


# --- Cloud -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("cloud")
def test_a_cloud_that_answers_and_how_it_says_it_is() -> None:
    found = by_name(cloud_look.look())
    assert found["cloud"].verdict is OK
    assert found["cloud clock"].verdict is OK
    assert "cloud: database" in found


@pytest.mark.usefixtures("no_cloud")
def test_a_cloud_that_is_away() -> None:
    [found] = cloud_look.look()
    assert found.verdict is BROKEN
    assert "http://127.0.0.1:1 can't be reached" in found.sentence
    assert "CLOUD_URL" in found.sentence


def test_a_cloud_that_does_not_know_our_key(cloud: CloudClient, settings: Settings) -> None:
    settings.CLOUD_KEY = "stranger:open-sesame"
    [found] = cloud_look.look()
    assert found.verdict is BROKEN
    assert "answers, but not to us" in found.sentence
    assert "CLOUD_KEYS" in found.sentence


def test_without_a_key_it_is_not_asked(settings: Settings) -> None:
    settings.CLOUD_KEY = ""
    [found] = cloud_look.look()
    assert found.verdict is BROKEN


def test_a_cloud_whose_clock_is_off_needs_attention() -> None:
    part = HealthPart(name="sweep", ok=False, sentence="Away.")
    answer = CloudHealth(time=1_400, parts=[part])
    found = by_name(cloud_look._answered(answer, 1_000.0))
    assert found["cloud clock"].verdict is ATTENTION
    assert "400 s ahead of" in found["cloud clock"].sentence
    assert found["cloud: sweep"].verdict is BROKEN


# --- mail ------------------------------------------------------------------------------------------------


def mail_at(settings: Settings, port: int, **more: object) -> None:
    fields: dict[str, object] = {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": port,
    }
    for name, value in (fields | more).items():
        setattr(settings, name, value)


def test_a_mail_server_that_answers_is_sent_nothing(settings: Settings, mail_receiver: MailReceiver) -> None:
    mail_at(settings, mail_receiver.port)
    [found] = mail.look()
    assert found.verdict is OK
    assert mail_receiver.connections == 1
    assert mail_receiver.messages == []


def test_a_mail_server_that_is_away(settings: Settings) -> None:
    mail_at(settings, 1)
    [found] = mail.look()
    assert found.verdict is BROKEN
    assert "127.0.0.1:1 can't be reached" in found.sentence


@pytest.mark.parametrize(
    "wanted", [{"EMAIL_USE_TLS": True}, {"EMAIL_HOST_USER": "ann", "EMAIL_HOST_PASSWORD": "x"}]
)
def test_a_mail_server_that_lacks_what_is_configured(
    settings: Settings, mail_receiver: MailReceiver, wanted: dict[str, object]
) -> None:
    mail_at(settings, mail_receiver.port, **wanted)
    [found] = mail.look()
    assert found.verdict is BROKEN
    assert "lacks what EMAIL_URL asks for" in found.sentence


def test_what_speaks_no_smtp_is_no_mail_server(settings: Settings, mail_receiver: MailReceiver) -> None:
    mail_at(settings, mail_receiver.port, EMAIL_USE_SSL=True)
    [found] = mail.look()
    assert found.verdict is BROKEN
    assert "TLS" in found.sentence


def test_mails_that_go_nowhere_need_attention(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    [found] = mail.look()
    assert found.verdict is ATTENTION


# --- warehouses, storage, static files -------------------------------------------------------------------


def test_each_warehouse_is_asked(warehouse: Warehouse) -> None:
    Warehouse.objects.create(name="Gone", kind=Kind.DUCKDB, location="/nowhere/gone.duckdb")
    found = by_name(warehouses.look())
    assert found[f"warehouse: {warehouse.name}"].verdict is OK
    assert found["warehouse: Gone"].verdict is BROKEN
    assert "gone.duckdb does not exist. Nothing can be launched from it" in found["warehouse: Gone"].sentence


def test_the_password_of_a_warehouse_is_not_said() -> None:
    location = "postgresql://reader:open-sesame@127.0.0.1:1/shop"
    Warehouse.objects.create(name="Shop", kind=Kind.POSTGRESQL, location=location)
    [found] = warehouses.look()
    assert found.verdict is BROKEN
    assert "open-sesame" not in found.sentence


def test_a_secret_that_is_not_for_warehouses_is_named() -> None:
    Warehouse.objects.create(
        name="Shop", kind=Kind.POSTGRESQL, location="postgresql://me@shop/db", secret="env:SECRET_KEY"
    )
    [found] = warehouses.look()
    assert found.verdict is BROKEN
    assert "variable SECRET_KEY is not for Warehouses: the names of those begin with" in found.sentence


def test_without_a_warehouse_somebody_should_enter_one() -> None:
    [found] = warehouses.look()
    assert found.verdict is ATTENTION


def test_storage_that_is_well_is_left_as_it_was(tmp_path: Path) -> None:
    found = by_name(storage.look())
    assert found["spool"].verdict is OK
    assert "disk" in found
    assert list((tmp_path / "spool").iterdir()) == []


def test_storage_that_can_t_be_written(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    spool = settings.STORAGES["spool"] | {"OPTIONS": {"location": str(tmp_path / "file")}}
    settings.STORAGES = settings.STORAGES | {"spool": spool}
    assert by_name(storage.look())["spool"].verdict is BROKEN


@pytest.fixture
def manifest(settings: Settings, tmp_path: Path) -> Path:
    """Static files as they are served in production."""
    backend = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": backend}
    settings.STATIC_ROOT = str(tmp_path / "static")
    return tmp_path / "static"


def test_static_files_that_were_never_collected(manifest: Path) -> None:
    [found] = static.look()
    assert found.verdict is BROKEN
    assert "collectstatic" in found.sentence


def test_static_files_that_the_checkout_has_more_of(manifest: Path) -> None:
    manifest.mkdir()
    (manifest / "staticfiles.json").write_text(
        '{"paths": {"css/gone.css": "css/gone.1.css"}, "version": "1.1", "hash": ""}'
    )
    [found] = static.look()
    assert found.verdict is ATTENTION
    assert "are not collected" in found.sentence
