"""The real parts that tests stand on: PostgreSQL, Valkey, and a mail server that plays the outside world.

Loaded by `-p tests.services` (pyproject.toml) before pytest-django reads the settings, which find here what
they need. With DATABASE_URL or REDIS_URL in the environment those servers are used instead of our own.
Under pytest-xdist one PostgreSQL serves all, with a database a worker; each worker has its own Valkey.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from accelerator.embedded import databases, folders
from accelerator.embedded.postgres import Postgres
from accelerator.embedded.valkey import Valkey
from tests.mail import MailReceiver

# Set whatever the environment or a developer's .env says: tests are the same everywhere.
FIXED = {
    "DEBUG": "false",
    "SECRET_KEY": "only-for-tests-" + "k" * 40,
    "CLOUD_SECRET_KEY": "only-for-tests-" + "c" * 40,
    "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
    "CLOUD_ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
    "CSRF_TRUSTED_ORIGINS": "",
    "PUBLIC_URL": "http://localhost:8000",
    "CLOUD_URL": "http://localhost:8001",
    "CLOUD_PUBLIC_URL": "http://localhost:8001",
    "CLOUD_KEY": "tests:" + "s" * 40,
    "CLOUD_KEYS": "tests:" + "s" * 40,
    "SMTP_URL": "smtp://localhost:1",
    "EMAIL_URL": "smtp://localhost:1",
    "MAIL_SERVICES": "",
    "SUPPORT_EMAIL": "support@example.com",
    "NOTICES_FROM": "accelerator@example.com",
    "COLLECTING_WINDOW": "30d",
    "TIME_ZONE": "UTC",
    "BEHIND_PROXY": "false",
    "LOG_FORMAT": "console",
    "LOG_LEVEL": "INFO",
    "METRICS_TOKEN": "",
}
REPOSITORY = Path(__file__).parents[1]
# A run that was killed cannot clean up; the next one does, once nobody holds the lock.
ABANDONED_AFTER = 60.0


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Before anything else: pytest-django's own hook reads the settings."""
    if not early_config.known_args_namespace.help and not early_config.known_args_namespace.version:
        stack = contextlib.ExitStack()
        early_config.add_cleanup(stack.close)
        os.environ.update(FIXED)
        start(stack)
    return (yield)


def start(stack: contextlib.ExitStack) -> None:
    """Start what is missing and say in the environment where it is."""
    folder = temporary_folder(stack)
    os.environ["DATA_DIR"] = str(folder / "data")
    (folder / "data").mkdir()
    if "PYTEST_XDIST_WORKER" not in os.environ:
        start_postgres(stack, folder)
    if "REDIS_URL" not in os.environ or os.environ.get("TESTS_OWN_VALKEY"):
        os.environ["TESTS_OWN_VALKEY"] = "1"
        valkey = Valkey(folder)
        valkey.start()
        stack.callback(valkey.stop)
        os.environ["REDIS_URL"] = os.environ["CLOUD_REDIS_URL"] = valkey.url()
    os.environ.setdefault("CLOUD_REDIS_URL", os.environ["REDIS_URL"])


def start_postgres(stack: contextlib.ExitStack, folder: Path) -> None:
    if "DATABASE_URL" in os.environ:
        url = os.environ["DATABASE_URL"]
        os.environ.setdefault("CLOUD_DATABASE_URL", databases.beside(url, databases.CLOUD))
        return
    postgres = Postgres(folder, durable=False)
    postgres.start()
    stack.callback(postgres.stop)
    os.environ["DATABASE_URL"] = postgres.url(databases.DASHBOARD)
    os.environ["CLOUD_DATABASE_URL"] = postgres.url(databases.CLOUD)


def temporary_folder(stack: contextlib.ExitStack) -> Path:
    shelf = Path(tempfile.gettempdir()) / f"accelerator-tests-{os.geteuid()}"
    shelf.mkdir(mode=0o700, exist_ok=True)
    sweep(shelf)
    folder = Path(tempfile.mkdtemp(dir=shelf, prefix=""))
    lock = folders.lock(folder / "lock", wait=0, refusal=f"{folder} is in use")
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    stack.callback(os.close, lock)
    return folder


def sweep(shelf: Path) -> None:
    for folder in shelf.iterdir():
        with contextlib.suppress(OSError, folders.Locked):
            if time.time() - folder.stat().st_mtime < ABANDONED_AFTER:
                continue
            os.close(folders.lock(folder / "lock", wait=0, refusal="still in use"))
            shutil.rmtree(folder)


@pytest.fixture(scope="session")
def empty_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database as it is before the first mailing: sooner copied than migrated once more."""
    with database_beside() as url:
        environment = {
            "DJANGO_SETTINGS_MODULE": "accelerator.cloud.settings",
            "CLOUD_DATABASE_URL": url,
            "MARKS": str(tmp_path_factory.mktemp("marks")),
        }
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity=0"],
            cwd=REPOSITORY,
            env=os.environ | environment,
            check=True,
        )
        yield databases.name_of(url)


@contextlib.contextmanager
def database_beside(template: str = "template1") -> Iterator[str]:
    """A copy of the template, for a Cloud; gone in the end, whoever is still connected."""
    url = databases.beside(os.environ["CLOUD_DATABASE_URL"], uuid.uuid4().hex)
    name = sql.Identifier(databases.name_of(url))
    maintenance = urlunsplit(urlsplit(url)._replace(path="/postgres"))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, sql.Identifier(template)))
    yield url
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


@pytest.fixture
def mail_receiver() -> Iterator[MailReceiver]:
    """A mail server on a free port; what it does depends on the local part, see `tests.mail`."""
    receiver = MailReceiver()
    receiver.start()
    yield receiver
    receiver.stop()
