"""The line that loses and doubles messages: between a real client and a real server."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from accelerator.embedded.valkey import Valkey
from tests.faults import lossy
from tests.faults.lossy import Lossy

PUTS = 200


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        valkey = Valkey(Path(folder))
        valkey.start()
        try:
            yield str(valkey.socket)
        finally:
            valkey.stop()


@pytest.fixture
def line(server: str) -> Iterator[Lossy]:
    with contextlib.closing(Lossy(server, seed=1)) as line:
        yield line


@pytest.fixture
def client(line: Lossy) -> Iterator["redis.Redis"]:
    with contextlib.closing(redis.Redis(port=line.port)) as client:
        client.flushall()
        yield client


def put(client: "redis.Redis", queue: str = "dashboard.jobs") -> list[str | bytes]:
    for number in range(PUTS):
        assert client.lpush(queue, str(number)) >= 1
    return list(client.lrange(queue, 0, -1))


def test_everything_arrives_once_before_it_begins(client: "redis.Redis") -> None:
    assert len(put(client)) == PUTS


def test_some_are_lost_and_some_are_doubled_and_it_knows_how_many(client: "redis.Redis", line: Lossy) -> None:
    line.begin(seed=7)
    found = put(client)
    lost, twice = line.dropped["dashboard.jobs"], line.doubled["dashboard.jobs"]
    assert 0 < lost < PUTS / 2
    assert 0 < twice < PUTS / 2
    assert len(found) == PUTS - lost + twice
    assert len(set(found)) == PUTS - lost


def test_the_same_seed_is_the_same_fate(client: "redis.Redis", line: Lossy) -> None:
    fates = []
    for _ in range(2):
        line.begin(seed=3)
        fates.append(put(client, "cloud.sending"))
        client.flushall()
    assert fates[0] == fates[1]


def test_what_is_no_message_is_left_alone(client: "redis.Redis", line: Lossy) -> None:
    line.begin(seed=7)
    assert len(put(client, "dashboard.somebody-elses")) == PUTS
    with client.pipeline() as pipe:
        for number in range(PUTS):
            pipe.lpush("dashboard.jobs", number)
        pipe.execute()
    assert client.llen("dashboard.jobs") == PUTS
    assert not line.dropped
    assert not line.doubled


def test_a_message_that_arrives_in_pieces_is_one() -> None:
    whole = lossy.command([b"LPUSH", b"dashboard.jobs", b"x" * 100])
    assert list(lossy.commands(whole[:50])) == []
    assert [words for words, _ in lossy.commands(whole * 2 + whole[:9])] == [
        [b"LPUSH", b"dashboard.jobs", b"x" * 100]
    ] * 2
