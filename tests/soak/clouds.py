"""A Cloud with its senders, as a supervisor keeps it: whatever died is started again."""

import contextlib
import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx2
import psycopg

from accelerator import protocol
from accelerator.benches.stage import Process, Stage
from accelerator.embedded import databases, processes
from accelerator.embedded.processes import CLOUD, Command
from accelerator.embedded.up import healthy
from tests.contract.caller import Caller
from tests.faults import staff
from tests.faults.evidence import Death
from tests.soak.people import RETRIES
from tests.soak.sent import Sent

APP = "accelerator.cloud.celery"
SETTINGS = {
    "RETRY_DELAYS": ",".join(["1s"] * RETRIES),
    "HOLD_SECONDS": "0.3",
}


@dataclass
class Worker:
    """A Celery worker with so many senders, and the mail server that they talk to."""

    smtp_url: str
    senders: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Cloud:
    """It runs; `tick` keeps its workers running. `sent` are all its mailings, `deaths` those of senders."""

    stage: Stage
    caller: Caller
    database: psycopg.Connection
    lasting: list[Process] = field(default_factory=list)
    workers: list[Process] = field(default_factory=list)
    environments: list[Mapping[str, str]] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)

    def submit(self, sent: Sent) -> None:
        """From now on it is sent."""
        self.sent.append(sent)
        sent.submit(self.caller)

    def tick(self) -> None:
        """Start again what died."""
        for process in self.lasting:
            assert process.popen.poll() is None, f"{process.command.name} ended: {process.last_words}"
        for number, process in enumerate(self.workers):
            if process.popen.poll() is not None:
                process.stop()  # what it forked goes with it
                self.workers[number] = self.stage.start(process.command, self.environments[number])

    def senders(self) -> list[tuple[int, Process]]:
        """The processes that send, each with the worker whose it is."""
        return [
            (pid, worker)
            for worker in self.workers
            if worker.popen.poll() is None
            for pid in staff.children(worker.popen.pid)
            if not staff.dead(pid)
        ]

    def kill_sender(self, pid: int) -> bool:
        """Whether it was there: it dies, and leaves what stood in its window."""
        if staff.dead(pid) or not staff.send(pid, signal.SIGKILL):
            return False
        self._died(pid)
        return True

    def kill_worker(self, worker: Process) -> bool:
        """A worker; whether it had senders. The kernel kills them with it, which Celery has asked for."""
        worker.popen.send_signal(signal.SIGSTOP)  # it forks no more: these are all
        senders = [pid for pid in staff.children(worker.popen.pid) if not staff.dead(pid)]
        worker.popen.kill()
        worker.popen.wait()
        for pid in senders:
            self._died(pid)
        return bool(senders)

    def _died(self, pid: int) -> None:
        self.deaths.append(Death(datetime.now(UTC), f"sender {pid}", windows=1))

    def verdict(self, seen: list[str], say: Callable[[str], object]) -> list[str]:
        """The violations as they are; where there are some, what the processes said outlasts the stage."""
        if seen:
            say(f"What the processes said: {self.keep_logs()}")
        return seen

    def keep_logs(self) -> Path:
        shelf = Path(tempfile.mkdtemp(prefix="soak-"))
        for log in self.stage.folder.glob("*.txt"):
            shutil.copy(log, shelf)
        return shelf


@contextlib.contextmanager
def running(stage: Stage, workers: Sequence[Worker], database: str = "", **settings: str) -> Iterator[Cloud]:
    """A Cloud on a stage. Without a `database`, which is migrated, it has a PostgreSQL of its own."""
    key = f"soak:{secrets.token_urlsafe(32)}"
    env = stage.environment(
        CLOUD_DATABASE_URL=database or stage.postgres().url(databases.CLOUD),
        CLOUD_REDIS_URL=stage.valkey().url(),
        CLOUD_SECRET_KEY=secrets.token_urlsafe(50),
        CLOUD_KEYS=key,
        **(SETTINGS | settings),
    )
    if not database:
        databases.ensure(env["CLOUD_DATABASE_URL"])
        [migrate] = [command for command in processes.migrations() if command.env == CLOUD]
        stage.finish(migrate, env)
    web = processes.granian(
        "cloud", "accelerator.cloud.wsgi:application", "127.0.0.1", stage.ports.cloud, CLOUD
    )
    with (
        httpx2.Client(base_url=env["CLOUD_URL"], timeout=60, trust_env=False) as client,
        psycopg.connect(env["CLOUD_DATABASE_URL"], autocommit=True) as connection,
    ):
        cloud = Cloud(stage, Caller(client, protocol.Key.parse(key)), connection)
        for number, worker in enumerate(workers):
            cloud.environments.append({**env, "SMTP_URL": worker.smtp_url, **worker.settings})
            cloud.workers.append(stage.start(_command(number, worker.senders), cloud.environments[-1]))
        cloud.lasting = [stage.start(web, env), stage.start(processes.celery_beat("beat", APP, CLOUD), env)]
        cloud.lasting[0].until(partial(healthy, "127.0.0.1", stage.ports.cloud), "the Cloud answers", 120.0)
        try:
            yield cloud
        except Exception as error:
            error.add_note(f"What the processes said: {cloud.keep_logs()}")
            raise
        finally:
            for process in cloud.workers:
                process.popen.kill()  # whatever is to be seen was seen


def _command(number: int, senders: int) -> Command:
    return processes.celery_worker(f"worker {number}", APP, "sending", CLOUD, concurrency=senders)
