"""Looks at what may not answer: one at a time, and never waited for beyond the deadline."""

import threading
import time
from collections.abc import Iterator

import pytest
from django.db import OperationalError
from django.http import Http404
from django.test import RequestFactory
from prometheus_client.core import GaugeMetricFamily
from pytest_django import Settings

from accelerator import watching
from accelerator.protocol import HealthPart
from accelerator.watching import Look

WELL = HealthPart(name="thing", ok=True, sentence="The thing is well.")
AWAY = HealthPart(name="thing", ok=False, sentence="The thing is away.")


class Slow:
    """Something that answers when it is told to."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.asked = 0

    def __call__(self) -> list[HealthPart]:
        self.asked += 1
        self.answers.wait(30)
        return [WELL]


@pytest.fixture
def slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.answers.set()


def test_what_does_not_answer_in_time_is_away_and_is_asked_once(slow: Slow) -> None:
    look = Look(slow)
    begun = time.monotonic()
    assert watching.parts([(look, AWAY), (look, AWAY)]) == [AWAY, AWAY]
    assert watching.DEADLINE <= time.monotonic() - begun < watching.DEADLINE + 1
    assert slow.asked == 1
    slow.answers.set()
    look.begin().result(5)
    assert watching.parts([(look, AWAY)]) == [WELL]


def test_many_who_ask_at_the_same_time_share_one_look(slow: Slow) -> None:
    look = Look(slow)
    waiting = {look.begin() for _ in range(20)}
    slow.answers.set()
    assert [one.result(5) for one in waiting] == [[WELL]]
    assert slow.asked == 1


@pytest.mark.parametrize(
    "error", [OperationalError("secret host"), ConnectionRefusedError(), KeyError("ours")]
)
def test_whatever_goes_wrong_there_is_an_answer_and_the_reason_stays_in_the_log(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> list[HealthPart]:
        raise error

    assert watching.parts([(Look(broken), AWAY)]) == [AWAY]
    (record,) = caplog.records
    # A mistake of ours is logged with its place; a database that is away needs none.
    assert bool(record.exc_info) == isinstance(error, KeyError)
    assert "secret host" not in caplog.text


@pytest.mark.parametrize("found", [[WELL], [WELL, AWAY]])
def test_one_part_that_is_not_well_is_enough(found: list[HealthPart]) -> None:
    response = watching.ready(found)
    assert response.status_code == (200 if AWAY not in found else 503)
    assert response["Cache-Control"] == "no-store"


# --- metrics --------------------------------------------------------------------------------------------

LOOK = Look(lambda: watching.exposition([GaugeMetricFamily("things", "Things.", value=3)]))


def ask(settings: Settings, token: str, authorization: str | None) -> tuple[int, str]:
    settings.METRICS_TOKEN = token
    headers = {} if authorization is None else {"Authorization": authorization}
    response = watching.metrics(RequestFactory().get("/metrics", headers=headers), LOOK)
    return response.status_code, response.content.decode()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_metrics_are_for_who_knows_the_token(settings: Settings, scheme: str) -> None:
    status, text = ask(settings, "open-sesame", f"{scheme} open-sesame")
    assert status == 200
    assert "things 3.0" in text


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic open-sesame", "Bearer öpen"]
)
def test_nobody_else_gets_them(settings: Settings, authorization: str | None) -> None:
    status, text = ask(settings, "open-sesame", authorization)
    assert status == 401
    assert "things" not in text


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer "])
def test_without_the_setting_there_is_no_such_page(settings: Settings, authorization: str | None) -> None:
    with pytest.raises(Http404):
        ask(settings, "", authorization)


def test_metrics_of_a_database_that_is_away_are_refused_in_time(settings: Settings) -> None:
    settings.METRICS_TOKEN = "open-sesame"
    answers = threading.Event()

    def frozen() -> bytes:
        answers.wait(30)
        return b""

    request = RequestFactory().get("/metrics", headers={"Authorization": "Bearer open-sesame"})
    assert watching.metrics(request, Look(frozen)).status_code == 503
    answers.set()
