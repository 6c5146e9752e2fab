"""Log lines of both projects: one shape, what they are about beside what they say, and no address in any of them.

Code logs by the standard library, as ever. What a line is about is bound to the context (`structlog.contextvars`):
`request_id` of a web request and its `user`; `task` and `task_id`; the dashboard's `job`, `step` and `mailing` (the
Job's Request ID); the Cloud's `key` (of the mailing, which is the Job's id) and `batch`.
"""

import contextlib
import datetime
import json
import logging
import re
import sys
import uuid
from collections.abc import Callable, Mapping
from typing import TextIO

from celery import signals
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.utils.log import configure_logging
from structlog.contextvars import bind_contextvars, clear_contextvars, merge_contextvars, unbind_contextvars
from structlog.processors import format_exc_info
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict

View = Callable[..., HttpResponse]

HEADER = "X-Request-ID"
SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")

# Whatever looks like an address, percent-encoded too, with what may be glued to it. A domain has a dot, so that the
# names of workers (celery@host) can be read.
BETWEEN = r"""\s@<>()\[\],:;"&?/"""
ADDRESS = re.compile(
    rf"""(?: "[^"\n]{{1,64}}" | [^{BETWEEN}]{{1,128}} ) (?: @ | %40 )
         (?: [^{BETWEEN}'%]{{1,255}} \. [^{BETWEEN}'%]{{1,63}} | localhost | \[[\w:.]{{1,64}}\] )""",
    re.VERBOSE,
)

# user:password@ of any URL.
CREDENTIALS = re.compile(r"(?<=://)[^\s/@]*@")

# What would end a line on the console, or move its cursor, so that data could write lines of its own.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

# What a line ends with; people read it below the line.
BEHIND = ("exception", "stack_info")

MISSING = "a line is missing: what is logged at %s:%s makes none (%s)"

# What others say of every wake-up, and of every request with its query; what was done is said by those who did it.
QUIET = ("celery.beat", "celery.worker.strategy", "celery.app.trace", "httpx2")


def config(form: str, level: str) -> dict[str, object]:
    """Django's LOGGING. `form`: "console", for people, or "json", an object a line. Raises ImproperlyConfigured."""
    if form not in FORMS:
        raise ImproperlyConfigured(f'LOG_FORMAT is "{form}"; it must be console or json')
    ours: dict[str, object] = {"handlers": ["console"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter, "form": form}},
        "handlers": {"console": {"()": Handler, "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level.upper()},
        "loggers": {
            **{name: {"level": "WARNING"} for name in QUIET},
            # It shows the SQL that it warns of, which may name people.
            "sqlglot": {"level": "ERROR"},
            # Those that would bring handlers of their own, and lines of another shape.
            "django": {"handlers": [], "level": "INFO"},
            "multiprocessing": ours | {"level": "ERROR"},
            "_granian": ours,
        },
    }


def formatter(form: str) -> logging.Formatter:
    """Makes lines of records, whoever logged them."""
    return ProcessorFormatter(
        foreign_pre_chain=[merge_contextvars], processors=[format_exc_info, _shape, FORMS[form]]
    )


class Handler(logging.StreamHandler[TextIO]):
    """To stderr. A record that makes no line is told by its place: the library would show what was to be logged."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Say which line is missing, and why, without what was in it."""
        if record.msg != MISSING:
            where = (record.pathname, record.lineno, getattr(sys.exc_info()[0], "__name__", ""))
            self.handle(logging.LogRecord(record.name, logging.ERROR, "", 0, MISSING, where, None))


# --- lines ----------------------------------------------------------------------------------------------


def redact(value: object) -> object:
    """The value as JSON has it, without addresses: in texts, in what contains them, in anything's str()."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(redact(key)): redact(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(inner) for inner in value]
    text = str(value).encode("utf-8", "backslashreplace").decode()  # lone surrogates can't be written
    if "@" in text or "%40" in text:
        return ADDRESS.sub("[address]", CREDENTIALS.sub("***@", text))
    return text


def _shape(_logger: object, _name: str, event: EventDict) -> EventDict:
    """In the order in which one reads: when, how bad, who, what; then what it is about; then the exception."""
    record: logging.LogRecord = event.pop("_record")
    event.pop("_from_structlog")
    head = {
        "timestamp": datetime.datetime.fromtimestamp(record.created, datetime.UTC),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": redact(event.pop("event")),
    }
    behind = {name: redact(event.pop(name)) for name in BEHIND if name in event}
    return head | {name: redact(event[name]) for name in sorted(event)} | behind


def _json(_logger: object, _name: str, event: EventDict) -> str:
    at: datetime.datetime = event["timestamp"]
    stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({**event, "timestamp": stamp}, ensure_ascii=False)


def _console(_logger: object, _name: str, event: EventDict) -> str:
    at: datetime.datetime = event.pop("timestamp")
    level, name, said = (str(event.pop(key)) for key in ("level", "logger", "event"))
    below = [line for key in BEHIND if key in event for line in str(event.pop(key)).split("\n")]
    about = " ".join(f"{key}={value}" for key, value in event.items())
    line = f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03} {level.upper()} {name} {said}"
    whole = f"{line} [{about}]" if about else line
    # What is below the line is indented: no line of it can be taken for one of the log.
    return "\n".join([_visible(whole), *(f"  {_visible(one)}" for one in below)])


def _visible(text: str) -> str:
    """The text with its control characters as Python writes them."""
    return CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


FORMS: dict[str, Callable[[object, str, EventDict], str]] = {"json": _json, "console": _console}


# --- web requests ---------------------------------------------------------------------------------------


class Requests:
    """Middleware, the outermost: names each request, in its answer and in all that is logged on the way.

    The context is emptied when the next request begins: Django logs refusals when the middleware is done.
    """

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        request_id = given if SANE.fullmatch(given) else uuid.uuid4().hex
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response[HEADER] = request_id
        return response

    def process_view(self, request: HttpRequest, view: View, _args: object, named: dict[str, object]) -> None:
        """Bind who asks, by number, and the UUIDs of the address, by the names that LOGGED_IDS gives them."""
        for name, called in settings.LOGGED_IDS.items():
            with contextlib.suppress(ValueError):
                bind_contextvars(**{called: str(uuid.UUID(str(named.get(name))))})
        # Only where the login is looked at anyway: /healthz asks no database.
        user = getattr(request, "user", None) if getattr(view, "login_required", True) else None
        if user is not None and user.is_authenticated:
            bind_contextvars(user=user.pk)


# --- tasks ----------------------------------------------------------------------------------------------


def in_tasks() -> None:
    """Have Celery's processes log as the settings say, and each task's lines carry its name and id."""
    signals.setup_logging.connect(_configure)
    signals.task_prerun.connect(_enter)
    signals.task_postrun.connect(_leave)


def _configure(**_: object) -> None:
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)


def _enter(task_id: str, sender: object, **_: object) -> None:
    clear_contextvars()
    bind_contextvars(task=getattr(sender, "name", ""), task_id=task_id)


def _leave(**_: object) -> None:
    unbind_contextvars("task", "task_id")
