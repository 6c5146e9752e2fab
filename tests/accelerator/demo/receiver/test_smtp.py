"""SMTP over real sockets: what is answered, in which order, and what is on record by then."""

import signal
import smtplib
import socket
import time
from collections.abc import Callable

import pytest

from accelerator.demo.receiver.verdicts import SLOW
from tests.accelerator.demo.conftest import Receiver

BODY = b"From: Ann <ann@x.example>\r\nSubject: Hello\r\nMessage-ID: <%s@x.example>\r\n\r\nGood day.\r\n"


class Line:
    """A bare connection: bytes out, replies in."""

    def __init__(self, receiver: Receiver) -> None:
        self.socket = socket.create_connection(("127.0.0.1", receiver.smtp_port), timeout=20)
        self.file = self.socket.makefile("rb")
        assert self.reply().startswith("220 ")
        self.say("EHLO test.example")
        self.features = self.reply()

    def say(self, *lines: str) -> None:
        self.socket.sendall("".join(line + "\r\n" for line in lines).encode())

    def reply(self) -> str:
        """One whole reply; empty when the line was cut."""
        text = ""
        while True:
            try:
                line = self.file.readline().decode()
            except ConnectionResetError:
                return text
            text += line
            if not line or line[3:4] == " ":
                return text

    def deliver(self, recipient: str, name: str = "1") -> str:
        """The last reply of a whole transaction."""
        self.say("MAIL FROM:<bounce@x.example>", f"RCPT TO:<{recipient}>", "DATA")
        self.reply()
        refusal, ready = self.reply(), self.reply()
        if not ready.startswith("354"):
            return refusal
        self.socket.sendall(BODY % name.encode() + b".\r\n")
        return self.reply()

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture
def line(receiver: Receiver) -> Line:
    return Line(receiver)


@pytest.fixture(autouse=True)
def _no_line_is_left(line: Line) -> object:
    yield
    line.close()


def test_it_offers_what_a_fast_sender_needs(line: Line) -> None:
    for feature in ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 25000000", "ENHANCEDSTATUSCODES"):
        assert feature in line.features


def test_an_accepted_message_is_in_the_log_before_its_reply(receiver: Receiver, line: Line) -> None:
    for number in range(200):
        assert line.deliver("ann@heronandhale.example", str(number)).startswith("250 ")
        logged = receiver.received()
        assert len(logged) == number + 1
        assert logged[-1]["message_id"] == f"<{number}@x.example>"
        assert logged[-1]["recipient"] == "ann@heronandhale.example"
        assert logged[-1]["sender"] == "bounce@x.example"


def test_what_was_answered_survives_a_kill(
    receiver: Receiver, line: Line, start: Callable[..., Receiver]
) -> None:
    for number in range(50):
        line.deliver("ann@heronandhale.example", str(number))
    receiver.stop(signal.SIGKILL)
    assert len(receiver.received()) == 50
    assert start().ask("/api/counts")["accepted"] == 50


def test_refusals_are_as_the_fault_words_say_and_are_logged(receiver: Receiver, line: Line) -> None:
    assert line.deliver("reject1@x.example").startswith("550 5.1.1")
    assert line.deliver("full1@x.example").startswith("552 5.2.2")
    assert line.deliver("spam1@x.example").startswith("554 5.7.1")
    for _ in range(3):
        assert line.deliver("defer1@x.example").startswith("451 4.3.0")
    kinds = [entry["kind"] for entry in receiver.refused()]
    assert kinds == ["unknown_user", "mailbox_full", "spam", "unavailable", "unavailable", "unavailable"]
    assert receiver.received() == []


def test_a_greylisted_recipient_is_accepted_when_tried_again(receiver: Receiver, line: Line) -> None:
    assert line.deliver("greylist1@x.example").startswith("451 4.7.1")
    assert line.deliver("greylist1@x.example").startswith("250")
    assert [entry["recipient"] for entry in receiver.received()] == ["greylist1@x.example"]


