"""A program of Python, forked from a process that has the libraries at hand; what it imports of ours is its own.

To import them takes a second of CPU, four fifths of the start of a Cloud's worker.
"""

import atexit
import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.services import REPOSITORY

# None of ours, which look at the environment; nor numpy and Arrow, which start threads.
LIBRARIES = [
    "celery.apps.worker",
    "celery.beat",
    "celery.bin.celery",
    "celery.concurrency.solo",
    "django.contrib.auth",
    "django.core.management",
    "django.db.models",
    "django.forms",
    "django.urls",
    "kombu.transport.redis",
    "psycopg",
    "psycopg_pool",
    "pydantic",
    "structlog",
    "structlog.dev",
]
_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(LIBRARIES)


def start(command: Sequence[str], environment: Mapping[str, str], log: Path) -> ForkServerProcess:
    """What `python -m command` does in this environment, and in no other; what it says goes to the log."""
    process = _forking.Process(target=_run, args=(list(command), dict(environment), log), daemon=True)
    process.start()
    return process


def stop(process: ForkServerProcess, within: float) -> None:
    """SIGTERM, and it has ended within so many seconds."""
    process.terminate()
    process.join(within)
    assert process.exitcode is not None, "it does not end"
    process.close()


def _run(command: list[str], environment: dict[str, str], log: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(REPOSITORY)
    with log.open("wb") as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())
    sys.argv = command
    try:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # multiprocessing leaves them out
