"""The conversation with a mail server, at each point where it can go wrong."""

import datetime
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from accelerator.cloud import smtp
from accelerator.cloud.replies import Result, Verdict
from accelerator.cloud.smtp import Line, Server, ServerAway, ServerRefuses, Timeouts
from tests.accelerator.cloud.scripted import CUT, EHLO, SILENCE, ScriptedServer

MESSAGE = b"Subject: hello\r\n\r\n.a line with a dot\r\n..\r\nthe end\r\n"


def send(
    line: Line, sender: str, recipient: str, text: bytes, *, pulse: Callable[[], object] = lambda: None
) -> Result:
    """One message, and what became of it."""
    messages = [smtp.Message(sender, recipient, text)]
    results: list[Result] = []
    smtp.post(
        [line],
        lambda: messages.pop() if messages else None,
        lambda *told: results.append(told[1]),
        pulse=pulse,
    )
    [result] = results
    return result


class Connect(Protocol):
    def __call__(self, server: ScriptedServer, **timeouts: float) -> Line: ...


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Opens lines that the test need not close."""
    lines: list[Line] = []

    def connect(server: ScriptedServer, **timeouts: float) -> Line:
        lines.append(smtp.connect(Server.parse(server.url), Timeouts(**timeouts), name="cloud.example"))
        return lines[-1]

    yield connect
    for line in lines:
        line.close()


def say(at: str, reply: str) -> Callable[[str], str | None]:
    return lambda line: reply if line.startswith(at) else None


def test_it_hands_over_a_message_as_it_is(connect: Connect) -> None:
    with ScriptedServer() as server:
        result = send(connect(server), "me@a.example", "you@b.example", MESSAGE)
        assert (result.verdict, result.code) == (Verdict.DELIVERED, "2.0.0")
        assert server.accepted == ["you@b.example"]
        assert server.contents == [MESSAGE.replace(b"\r\n.", b"\r\n..")]


def test_it_asks_for_eight_bits_only_where_there_are_some(connect: Connect) -> None:
    with ScriptedServer() as server:
        line = connect(server)
        send(line, "me@a.example", "you@b.example", MESSAGE)
        send(line, "me@a.example", "you@b.example", "Zoë\r\n".encode())
        mails = [said for said in server.lines if said.startswith("MAIL")]
        assert mails == ["MAIL FROM:<me@a.example>", "MAIL FROM:<me@a.example> BODY=8BITMIME"]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("at", "reply", "verdict", "code"),
    [
        ("MAIL", "451 4.3.0 later", Verdict.BUSY, "4.3.0"),
        ("MAIL", "550 5.7.1 go away", Verdict.REFUSED, "5.7.1"),
        ("MAIL", "421 4.3.2 closing", Verdict.BUSY, "4.3.2"),
        ("RCPT", "450 greylisted", Verdict.DEFERRED, "450"),
        ("RCPT", "550 5.1.1 nobody here", Verdict.BOUNCED, "5.1.1"),
        ("RCPT", "421 closing", Verdict.BUSY, "421"),
        ("RCPT", CUT, Verdict.CUT, ""),
        ("RCPT", "nonsense", Verdict.CUT, "0"),
        ("DATA", "452 4.3.1 full", Verdict.DEFERRED, "4.3.1"),
        ("DATA", "554 no", Verdict.BOUNCED, "554"),
        ("DATA", CUT, Verdict.CUT, ""),
        (".", "452 4.3.1 full", Verdict.DEFERRED, "4.3.1"),
        (".", "554 5.7.1 spam", Verdict.BOUNCED, "5.7.1"),
        (".", "421 4.3.2 closing", Verdict.BUSY, "4.3.2"),
        (".", CUT, Verdict.UNKNOWN, ""),
        (".", "nonsense", Verdict.UNKNOWN, "0"),
        (".", "354 what", Verdict.UNKNOWN, "354"),
        (".", "250-2.0.0 taken\r\n450 4.2.0 or later", Verdict.UNKNOWN, "0"),
        (".", "450-4.2.0 later\r\n250 2.0.0 or taken", Verdict.UNKNOWN, "0"),
        ("RCPT", "250-yes\r\n550 no", Verdict.CUT, "0"),
    ],
)
def test_what_a_reply_means(
    connect: Connect, pipelining: bool, at: str, reply: str, verdict: Verdict, code: str
) -> None:
    ehlo = EHLO if pipelining else "250 scripted"
    with ScriptedServer(say(at, reply), ehlo=ehlo) as server:
        line = connect(server)
        result = send(line, "me@a.example", "you@b.example", MESSAGE)
        assert (result.verdict, result.code) == (verdict, code)
        assert server.accepted == []
        # A line in doubt is not used again.
        assert line.open == (
            verdict in (Verdict.DEFERRED, Verdict.BOUNCED, Verdict.REFUSED) and not unclean(at, pipelining)
        )


def unclean(at: str, pipelining: bool) -> bool:
    """Pipelined, the scripted server says "go ahead" to a DATA whose recipient it refused."""
    return pipelining and at in ("MAIL", "RCPT")


def test_a_refusal_does_not_disturb_the_next_message(connect: Connect) -> None:
    with ScriptedServer(say("RCPT TO:<no", "550 5.1.1 no"), ehlo="250 scripted") as server:
        line = connect(server)
        assert send(line, "me@a.example", "no@b.example", MESSAGE).verdict is Verdict.BOUNCED
        assert send(line, "me@a.example", "yes@b.example", MESSAGE).verdict is Verdict.DELIVERED
        assert "RSET" in server.lines
        assert server.accepted == ["yes@b.example"]


def test_a_line_cut_within_a_long_message_is_no_doubt(connect: Connect) -> None:
    """The server says go ahead and hangs up: the dot is not sent any more."""

    def script(line: str) -> str | None:
        return "354 Go ahead\r\n421 4.3.2 changed my mind" if line == "DATA" else None

    with ScriptedServer(script) as server:
        result = send(connect(server), "me@a.example", "you@b.example", b"x\r\n" * 5_000_000)
        assert result.verdict is Verdict.CUT
        assert server.accepted == []


def test_silence_before_the_dot_is_no_doubt_and_after_it_unknown(connect: Connect) -> None:
    for at, verdict in (("RCPT", Verdict.BUSY), (".", Verdict.UNKNOWN)):
        with ScriptedServer(say(at, SILENCE), ehlo="250 scripted") as server:
            line = connect(server, reply=0.2, acceptance=0.2)
            result = send(line, "me@a.example", "you@b.example", MESSAGE)
            assert result.verdict is verdict
            assert not line.open


def test_a_reply_that_never_ends_is_none(connect: Connect) -> None:
    """The time runs from the dot, and not from the last byte that was heard."""

    def script(line: str) -> str | None:
        if line == ".":
            for _ in range(20):
                server.reading.talk.sendall(b"250-and\r\n")
                time.sleep(0.3)
        return None

    with ScriptedServer(script) as server:
        result = send(connect(server, acceptance=1.0), "me@a.example", "you@b.example", MESSAGE)
        assert (result.verdict, result.reply) == (Verdict.UNKNOWN, "no reply in time")


def test_it_gives_a_pulse_while_the_server_makes_it_wait(connect: Connect) -> None:
    def script(line: str) -> str | None:
        if line == ".":
            time.sleep(2.5)
        return None

    beats: list[float] = []
    with ScriptedServer(script) as server:
        line = connect(server)
        result = send(
            line, "me@a.example", "you@b.example", MESSAGE, pulse=lambda: beats.append(time.monotonic())
        )
    assert result.verdict is Verdict.DELIVERED
    assert len(beats) == 2


def test_a_server_that_is_not_there_is_away(connect: Connect) -> None:
    with ScriptedServer() as server:
        pass
    with pytest.raises(ServerAway, match=f"127.0.0.1:{server.port} can't be reached"):
        connect(server)


@pytest.mark.parametrize(
    ("at", "reply", "error"),
    [
        ("GREETING", "554 5.7.1 not you", ServerRefuses),
        ("GREETING", "421 busy", ServerAway),
        ("GREETING", CUT, ServerAway),
        ("EHLO", CUT, ServerAway),
    ],
)
def test_a_server_that_will_not_begin(connect: Connect, at: str, reply: str, error: type[Exception]) -> None:
    with ScriptedServer(say(at, reply)) as server, pytest.raises(error, match=str(server.port)):
        connect(server)


def test_wrong_credentials_are_a_refusal() -> None:
    with ScriptedServer(
        say("AUTH", "535 5.7.8 wrong password"), ehlo="250-scripted\r\n250 AUTH PLAIN"
    ) as server:
        url = f"smtp://me:secret@{server.host}:{server.port}"
        with pytest.raises(ServerRefuses, match=r"5\.7\.8 wrong password") as refused:
            smtp.connect(Server.parse(url), Timeouts(), name="cloud.example")
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("ehlo", "says"),
    [("250-scripted\r\n250 AUTH XOAUTH2", "No suitable authentication"), ("250 scripted", "AUTH")],
)
def test_a_server_that_lets_nobody_log_in_as_we_do_is_for_a_person(ehlo: str, says: str) -> None:
    with ScriptedServer(ehlo=ehlo) as server, pytest.raises(ServerRefuses, match=says):
        smtp.connect(
            Server.parse(f"smtp://me:secret@{server.host}:{server.port}"), Timeouts(), name="cloud.example"
        )


def test_a_password_that_cannot_be_sent_is_for_a_person() -> None:
    with ScriptedServer(ehlo="250-scripted\r\n250 AUTH PLAIN") as server:
        url = f"smtp://me:pässword@{server.host}:{server.port}"
        with pytest.raises(ServerRefuses, match="must be of ASCII characters") as refused:
            smtp.connect(Server.parse(url), Timeouts(), name="cloud.example")
        assert "pässword" not in str(refused.value)


def test_a_server_that_is_busy_at_ehlo_is_asked_again_and_not_by_helo() -> None:
    with ScriptedServer(say("EHLO", "451 4.3.0 later")) as server:
        url = f"smtp+tls://me:secret@{server.host}:{server.port}"
        with pytest.raises(ServerAway, match=r"4\.3\.0 later"):
            smtp.connect(Server.parse(url), Timeouts(), name="cloud.example")
        assert not [line for line in server.lines if line.startswith("HELO")]


def test_a_server_that_knows_no_ehlo_is_greeted_by_helo(connect: Connect) -> None:
    with ScriptedServer(say("EHLO", "502 5.5.1 what")) as server:
        assert not connect(server).pipelining
        assert server.lines[-1] == "HELO cloud.example"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Key and certificate of a server called localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file


def test_an_encrypted_line_delivers_and_an_untrusted_server_gets_nothing(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with ScriptedServer(ehlo=EHLO.replace("PIPELINING", "PIPELINING\r\n250-STARTTLS"), tls=context) as server:
        url = f"smtp+tls://localhost:{server.port}"
        with pytest.raises(ServerAway, match="certificate verify failed"):
            smtp.connect(Server.parse(url), Timeouts(), name="cloud.example")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        line = smtp.connect(Server.parse(url), Timeouts(), name="cloud.example")
        for _ in range(3):
            result = send(line, "me@a.example", "you@b.example", MESSAGE * 1000)
            assert result.verdict is Verdict.DELIVERED
        line.close(politely=True)
        with pytest.raises(ServerAway, match="certificate"):
            smtp.connect(
                Server.parse(url.replace("localhost", "127.0.0.1")), Timeouts(), name="cloud.example"
            )
    assert server.accepted == ["you@b.example"] * 3


def test_tls_that_was_asked_for_is_not_done_without() -> None:
    with ScriptedServer() as server, pytest.raises(ServerRefuses, match="STARTTLS"):
        smtp.connect(Server.parse(server.url.replace("smtp:", "smtp+tls:")), Timeouts(), name="cloud.example")
    assert not any(line.startswith("MAIL") for line in server.lines)


def test_an_idle_line_is_tested_before_it_is_used(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer() as server:
        line = connect(server)
        assert line.alive()
        assert "NOOP" not in server.lines
        line.used_at -= 60
        assert line.alive()
        assert "NOOP" in server.lines
    line.used_at -= 60
    assert not line.alive()


@pytest.mark.parametrize(
    ("url", "host", "port", "user"),
    [
        ("smtp://mail.example", "mail.example", 25, ""),
        ("smtps://mail.example", "mail.example", 465, ""),
        ("smtp+tls://a%40b:p%2Fw@mail.example:2525", "mail.example", 2525, "a@b"),
    ],
)
def test_smtp_urls(url: str, host: str, port: int, user: str) -> None:
    server = Server.parse(url)
    assert (server.host, server.port, server.user) == (host, port, user)


def test_what_is_no_smtp_url_is_said() -> None:
    with pytest.raises(ValueError, match="SMTP_URL is written"):
        Server.parse("mail.example:25")