def test_a_line_dropped_after_the_dot_is_on_record_as_accepted(receiver: Receiver, line: Line) -> None:
    assert line.deliver("dropafterdot1@x.example") == ""
    assert [entry["recipient"] for entry in receiver.received()] == ["dropafterdot1@x.example"]


def test_a_line_dropped_before_the_dot_took_nothing_and_the_next_attempt_succeeds(receiver: Receiver) -> None:
    for expected in ("", "250 2.0.0 Accepted\r\n"):
        line = Line(receiver)
        line.say("MAIL FROM:<bounce@x.example>", "RCPT TO:<dropbeforedot1@x.example>", "DATA")
        line.reply()
        line.reply()
        if line.reply().startswith("354"):
            line.socket.sendall(BODY % b"1" + b".\r\n")
        assert line.reply() == expected
        line.close()
        assert len(receiver.received()) == bool(expected)


def test_a_slow_recipient_delays_its_own_reply_and_those_behind_it(receiver: Receiver, line: Line) -> None:
    began = time.monotonic()
    line.say("MAIL FROM:<bounce@x.example>", "RCPT TO:<slow1@x.example>", "DATA")
    for _ in range(3):
        line.reply()
    line.socket.sendall(BODY % b"1" + b".\r\nNOOP\r\n")
    other = Line(receiver)
    assert other.deliver("ann@heronandhale.example").startswith("250")
    other.close()
    assert time.monotonic() - began < SLOW
    assert line.reply().startswith("250 2.0.0 Accepted")
    assert time.monotonic() - began >= SLOW
    assert line.reply().startswith("250 2.0.0 Still here")
    assert len(receiver.received()) == 2


def test_pipelined_commands_are_answered_one_by_one_in_order(line: Line) -> None:
    line.say("MAIL FROM:<b@x.example>", "RCPT TO:<reject1@x.example>", "DATA", "RSET", "NOOP")
    assert [line.reply()[:9] for _ in range(5)] == [
        "250 2.1.0",
        "550 5.1.1",
        "554 5.5.1",
        "250 2.0.0",
        "250 2.0.0",
    ]


def test_a_message_in_the_smallest_pieces_is_the_same_message(receiver: Receiver, line: Line) -> None:
    line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.say("MAIL FROM:<b@x.example>", "RCPT TO:<ann@heronandhale.example>", "DATA")
    for _ in range(3):
        line.reply()
    for byte in BODY % b"1" + b"..a dot line\r\n.\r\n":
        line.socket.sendall(bytes([byte]))
    assert line.reply().startswith("250")
    (message,) = receiver.wait_for_messages(1)
    assert "\n.a dot line" in str(receiver.ask(f"/api/messages/{message['id']}")["text"])


def test_only_a_dot_between_two_crlf_ends_a_message(receiver: Receiver, line: Line) -> None:
    line.say("MAIL FROM:<b@x.example>", "RCPT TO:<ann@heronandhale.example>", "DATA")
    for _ in range(3):
        line.reply()
    smuggled = b"\nMAIL FROM:<evil@x.example>\r\n"
    line.socket.sendall(
        BODY % b"1" + b"\n." + smuggled + b"\n.\r" + smuggled + b"\r.\r" + smuggled + b".\r\n"
    )
    assert line.reply().startswith("250")
    line.say("NOOP")
    assert line.reply().startswith("250")
    assert len(receiver.received()) == 1


def test_an_empty_message_is_a_message(receiver: Receiver, line: Line) -> None:
    line.say("MAIL FROM:<>", "RCPT TO:<ann@heronandhale.example>", "DATA")
    for _ in range(3):
        line.reply()
    line.say(".")
    assert line.reply().startswith("250")
    assert receiver.received()[0]["size"] == 0


