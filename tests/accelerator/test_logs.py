"""Lines of the log: one shape, what they are about, and no address, whoever logs and whatever went wrong."""

import io
import json
import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client
from structlog.contextvars import bound_contextvars, clear_contextvars

from accelerator import logs
from jobs.models import Job
from tests.accelerator.waiting import until
from tests.jobs import cast

REPOSITORY = Path(__file__).parents[2]
SECRET = "ann@example.com"

Line = dict[str, Any]


class Captured:
    """What a handler with our format wrote."""

    def __init__(self, form: str) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(logs.formatter(form))

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def lines(self) -> list[Line]:
        return [json.loads(line) for line in self.text.splitlines()]


def captured(form: str) -> Iterator[Captured]:
    clear_contextvars()
    kept = Captured(form)
    logging.getLogger().addHandler(kept.handler)
    yield kept
    logging.getLogger().removeHandler(kept.handler)
    clear_contextvars()


@pytest.fixture
def as_json() -> Iterator[Captured]:
    yield from captured("json")


@pytest.fixture
def on_console() -> Iterator[Captured]:
    yield from captured("console")


# --- addresses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "mail to ann@example.com failed",
        "<Ann.Smith+shop@mail.example.co.uk>, 5.1.1",
        "o'brien@example.ie",
        '"john doe"@example.com',
        "ünü@bücher.example",
        "/x?who=ann%40example.com&y=1",
        "{'to': 'ann@example.com'}",
        "b'ann@example.com'",
        "ann@[192.0.2.1]",
        "ann@localhost",
        "bounces+ann=example.com@shop.example",
        "redis://user:password@cache.example:6379/0",
    ],
)
def test_what_looks_like_an_address_is_taken_out(text: str) -> None:
    clean = str(logs.redact(text))
    assert "[address]" in clean
    for part in ("ann", "Ann", "brien", "john", "ünü", "@", "%40", "password"):
        assert part not in clean, clean


@pytest.mark.parametrize("text", ["celery@host ready", "    @app.task", "12 @ 5.00", "", "a b"])
def test_what_is_none_stays(text: str) -> None:
    assert logs.redact(text) == text


def test_addresses_inside_of_things_are_taken_out_too() -> None:
    value = {SECRET: [SECRET, (1, None, True, 2.5)], "error": ValueError(SECRET), "path": Path("/x")}
    assert logs.redact(value) == {
        "[address]": ["[address]", [1, None, True, 2.5]],
        "error": "[address]",
        "path": "/x",
    }


def test_a_long_text_does_not_take_long() -> None:
    assert logs.redact("a" * 200_000 + "@") == "a" * 200_000 + "@"


# --- lines ----------------------------------------------------------------------------------------------


def test_a_line_of_json_has_what_one_looks_for(as_json: Captured) -> None:
    with bound_contextvars(job="j1"):
        logging.getLogger("jobs.steps").warning("%s is late by %d s", SECRET, 3)
    (line,) = as_json.lines()
    stamp = line.pop("timestamp")
    assert stamp.endswith("Z")
    assert len(stamp) == len("2026-11-24T10:31:08.123Z")
    assert line == {
        "level": "warning",
        "logger": "jobs.steps",
        "event": "[address] is late by 3 s",
        "job": "j1",
    }


def test_a_line_for_people_is_one_line(on_console: Captured) -> None:
    with bound_contextvars(job="j1", user=7):
        logging.getLogger("jobs.steps").warning("late by %d s", 3)
    (line,) = on_console.text.splitlines()
    assert line.endswith("WARNING jobs.steps late by 3 s [job=j1 user=7]")
    logging.getLogger("jobs.steps").warning("done")
    assert on_console.text.endswith("WARNING jobs.steps done\n")


@pytest.mark.parametrize("form", ["json", "console"])
def test_the_text_of_an_exception_has_no_address(form: str) -> None:
    for kept in captured(form):
        try:
            try:
                raise KeyError(SECRET)
            except KeyError as error:
                raise ValueError(f"no {SECRET}") from error
        except ValueError:
            logging.getLogger("jobs").exception("failed for %s", SECRET)
        assert SECRET not in kept.text
        assert "ValueError: no [address]" in kept.text
        assert "KeyError" in kept.text


def test_neither_a_text_nor_an_exception_writes_lines_of_its_own(on_console: Captured) -> None:
    forged = "x\n2026-11-24 10:31:08,123 ERROR jobs forged\r\x1b[2K\x85\u2028"
    with bound_contextvars(task=forged):
        try:
            raise ValueError(forged)
        except ValueError:
            logging.getLogger("jobs").exception("failed for %s", forged)
    line, *below = on_console.text.removesuffix("\n").splitlines()
    assert r"failed for x\n2026-11-24 10:31:08,123 ERROR jobs forged\r\x1b[2K\x85\u2028 [task=x\n2026" in line
    assert below[0] == "  Traceback (most recent call last):"
    assert all(one.startswith("  ") for one in below)
    assert "\x1b" not in on_console.text


def test_a_letter_that_cannot_be_written_loses_no_line(tmp_path: Path) -> None:
    file = tmp_path / "log"
    handler = logging.FileHandler(file, encoding="utf-8")
    for form in ("json", "console"):
        handler.setFormatter(logs.formatter(form))
        handler.handle(
            logging.LogRecord("jobs", logging.INFO, __file__, 1, "broken \udc80 letter", None, None)
        )
    handler.close()
    assert len(file.read_text().splitlines()) == 2


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_line_that_cannot_be_made_is_told_without_what_was_in_it(form: str) -> None:
    stream = io.StringIO()
    handler = logs.Handler(stream)
    handler.setFormatter(logs.formatter(form))
    handler.handle(logging.LogRecord("jobs", logging.INFO, "steps.py", 7, "%d recipients", (SECRET,), None))
    assert "a line is missing: what is logged at steps.py:7 makes none (TypeError)" in stream.getvalue()
    assert SECRET not in stream.getvalue()
    stream.close()
    handler.handle(logging.LogRecord("jobs", logging.INFO, "steps.py", 7, "to a closed stream", None, None))


