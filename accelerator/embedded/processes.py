"""Our own processes: what runs, with which settings, and how long each may take to end."""

import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from accelerator.embedded import CannotStart
from accelerator.embedded.ports import Ports

DASHBOARD = {"DJANGO_SETTINGS_MODULE": "accelerator.settings"}
CLOUD = {"DJANGO_SETTINGS_MODULE": "accelerator.cloud.settings"}
PYTHON = [sys.executable, "-X", "utf8"]


class UselessMinutes(CannotStart):
    pass


@dataclass(frozen=True)
class Command:
    """A program and its name in the log. `worker`: it drains, and ends before those it talks to.

    `grace`: seconds to end by itself, after which it is ended.
    """

    name: str
    arguments: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    worker: bool = False
    grace: float = 10.0


# Whoever opens or clicks waits for a commit that many share.
CLOUD_THREADS = 64


def granian(
    name: str, target: str, host: str, port: int, env: Mapping[str, str], *, threads: int = 4
) -> Command:
    """A web server; `threads`: requests that are answered at once."""
    options = ["--interface", "wsgi", "--host", host, "--port", str(port), "--no-ws", "--workers", "1"]
    options += ["--blocking-threads", str(threads), "--respawn-failed-workers", "--workers-kill-timeout", "8"]
    options += ["--log-level", "warning"]
    return Command(name, [*PYTHON, "-m", "granian", *options, target], env)


def celery_worker(name: str, app: str, queues: str, env: Mapping[str, str], concurrency: int = 2) -> Command:
    options = ["--loglevel", "INFO", "--hostname", f"{name.replace(' ', '-')}@%h", "--queues", queues]
    options += [
        "--concurrency",
        str(concurrency),
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]
    # On one's own machine root is nothing to warn about: messages are JSON.
    python = [*PYTHON, "-W", "ignore:You're running the worker with superuser"]
    arguments = [*python, "-m", "celery", "--quiet", "-A", app, "worker", *options]
    return Command(name, arguments, env, worker=True, grace=45.0)


def celery_beat(name: str, app: str, env: Mapping[str, str]) -> Command:
    arguments = [*PYTHON, "-m", "celery", "--quiet", "-A", app, "beat", "--loglevel", "WARNING"]
    return Command(name, arguments, env, worker=True)


def manage(name: str, *arguments: str, env: Mapping[str, str]) -> Command:
    """A command that runs once and must succeed."""
    return Command(name, [*PYTHON, "manage.py", *arguments], env)


def receiver(ports: Ports, folder: Path) -> Command:
    options = ["--smtp-port", str(ports.smtp), "--http-port", str(ports.inbox), "--folder", str(folder)]
    if minutes := os.environ.get("ENGAGEMENT_MINUTES"):
        options += ["--engagement-minutes", str(engagement(minutes))]
    return Command("receiver", [*PYTHON, "-m", "accelerator.demo.receiver", *options])


def engagement(text: str) -> float:
    """From ENGAGEMENT_MINUTES as a person wrote it."""
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 <= minutes < math.inf:
        raise UselessMinutes(
            f'ENGAGEMENT_MINUTES is "{text}"; it must be a number of minutes, for example 10, 0.5, or 0 for nobody.'
        )
    return minutes


def migrations() -> list[Command]:
    return [
        manage("migrate", "migrate", "--no-input", "--verbosity", "0", env=DASHBOARD),
        manage("cloud migrate", "migrate", "--no-input", "--verbosity", "0", env=CLOUD),
    ]


def restorations() -> list[Command]:
    return [manage("restored", "restored", env=DASHBOARD), manage("cloud restored", "restored", env=CLOUD)]


def static_files() -> list[Command]:
    return [manage("static", "collectstatic", "--no-input", "--verbosity", "0", env=DASHBOARD)]


def demo() -> Command:
    return manage("demo", "seed_demo", env=DASHBOARD)


def lasting(host: str, ports: Ports, data: Path) -> list[Command]:
    """What runs until the end, beats excepted, in the order in which it starts."""
    dashboard, cloud = "accelerator.celery", "accelerator.cloud.celery"
    return [
        receiver(ports, data / "receiver"),
        granian(
            "cloud",
            "accelerator.cloud.wsgi:application",
            "127.0.0.1",
            ports.cloud,
            CLOUD,
            threads=CLOUD_THREADS,
        ),
        granian("web", "accelerator.wsgi:application", host, ports.web, DASHBOARD),
        # Slow audiences and long transfers wait among themselves: a Pause never stands behind one.
        celery_worker("asks", dashboard, "control", DASHBOARD),
        celery_worker("worker", dashboard, "jobs", DASHBOARD),
        celery_worker("extractor", dashboard, "extracting", DASHBOARD),
        celery_worker("cloud worker 1", cloud, "sending", CLOUD),
        celery_worker("cloud worker 2", cloud, "sending", CLOUD),
        *inbound(),
    ]


def inbound() -> list[Command]:
    """Who hears mails that came back, if it is said where."""
    return [manage("inbound", "inbound", env=CLOUD)] if os.environ.get("INBOUND_URL") else []


def beats() -> list[Command]:
    """Started when all others answer: they need a processor for seconds, and nobody waits for them."""
    return [
        celery_beat("cloud beat", "accelerator.cloud.celery", CLOUD),
        celery_beat("beat", "accelerator.celery", DASHBOARD),
    ]
