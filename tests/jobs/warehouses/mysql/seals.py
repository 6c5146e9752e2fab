"""A MariaDB server of the tests' own, and databases on it: whoever may everything, and a right user beside them."""

import functools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymysql
import pytest
from pymysql.connections import Connection

from accelerator.embedded import folders, identity, spawning
from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.warehouses.mysql import roles
from tests.jobs.warehouses.mysql import certificates

ROWS = 1000
PASSWORD = "reader-reader"
READY_WITHIN = 60.0

# What a crash would lose is thrown away anyway.
SETTINGS = {
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-flush-method": "nosync",
    "innodb-buffer-pool-size": "64M",
    "max-allowed-packet": "128M",
    "bind-address": "127.0.0.1",
}
CUSTOMERS = f"""
CREATE TABLE customers (id int PRIMARY KEY, email varchar(100)) AS
SELECT seq AS id, CONCAT('c', seq, '@example.com') AS email FROM seq_1_to_{ROWS}
"""


class NotInstalled(Exception):
    pass


@dataclass(frozen=True)
class Server:
    """A running server: its socket, its port on this machine, and the certificate that it shows there."""

    socket: Path
    port: int
    certificate: Path


@dataclass(frozen=True)
class Database:
    """A database of the name, in which the user of the same name may read."""

    server: Server
    name: str
    admin: Connection

    def location(self, user: str = "") -> str:
        return f"mysql://{quote(user or self.name)}@/{self.name}?unix_socket={quote(str(self.server.socket))}"

    def warehouse(self, user: str = "", password: str = PASSWORD, location: str = "") -> Warehouse:
        """Not saved."""
        where = location or self.location(user)
        return Warehouse(
            name="seal", kind=Kind.MYSQL, location=where, secret=warehouses.seal_secret(password)
        )

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        return ask(self.admin, statement)

    def sessions(self, *, active: bool = False) -> int:
        """How many the user has at the server, of them those that work."""
        working = "AND COMMAND <> 'Sleep'" if active else ""
        counting = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '{}' {}"
        return int(self.ask(counting.format(self.name, working))[0][0])


def ask(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


@contextmanager
def database(config: pytest.Config, name: str) -> Iterator[Database]:
    """A database of its own with customers, and its reader. Skips where there is no server to be had."""
    try:
        running = server(config)
    except NotInstalled as error:
        pytest.skip(str(error))
    with connect(running) as admin:
        for statement in (f"CREATE DATABASE {name} CHARACTER SET utf8mb4", f"USE {name}", CUSTOMERS):
            ask(admin, statement)
        reader(admin, name)
        yield Database(running, name, admin)
        ask(admin, f"DROP DATABASE {name}")
        ask(admin, f"DROP USER {name}@localhost")


def reader(admin: Connection, name: str) -> None:
    """Make the user as admins are told to."""
    account = f"{name}@localhost"
    for statement in roles.statements_for_a_right_role(name, name, "localhost").split(";\n"):
        if statement.strip():
            ask(admin, statement)
    ask(admin, f"ALTER USER {account} IDENTIFIED BY '{PASSWORD}' ACCOUNT UNLOCK")


def connect(running: Server) -> Connection:
    return pymysql.connect(unix_socket=str(running.socket), user="root", autocommit=True, charset="utf8mb4")


@functools.cache
def server(config: pytest.Config) -> Server:
    """One for the whole run, ended with it. Raises NotInstalled."""
    daemon, install = _program("mariadbd"), _program("mariadb-install-db")
    folder = folders.private(Path(os.environ["DATA_DIR"]).parent / "mariadb")
    data = folders.private(folder / "data")
    who = identity.choose(daemon, data)
    certificate = certificates.make(data.with_name("certificate.pem"))
    running = Server(folders.for_sockets(folder) / "s", _free_port(), certificate)
    with (folder / "log").open("ab") as log:
        _initialise(install, data, who, log)
        process = spawning.spawn(_command(daemon, data, running), output=log, identity=who)
    config.add_cleanup(functools.partial(spawning.stop, process, signal.SIGKILL, 30))
    _wait(running, process, folder / "log")
    return running


def _program(name: str) -> Path:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise NotInstalled("mariadb-server is not installed")
    return Path(found)


def _initialise(install: Path, data: Path, who: str, log: Any) -> None:
    command: list[str | Path] = [
        install,
        "--no-defaults",
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
    ]
    command += ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
    if spawning.spawn(command, output=log, identity=who).wait() != 0:
        raise RuntimeError(f"MariaDB could not make its data folder: {Path(log.name).read_text()}")


def _command(daemon: Path, data: Path, running: Server) -> list[str | Path]:
    command: list[str | Path] = [daemon, "--no-defaults", f"--datadir={data}", f"--socket={running.socket}"]
    command += [f"--port={running.port}", f"--pid-file={data / 'pid'}", f"--tmpdir={data}"]
    command += [f"--ssl-cert={running.certificate}", f"--ssl-key={running.certificate}"]
    return command + [f"--{name}={value}" for name, value in SETTINGS.items()]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(running: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(str(running.socket))
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"MariaDB did not start: {log.read_text()}") from error
            time.sleep(0.05)
        else:
            return