def test_a_format_that_does_not_exist_is_refused_at_the_start() -> None:
    with pytest.raises(ImproperlyConfigured, match="console or json"):
        logs.config("xml", "INFO")


def test_everybody_logs_in_this_format() -> None:
    for name in ("django", "django.request", "celery.worker", "celery.app.trace", "celery.beat", "jobs"):
        logger = logging.getLogger(name)
        while logger.propagate and logger.parent:
            assert [type(one) for one in logger.handlers if type(one) is not logging.NullHandler] == []
            logger = logger.parent
        assert logger is logging.getLogger()
    # It would log every request with its query.
    assert logging.getLogger("httpx2").getEffectiveLevel() == logging.WARNING
    loggers: Any = settings.LOGGING["loggers"]
    assert loggers["_granian"]["handlers"] == loggers["multiprocessing"]["handlers"] == ["console"]


# --- requests -------------------------------------------------------------------------------------------


@pytest.fixture
def alice(db: None) -> User:
    return cast.person("alice", cast.account())


@pytest.fixture
def job(alice: User, tmp_path: Path) -> Job:
    return cast.job(cast.customers(tmp_path / "warehouse.duckdb", []), alice)


@pytest.fixture
def alice_browses(alice: User, client: Client) -> Client:
    client.force_login(alice)
    client.raise_request_exception = False
    return client


@pytest.mark.django_db
def test_a_request_is_named_in_its_answer_and_in_its_lines(
    as_json: Captured, alice: User, alice_browses: Client
) -> None:
    job = uuid.uuid4()
    response = alice_browses.get(f"/jobs/{job}/?q={SECRET}")
    assert response.status_code == 404
    (line,) = as_json.lines()
    assert line["request_id"] == response["X-Request-ID"]
    assert (line["user"], line["job"]) == (alice.pk, str(job))
    assert line["event"] == f"Not Found: /jobs/{job}/"
    assert alice.username not in as_json.text
    assert "q=" not in as_json.text


@pytest.mark.django_db
def test_an_error_of_ours_is_found_by_its_request_and_tells_no_address(
    as_json: Captured, alice_browses: Client, job: Job
) -> None:
    Job.objects.update(instructions_document={"notification_address": SECRET})
    as_json.stream.truncate(0)
    response = alice_browses.get(job.get_absolute_url(), headers={"X-Request-ID": "probe-7.a_B"})
    assert response.status_code == 500
    assert response["X-Request-ID"] == "probe-7.a_B"
    (line,) = [json.loads(line.lstrip("\0")) for line in as_json.text.splitlines() if "exception" in line]
    assert (line["request_id"], line["job"], line["level"]) == ("probe-7.a_B", str(job.pk), "error")
    assert "ValidationError" in line["exception"]
    assert SECRET not in as_json.text


@pytest.mark.parametrize("given", ["", SECRET, "a b", "x" * 65, "a\nb", "<script>"])
def test_a_name_that_is_not_sane_is_replaced(client: Client, given: str) -> None:
    named = client.get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"]
    assert named != given
    assert uuid.UUID(named)


@pytest.mark.django_db
def test_the_next_request_is_about_something_else(
    as_json: Captured, alice_browses: Client, client: Client
) -> None:
    alice_browses.get(f"/jobs/{uuid.uuid4()}/")
    Client().get("/nowhere/")
    before, after = as_json.lines()
    assert before["request_id"] != after["request_id"]
    assert "user" not in after
    assert "job" not in after


# --- tasks ----------------------------------------------------------------------------------------------


@pytest.fixture
def worker_log(job: Job, tmp_path: Path) -> Iterator[Path]:
    """What a real worker logs that meets a Job which cannot be read."""
    Job.objects.update(instructions_document={"notification_address": SECRET}, request_id=None)
    url = urlsplit(os.environ["DATABASE_URL"])
    environment = os.environ | {
        "DATABASE_URL": urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}")),
        "LOG_FORMAT": "json",
    }
    python = [sys.executable, "-W", "ignore:You're running the worker with superuser"]
    command = [*python, "-m", "celery", "--quiet", "-A", "accelerator.celery", "worker", "--beat"]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--concurrency", "1", "--schedule", str(tmp_path / "beat"), "--loglevel", "DEBUG"],
            cwd=REPOSITORY,
            env=environment,
            stdout=output,
            stderr=output,
        )
    yield log
    process.terminate()
    process.wait(30)


@pytest.mark.django_db(transaction=True)
def test_a_task_is_found_by_its_job_and_tells_no_address(worker_log: Path, job: Job) -> None:
    until(lambda: "failed unexpectedly" in worker_log.read_text(), within=60)
    lines = [json.loads(line) for line in worker_log.read_text().splitlines()]
    line = next(line for line in lines if "failed unexpectedly" in line["event"])
    assert (line["job"], line["step"]) == (str(job.pk), "initializing")
    assert line["task"] == "jobs.tasks.run_step"
    assert uuid.UUID(line["task_id"])
    assert "ValidationError" in line["exception"]
    assert SECRET not in worker_log.read_text()
    # What Celery says itself is of the same shape.
    assert {"timestamp", "level", "logger", "event"} <= lines[0].keys()
    assert any(line["logger"].startswith("celery.") for line in lines)
    assert not any(line["level"] == "debug" for line in lines)
