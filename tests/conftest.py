"""Which tests belong to which settings, and what is simpler under test than in production."""

import gc
import itertools
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test import TransactionTestCase
from pytest_django.fixtures import Settings

CLOUD_SETTINGS = "accelerator.cloud.settings"
TESTS = Path(__file__).parent
CLOUD_TESTS = TESTS / "accelerator" / "cloud"

# New objects between two looks for garbage: with Python's 700 these take a twentieth of a test's time, so half of it.
YOUNG = 10_000


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The Cloud has its own settings, so a run of its own: `pytest --ds=accelerator.cloud.settings`."""
    inside = collection_path.is_relative_to(CLOUD_TESTS)
    above = CLOUD_TESTS.is_relative_to(collection_path)
    if os.environ.get("DJANGO_SETTINGS_MODULE") == CLOUD_SETTINGS:
        return None if inside or above else True
    return True if inside else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests and what they import stay until the end: nobody looks through them for garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG)


@pytest.fixture(scope="session")
def marks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names for folders, of which hardly any is ever made: `tmp_path` makes one for each test."""
    folder = tmp_path_factory.mktemp("marks")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def _own_mark(settings: Settings, monkeypatch: pytest.MonkeyPatch, marks: Iterator[Path]) -> None:
    """Each test's database begins anew, and so does the high-water mark beside it (`accelerator.marks`)."""
    settings.MARKS = next(marks)
    monkeypatch.setenv("MARKS", str(settings.MARKS))
    settings.HITS = settings.MARKS / "hits"


# What a migrated database begins with. Foreign keys are looked at when all is done (Django defers them).
GIVEN = ("django_migrations", "django_content_type", "auth_permission")
EMPTY = """
DO $$
DECLARE place regclass; filled boolean;
BEGIN
    FOR place IN
        SELECT oid FROM pg_class
        WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname <> ALL (ARRAY{given})
    LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || place || ')' INTO filled;
        IF filled THEN EXECUTE 'DELETE FROM ' || place; END IF;
    END LOOP;
END $$;
"""


def _leave_nothing(_: TransactionTestCase) -> None:
    """Few rows are sooner deleted than forty tables truncated, and permissions need not be made again."""
    with connection.cursor() as cursor:
        cursor.execute(EMPTY.format(given=list(GIVEN)))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Static files straight from their folders, no manifest to build; a password hash that takes no time."""
    from django.conf import settings

    TransactionTestCase._fixture_teardown = _leave_nothing  # type: ignore[attr-defined]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if "staticfiles" in settings.STORAGES:
        plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
        settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = True


def pytest_unconfigure() -> None:
    """What nobody needs any more is garbage again, and who leaks is told."""
    gc.unfreeze()
