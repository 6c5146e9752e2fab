"""The recorder of `bench pause`: it takes mail as fast as it comes, and what it took stands in the file first."""

import re
import smtplib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from accelerator.benches.pause import Recorded
from accelerator.benches.stage import Stage
from accelerator.embedded.processes import PYTHON, Command

WITHIN = 30.0


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "recorded.txt"


@pytest.fixture
def port(record: Path) -> Iterator[int]:
    with Stage() as stage:
        words = [*PYTHON, "-m", "accelerator.benches.recording", str(record)]
        process = stage.start(Command("recorder", words), stage.environment())
        process.until(lambda: "Recording" in process.said, "it listens", WITHIN)
        yield int(re.findall(r"on port (\d+)", process.said)[0])


def test_each_message_has_its_time_before_the_reply_comes(port: int, record: Path) -> None:
    recorded = Recorded(record)
    began = time.time()
    with smtplib.SMTP("127.0.0.1", port) as client:
        for number in range(1, 4):
            client.sendmail("a@bench.example", ["b@bench.example"], b"Subject: x\r\n\r\n..\r\nDATA\r\n")
            assert recorded.look() == number
    assert began - 1e-3 <= recorded.times[0] <= recorded.times[2] <= time.time()
    assert 1 <= recorded.rate() <= 3


def test_what_comes_in_one_piece_is_answered_in_turn(port: int, record: Path) -> None:
    """RFC 2920: commands in a row, and a message that arrives in crumbs."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=WITHIN) as line,
        line.makefile("rb") as replies,
    ):
        line.sendall(b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n")
        codes = [replies.readline()[:4] for _ in range(8)]
        assert codes == [b"220 ", b"250-", b"250-", b"250-", b"250 ", b"250 ", b"250 ", b"354 "]
        assert Recorded(record).look() == 0
        for crumb in (b"Hello\r\n", b".", b"\r", b"\n", b"QUIT\r\n"):
            line.sendall(crumb)
        assert [replies.readline()[:3] for _ in range(2)] == [b"250", b"221"]
    assert Recorded(record).look() == 1
