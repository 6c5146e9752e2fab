"""Valkey starts, answers on its socket, and starts again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from accelerator.embedded.valkey import Valkey, ValkeyFailed
from tests.accelerator.embedded.conftest import running


@pytest.fixture
def server(data: Path) -> Iterator[Valkey]:
    server = Valkey(data)
    server.start()
    yield server
    server.stop()


def test_it_answers_and_leaves_no_process(server: Valkey, data: Path) -> None:
    with redis.from_url(server.url()) as client:
        assert client.ping()
        assert client.config_get("save") == {"save": ""}
    server.stop()
    assert running(str(data)) == []


def test_it_starts_after_it_was_killed(server: Valkey) -> None:
    assert server.process
    server.process.kill()
    server.process.wait()
    server.start()
    assert server.answers()


def test_a_server_that_does_not_start_gets_a_sentence(data: Path) -> None:
    server = Valkey(data)
    server.socket = data / "missing" / "valkey.sock"
    with pytest.raises(ValkeyFailed, match="Valkey did not start"):
        server.start()


def test_what_a_killed_guardian_left_makes_room(data: Path) -> None:
    left, server = Valkey(data), Valkey(data)
    left.start()
    server.start()
    assert left.process
    assert left.process.wait(10) == 0
    assert server.answers()
    server.stop()