def test_addresses_in_other_scripts_need_smtputf8(receiver: Receiver, line: Line) -> None:
    line.say("MAIL FROM:<b@x.example>", "RCPT TO:<Χρήστος@x.example>")
    assert line.reply().startswith("250")
    assert line.reply().startswith("553 5.6.7")
    line.say(
        "RSET",
        "MAIL FROM:<b@x.example> SMTPUTF8 BODY=8BITMIME SIZE=10",
        "RCPT TO:<恵子@heronandhale.example>",
    )
    assert [line.reply()[:3] for _ in range(3)] == ["250"] * 3


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["MAIL FROM:bare@x.example"], "501"),
        (["MAIL FROM:<b@x.example> SIZE=25000001"], "552"),
        (["MAIL FROM:<b@x.example> FRUIT=pear"], "555"),
        (["RCPT TO:<ann@x.example>"], "503"),
        (["DATA"], "554"),
        (["XYZZY"], "500"),
        (["MAIL FROM:<b@x.example>", "MAIL FROM:<b@x.example>"], "503"),
        (["MAIL FROM:<b@x.example>", "RCPT TO:<nobody>"], "501"),
        (["VRFY ann"], "252"),
    ],
)
def test_wrong_commands_get_their_code(line: Line, lines: list[str], code: str) -> None:
    line.say(*lines)
    replies = [line.reply() for _ in lines]
    assert replies[-1].startswith(code)


def test_a_message_beyond_the_size_limit_is_refused_and_the_line_lives_on(
    receiver: Receiver, line: Line
) -> None:
    line.say("MAIL FROM:<b@x.example>", "RCPT TO:<ann@heronandhale.example>", "DATA")
    for _ in range(3):
        line.reply()
    for _ in range(27):
        line.socket.sendall(b"x" * 998 + b"\r\n" + b"y" * 999_000)
    line.socket.sendall(b"\r\n.\r\n")
    assert line.reply().startswith("552 5.3.4")
    assert line.deliver("ann@heronandhale.example").startswith("250")
    assert len(receiver.received()) == 1


def test_an_endless_command_is_ended(line: Line) -> None:
    line.socket.sendall(b"x" * 10_000)
    assert line.reply().startswith("500")
    assert line.reply() == ""


def test_python_s_own_client_gets_along_with_it(receiver: Receiver) -> None:
    with receiver.connect() as client:
        refused = client.sendmail(
            "b@x.example", ["ann@heronandhale.example", "reject1@x.example"], BODY % b"1", ["BODY=8BITMIME"]
        )
        assert {address: code for address, (code, _) in refused.items()} == {"reject1@x.example": 550}
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("b@x.example", ["reject2@x.example"], BODY % b"2")


def test_thousands_of_messages_go_through_in_little_memory(receiver: Receiver, line: Line) -> None:
    count, size = 5_000, 6_000
    body = BODY % b"many" + b"z" * 70 + b"\r\n"
    body = body * (size // len(body)) + b".\r\n"
    before = resident(receiver.process.pid)
    line.say("MAIL FROM:<b@x.example>", "RCPT TO:<p0@heronandhale.example>", "DATA")
    for number in range(1, count + 1):
        assert [line.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
        following = f"MAIL FROM:<b@x.example>\r\nRCPT TO:<p{number}@heronandhale.example>\r\nDATA\r\n"
        line.socket.sendall(body + (following.encode() if number < count else b""))
        assert line.reply()[:3] == "250"
    assert len({entry["recipient"] for entry in receiver.received()}) == count
    # Letters for the inbox wait in memory for half a second and are then on disk.
    assert resident(receiver.process.pid) - before < 40_000_000


def test_sigterm_says_goodbye_and_leaves_the_inbox_complete(
    receiver: Receiver, line: Line, start: Callable[..., Receiver]
) -> None:
    line.deliver("ann@heronandhale.example")
    assert receiver.stop() == 0
    assert line.reply().startswith("421 4.3.2")
    assert len(start().wait_for_messages(1)) == 1


def resident(pid: int) -> int:
    """Bytes of memory that the process has."""
    with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * 4096
