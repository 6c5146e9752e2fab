"""The mail server of the soak of millions: it counts each message once, before its reply, and forgets none."""

import re
import smtplib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from accelerator.benches.stage import Process, Stage
from accelerator.embedded.processes import PYTHON, Command
from tests.soak.millions import customers
from tests.soak.millions.counted import ACCEPTED, CONNECTIONS, MOST, REFUSED, STRANGERS, Counted

WITHIN = 30.0
RECIPIENTS = 1_000
HELLO = b"Subject: x\r\n\r\nHello\r\n"


@dataclass
class Served:
    """A server, and its count as the judge has it in memory."""

    process: Process
    path: Path
    counted: Counted

    @property
    def port(self) -> int:
        return int(re.findall(r"on port (\d+)", self.process.said)[0])

    def client(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.port)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all: each test sends to others."""
    path = tmp_path_factory.mktemp("counting") / "counted.bin"
    with Stage() as stage:
        words = [*PYTHON, "-m", "tests.soak.millions.counting", str(path), str(RECIPIENTS)]
        process = stage.start(Command("counting", words), stage.environment())
        process.until(lambda: "Counting" in process.said, "it listens", WITHIN)
        counted = Counted(path, RECIPIENTS)
        yield Served(process, path, counted)
        counted.close()


def test_each_message_is_counted_before_the_reply_comes(server: Served) -> None:
    counted, before = server.counted, server.counted.totals[ACCEPTED]
    with server.client() as client:
        for times in (1, 2):
            client.sendmail(
                "a@soak.example", ["Customer.30@Shop30.example"], b"Subject: x\r\n\r\n..\r\nDATA\r\n"
            )
            assert counted.accepted[30] == times
        client.sendmail("a@soak.example", [customers.address(77)], HELLO)
        assert counted.accepted[77] == 1
    assert counted.totals[ACCEPTED] == before + 3


def test_who_is_to_be_refused_is_refused_and_counted_apart(server: Served) -> None:
    counted, before = server.counted, server.counted.totals[REFUSED]
    with server.client() as client:
        for times in (1, 2):
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail("a@soak.example", [customers.address(411)], HELLO)
            assert counted.refused[411] == times
        client.sendmail("a@soak.example", [customers.address(412)], HELLO)
    assert (counted.accepted[411], counted.accepted[412]) == (0, 1)
    assert counted.totals[REFUSED] == before + 2


@pytest.mark.parametrize(
    "address",
    [
        "ann@example.com",
        "customer.5@shop6.example",
        "customer.1001@shop1.example",
        "customer.0@shop0.example",
    ],
)
def test_whom_nobody_has_in_the_warehouse_is_a_stranger(server: Served, address: str) -> None:
    counted = server.counted
    strangers, accepted = counted.totals[STRANGERS], counted.totals[ACCEPTED]
    with server.client() as client:
        client.sendmail("a@soak.example", [address], HELLO)
    assert (counted.totals[STRANGERS], counted.totals[ACCEPTED]) == (strangers + 1, accepted)
    assert not counted.accepted[0]


def envelope(number: int) -> bytes:
    return f"MAIL FROM:<a@soak.example>\r\nRCPT TO:<{customers.address(number)}>\r\nDATA\r\n".encode()


def test_what_comes_in_one_piece_or_in_crumbs_is_answered_in_turn(server: Served) -> None:
    """RFC 2920: a refused recipient among others, the envelope of the next message with the dot of the one before."""
    counted, before = server.counted, server.counted.totals[CONNECTIONS]
    said = b"EHLO x\r\n" + envelope(20) + b"Hello\r\n..\r\n.\r\n" + envelope(211) + b"RSET\r\n"
    said += envelope(22) + b"Hello\r\n.\r\nQUIT\r\n"
    codes = [220, 250, 250, 250, 250, 250, 250, 354, 250, 250, 550, 503, 250, 250, 250, 354, 250, 221]
    for times, size in enumerate((len(said), 7, 1), start=1):
        with socket.create_connection(("127.0.0.1", server.port), timeout=WITHIN) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(said), size):
                line.sendall(said[at : at + size])
            with line.makefile("rb") as replies:
                assert [int(reply[:3]) for reply in replies] == codes
        assert (counted.accepted[20], counted.accepted[22], counted.refused[211]) == (times, times, times)
    assert counted.totals[CONNECTIONS] == before + 3


def test_a_byte_does_not_begin_again(tmp_path: Path) -> None:
    counted = Counted(tmp_path / "counted.bin", RECIPIENTS)
    for _ in range(MOST + 2):
        counted.accept(1)
        counted.refuse(1)
    assert counted.accepted[1] == counted.refused[1] == MOST
    assert counted.totals[ACCEPTED] == MOST + 2
    counted.close()


def test_what_was_counted_outlives_it(server: Served) -> None:
    """The last one: it is dead afterwards."""
    with server.client() as client:
        client.sendmail("a@soak.example", [customers.address(50)], HELLO)
        server.process.popen.kill()
        server.process.popen.wait()
        client.close()
    again = Counted(server.path, RECIPIENTS)
    assert (again.accepted[50], list(again.totals)) == (1, list(server.counted.totals))
    again.close()
