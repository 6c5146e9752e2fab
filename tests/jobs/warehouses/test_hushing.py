"""No secret leaves a Warehouse: not in a sentence, not in the errors behind one, not in a log's traceback."""

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from urllib.parse import quote

import pyarrow as pa
import pytest

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.reading.errors import AudienceSqlError
from jobs.warehouses import WarehouseError, WarehouseUnreachable, apart, hushing
from jobs.warehouses.postgresql import connector
from tests.jobs.warehouses import echoing

SECRET = "geheim/nis kanarie"


def at(location: str, kind: Kind = Kind.POSTGRESQL) -> Warehouse:
    return Warehouse(name="Shop", kind=kind, location=location, secret=warehouses.seal_secret(SECRET))


def shown(error: BaseException) -> str:
    """All that a log would have of it."""
    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "location",
    [
        "postgress://u@127.0.0.1/db",
        "mysql://u@127.0.0.1/db",
        "redshift://u@127.0.0.1/db",
        "//u@127.0.0.1/db",
        "postgresql://u@[127.0.0.1/db",
        "postgresql://u@127.0.0.1:port/db",
        "postgresql://u@127.0.0.1/db%zz",
    ],
)
@pytest.mark.parametrize("look", [warehouses.check, warehouses.examine])
def test_a_location_that_is_none_is_said_without_the_secret(
    location: str, look: Callable[[Warehouse], object]
) -> None:
    with pytest.raises(WarehouseUnreachable) as caught:
        look(at(location))
    assert not [word for word in ("geheim", "kanarie") if word in shown(caught.value)]


@pytest.mark.parametrize("kind", [Kind.POSTGRESQL, Kind.REDSHIFT])
def test_a_server_that_says_the_password_is_not_quoted(kind: Kind) -> None:
    with echoing.echo() as port, pytest.raises(WarehouseUnreachable, match=r"come in with \*\*\*") as caught:
        warehouses.check(at(f"postgresql://reader@127.0.0.1:{port}/shop?sslmode=disable", kind))
    assert "kanarie" not in shown(caught.value)


class Telling:
    """A stream whose driver says the secret when it is read."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def start(self) -> pa.Schema:
        return pa.schema([("one", pa.int64())])

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"one": [1]})
        raise self.error

    def cancel(self) -> None: ...

    def working(self) -> bool:
        return True


def wrapped(kind: type[Exception], text: str, behind: str) -> Exception:
    error = kind(text)
    error.__cause__ = ValueError(behind)
    return error


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (AudienceSqlError(f"no {quote(SECRET, safe='')} here"), AudienceSqlError, "no *** here"),
        (wrapped(AudienceSqlError, "no", f"of {SECRET}"), AudienceSqlError, "no"),
        (KeyError(f"u:{quote(SECRET)}@h"), RuntimeError, "'u:***@h'"),
    ],
    ids=["sentence", "behind", "driver"],
)
def test_what_a_driver_says_later_is_hushed_in_all_that_a_log_shows(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    kind: type[Exception],
    said: str,
) -> None:
    @contextmanager
    def open_stream(*_: object) -> Iterator[Telling]:
        yield Telling(error)

    monkeypatch.setattr(connector, "open_stream", open_stream)
    with warehouses.open_stream(at("postgresql://u@h/db"), "SELECT 1 AS one") as stream:
        stream.start()
        with pytest.raises(kind) as caught:
            list(stream)
    assert (type(caught.value), str(caught.value)) == (kind, said)
    logging.getLogger("jobs.steps").error("failed unexpectedly", exc_info=caught.value)
    assert "raise self.error" in caplog.text
    assert not [word for word in ("geheim", "kanarie") if word in caplog.text]


def test_what_a_driver_says_when_it_is_asked_whether_it_works_is_told_to_nobody(
    capfd: pytest.CaptureFixture[str],
) -> None:
    class Broken(Telling):
        def working(self) -> bool:
            raise self.error

    stream = apart.Apart(nullcontext(Broken(KeyError(SECRET))), silence=60, late=apart.LATE)
    stream.start()
    assert stream.working() is False
    stream.close()
    assert "geheim" not in "".join(capfd.readouterr())


def test_an_error_without_the_secret_stays_what_it_is() -> None:
    error = wrapped(WarehouseError, "no", "of nothing")
    with pytest.raises(WarehouseError) as caught, hushing.errors(SECRET):
        raise error
    assert caught.value is error
    assert isinstance(error.__cause__, ValueError)


@pytest.mark.parametrize(
    ("text", "secret", "said"),
    [
        ("a geheim/nis", "geheim/nis", "a ***"),
        ("a geheim%2Fnis", "geheim/nis", "a ***"),
        ("a zwei+worte", "zwei worte", "a ***"),
        ("a 'zwei\\\\worte'", "zwei\\worte", "a '***'"),
        ("second line", "first\nsecond line", "***"),
        ("a is in the words", "a", "a is in the words"),
        ('password "me1" of the role me12 (me1)', "me1", 'password "***" of the role me12 (***)'),
        ("come in with #?", "#?", "come in with ***"),
        ("nothing", "", "nothing"),
    ],
)
def test_a_secret_is_found_however_it_is_written(text: str, secret: str, said: str) -> None:
    assert hushing.hushed(text, secret) == said
