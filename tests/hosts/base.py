"""What all hosts stand on: PostgreSQL, Valkey, the Cloud's web and beat, and a mail server, by their addresses."""

import contextlib
import os
import secrets
import sys
from functools import partial
from pathlib import Path

import httpx2 as httpx
import redis

from accelerator import protocol
from accelerator.benches.stage import KEPT, Process
from accelerator.embedded import databases, postgres, processes
from accelerator.embedded.binaries import PostgresPrograms
from accelerator.embedded.processes import CLOUD, Command
from accelerator.embedded.up import healthy
from accelerator.embedded.valkey import Valkey
from tests import compose
from tests.contract.caller import Caller
from tests.faults.stores import Store
from tests.hosts.network import BASE, RANGE
from tests.mail import MailReceiver
from tests.services import FIXED

BROKER = 6379
WEB = 8000
# A message takes as long, so that a host is met in the middle of its work.
SLOWNESS = 0.005
# Short waits for who is refused for now; leases are as they are anywhere.
HASTE = {"RETRY_DELAYS": "1s,1s", "HOLD_SECONDS": "1"}


class Postgres(postgres.Postgres):
    """One that the hosts can reach, and nobody else: their network leads nowhere."""

    settings = postgres.SETTINGS | {"listen_addresses": BASE}

    def initialise(self, programs: PostgresPrograms) -> None:
        super().initialise(programs)
        with (self.data / "pg_hba.conf").open("a") as file:
            file.write(f"host all all {RANGE} trust\n")


class Base:
    """Running from the start to `close`. `told`: what every process of the Cloud is told, wherever it runs."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.receiver = MailReceiver(host=BASE, slowness=SLOWNESS)
        self.receiver.start()
        stack.callback(self.receiver.stop)
        self._start_postgres()
        self._start_valkey()
        key = f"hosts:{secrets.token_hex(20)}"
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        fixed = {name: value for name, value in FIXED.items() if name.startswith("CLOUD_")}
        self.told = kept | fixed | HASTE | CLOUD
        self.told |= {
            "CLOUD_DATABASE_URL": f"postgres://{postgres.OWNER}@{BASE}/{databases.CLOUD}",
            "CLOUD_REDIS_URL": f"redis://{BASE}:{BROKER}/1",
            "CLOUD_KEYS": key,
            "CLOUD_ALLOWED_HOSTS": BASE,
            "CLOUD_PUBLIC_URL": f"http://{BASE}:{WEB}",
            "SMTP_URL": self.receiver.url,
            "DATA_DIR": str(folder / "data"),
            "PYTHONUNBUFFERED": "1",
        }
        self.store = Store(self.told["CLOUD_DATABASE_URL"])
        stack.callback(self.store.close)
        client = stack.enter_context(httpx.Client(base_url=f"http://{BASE}:{WEB}", timeout=30))
        self.cloud = Caller(client, protocol.Key.parse(key))
        self._start_cloud()

    def _start_postgres(self) -> None:
        server = Postgres(self.folder, durable=False)
        self.stack.callback(server.stop)
        server.start()

    def _start_valkey(self) -> None:
        server = Valkey(self.folder)
        self.stack.callback(server.stop)
        server.start()
        with redis.Redis.from_url(server.url()) as connection:
            connection.config_set("protected-mode", "no")
            connection.config_set("bind", BASE)
            connection.config_set("port", BROKER)

    def _start_cloud(self) -> None:
        databases.ensure(self.told["CLOUD_DATABASE_URL"])
        [migrate] = [command for command in processes.migrations() if command.env == CLOUD]
        assert self.start(migrate).popen.wait() == 0
        web = self.start(Command("cloud", service("cloud")))
        web.until(partial(healthy, BASE, WEB), "the Cloud answers", 120.0)
        self.start(Command("cloud beat", service("cloud-beat")))

    def start(self, command: Command) -> Process:
        process = Process(command, self.told, self.folder / f"{command.name}.txt")
        self.stack.callback(process.stop)
        return process


def service(name: str) -> list[str]:
    """What a service of compose.yaml runs, by our own programs."""
    program, *words = compose.command(compose.services()[name])
    return [str(Path(sys.executable).with_name(program)), *words]
