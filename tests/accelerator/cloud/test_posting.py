"""Several lines at once: who goes on, who is waited for, and what is said of messages whose line breaks."""

import threading
from collections import deque
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator import failpoints
from accelerator.cloud import smtp
from accelerator.cloud.replies import Result, Verdict
from accelerator.cloud.smtp import Line, Message, Server, Timeouts
from tests.accelerator.cloud.scripted import AND_CUT, CUT, EHLO, SILENCE, ScriptedServer, recipient_of

TEXT = b"Subject: hello\r\n\r\nhello\r\n"
Open = Callable[..., list[Line]]


class Fatal(Exception):
    """Ends everything at once."""


@pytest.fixture
def lines() -> Iterator[Open]:
    opened: list[Line] = []

    def lines(server: ScriptedServer, count: int = 3, **timeouts: float) -> list[Line]:
        found = [
            smtp.connect(Server.parse(server.url), Timeouts(**timeouts), name="cloud.example")
            for _ in range(count)
        ]
        opened.extend(found)
        return found

    yield lines
    for line in opened:
        line.close()


class Post:
    """What is to be sent, and what became of it. What was not got through is not tried again."""

    def __init__(self, *recipients: str) -> None:
        self.rest = deque(recipients)
        self.results: dict[str, Result] = {}

    def source(self) -> Message | None:
        return Message("me@a.example", self.rest.popleft(), TEXT) if self.rest else None

    def take(self, message: Message, result: Result, line: Line) -> None:  # noqa: ARG002
        assert message.recipient not in self.results
        self.results[message.recipient] = result

    @property
    def verdicts(self) -> dict[str, Verdict]:
        return {recipient: result.verdict for recipient, result in self.results.items()}


def people(count: int) -> list[str]:
    return [f"{number}@b.example" for number in range(count)]


def on(recipient: str, at: str, reply: str) -> Callable[[str], str | None]:
    """A script that says so at one stage of one recipient's message."""
    about = threading.local()

    def script(line: str) -> str | None:
        if line.startswith("RCPT"):
            about.now = recipient_of(line)
        return reply if line.startswith(at) and getattr(about, "now", "") == recipient else None

    return script


def test_everybody_gets_the_message_once_and_all_lines_help(lines: Open) -> None:
    with ScriptedServer() as server:
        post = Post(*people(60))
        opened = lines(server)
        smtp.post(opened, post.source, post.take)
        assert sorted(server.accepted) == sorted(people(60))
        assert set(post.verdicts.values()) == {Verdict.DELIVERED}
        assert all(line.accepted for line in opened)
        assert sum(line.accepted for line in opened) == 60


def test_the_next_envelope_goes_out_with_the_dot(lines: Open) -> None:
    """The server answers a dot only once it has the next envelope as well."""
    with ScriptedServer() as server:
        together: list[bool] = []

        def script(line: str) -> str | None:
            if line == "." and len(server.accepted) < 4:
                together.append(server.more())
            return None

        server.script = script
        post = Post(*people(5))
        smtp.post(lines(server, 1), post.source, post.take)
        assert len(server.accepted) == 5
        assert together == [True] * 4


def test_without_pipelining_every_command_waits_for_its_answer(lines: Open) -> None:
    with ScriptedServer(ehlo="250 scripted") as server:
        early: list[str] = []

        def script(line: str) -> str | None:
            if server.more(0.002) and line != "DATA":
                early.append(line)
            return None

        server.script = script
        post = Post(*people(8))
        smtp.post(lines(server, 1), post.source, post.take)
        assert len(server.accepted) == 8
        assert early == []


def test_a_slow_reply_holds_up_its_own_line_alone(lines: Open) -> None:
    go_on = threading.Event()
    slow = ["the first that comes"]

    def script(line: str) -> str | None:
        if line == "." and slow:
            slow.pop()
            assert go_on.wait(30)
        return None

    with ScriptedServer(script) as server:
        post = Post(*people(40))

        def take(message: Message, result: Result, line: Line) -> None:
            post.take(message, result, line)
            if len(post.results) == 38:  # left are the slow one, and whose envelope went out with its dot
                go_on.set()

        smtp.post(lines(server, 2), post.source, take)
        assert set(post.verdicts.values()) == {Verdict.DELIVERED}
        assert sorted(server.accepted) == sorted(people(40))


@pytest.mark.parametrize(
    ("at", "reply", "verdict"),
    [
        ("RCPT", "550 5.1.1 nobody", Verdict.BOUNCED),
        ("RCPT", "450 4.2.0 later", Verdict.DEFERRED),
        ("RCPT", CUT, Verdict.CUT),
        ("RCPT", "421 4.3.2 closing", Verdict.BUSY),
        ("RCPT", f"521 5.1.1 nobody{AND_CUT}", Verdict.BOUNCED),
        ("RCPT", f"450 4.2.0 later{AND_CUT}", Verdict.DEFERRED),
        ("DATA", "451 4.3.0 later", Verdict.DEFERRED),
        ("DATA", CUT, Verdict.CUT),
        (".", "554 5.7.1 spam", Verdict.BOUNCED),
        (".", "451 4.3.0 later", Verdict.DEFERRED),
        (".", CUT, Verdict.UNKNOWN),
        (".", "421 4.3.2 closing", Verdict.BUSY),
    ],
)
@pytest.mark.parametrize("pipelining", [True, False])
def test_what_befalls_one_message_is_said_of_that_one(
    lines: Open, pipelining: bool, at: str, reply: str, verdict: Verdict
) -> None:
    ehlo = EHLO if pipelining else "250 scripted"
    with ScriptedServer(on("7@b.example", at, reply), ehlo=ehlo) as server:
        post = Post(*people(30))
        smtp.post(lines(server), post.source, post.take)
        assert post.verdicts["7@b.example"] is verdict
        others = {one: said for one, said in post.verdicts.items() if one != "7@b.example"}
        # Whose envelope was on its way on the line that ended is untouched.
        untouched = [one for one, said in others.items() if said is Verdict.CUT]
        assert len(untouched) <= 1
        delivered = [one for one, said in others.items() if said is Verdict.DELIVERED]
        assert len(delivered) + len(untouched) == 29
        assert sorted(server.accepted) == sorted(delivered)


def test_a_reply_that_comes_before_the_dot_is_no_answer_to_it(lines: Open) -> None:
    """Said while a long text is on its way: that one is untouched, whatever was said."""

    def script(line: str) -> str | None:
        return "354 Go ahead\r\n250 2.0.0 thank you" if line == "DATA" else None

    with ScriptedServer(script) as server:
        messages = [Message("me@a.example", "you@b.example", b"x\r\n" * 2_000_000)]
        said: list[Verdict] = []
        smtp.post(
            lines(server, 1),
            lambda: messages.pop() if messages else None,
            lambda *told: said.append(told[1].verdict),
        )
        assert said == [Verdict.CUT]


@pytest.mark.parametrize("said", ["421 4.3.2 changed my mind", "250 2.0.0 thank you", "nonsense"])
def test_whoever_speaks_with_the_go_ahead_gets_no_text_and_nobody_is_lost(lines: Open, said: str) -> None:
    """A short text, too, whose next one has its envelope on the way."""

    def script(line: str) -> str | None:
        return f"354 Go ahead\r\n{said}" if line == "DATA" else None

    with ScriptedServer(script) as server:
        post = Post(*people(3))
        smtp.post(lines(server, 3), post.source, post.take)
        assert len(post.results) == 3
        assert set(post.verdicts.values()) == {Verdict.CUT}
        assert server.contents == []


@pytest.mark.parametrize("place", ["dot.before", "dot.after"])
def test_a_mistake_at_a_dot_loses_nobody(lines: Open, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def reached(name: str) -> None:
        if name == place:
            raise ValueError(place)

    with ScriptedServer() as server:
        post = Post(*people(3))
        monkeypatch.setattr(failpoints, "reached", reached)
        with pytest.raises(ValueError, match=place):
            smtp.post(lines(server, 1), post.source, post.take)
        told = Verdict.UNKNOWN if place == "dot.after" else Verdict.CUT
        assert post.verdicts["0@b.example"] is told
        assert len(post.results) + len(post.rest) == 3


def test_in_a_hurry_what_has_no_dot_is_called_back_and_the_rest_is_waited_for(lines: Open) -> None:
    answer = threading.Event()
    with ScriptedServer() as server:

        def script(line: str) -> str | None:
            if line.startswith("RCPT TO:<silent"):
                return SILENCE
            if line == ".":
                assert answer.wait(30)
            return None

        server.script = script
        post = Post("silent@b.example", "slow@b.example", "never@b.example")
        hurried = threading.Event()

        def source() -> Message | None:
            return None if hurried.is_set() else post.source()

        def take(message: Message, result: Result, line: Line) -> None:
            post.take(message, result, line)
            if message.recipient == "silent@b.example":
                answer.set()

        def pulse() -> None:
            hurried.set()

        opened = lines(server, 2)
        # The third waits for a line, and there will be none.
        smtp.post(opened, source, take, pulse=pulse, hurried=hurried.is_set)
        assert post.verdicts["silent@b.example"] is Verdict.CUT
        assert post.verdicts["slow@b.example"] is Verdict.DELIVERED
        assert (
            server.accepted == ["slow@b.example"] or post.verdicts.get("never@b.example") is Verdict.DELIVERED
        )


def test_after_a_mistake_nothing_is_begun_and_what_was_begun_is_answered(lines: Open) -> None:
    with ScriptedServer() as server:
        post = Post(*people(50))

        def take(message: Message, result: Result, line: Line) -> None:
            post.take(message, result, line)
            if len(post.results) == 10:
                raise ValueError("a mistake")

        with pytest.raises(ValueError, match="a mistake"):
            smtp.post(lines(server), post.source, take)
        assert len(post.results) + len(post.rest) == 50
        assert len(post.results) < 50
        assert set(post.verdicts.values()) == {Verdict.DELIVERED}
        assert sorted(server.accepted) == sorted(post.results)


def test_what_is_fatal_ends_it_at_once(lines: Open) -> None:
    over = threading.Event()

    def script(line: str) -> str | None:
        return CUT if line == "." and over.wait(30) else None

    with ScriptedServer(script) as server:
        post = Post(*people(10))

        def pulse() -> None:
            raise Fatal

        try:
            with pytest.raises(Fatal):
                smtp.post(lines(server), post.source, post.take, pulse=pulse, fatal=Fatal)
            assert post.results == {}
            assert server.accepted == []
        finally:
            over.set()


@settings(max_examples=25, deadline=None)
@given(
    fates=st.lists(
        st.tuples(
            st.sampled_from(["MAIL", "RCPT", "DATA", "."]),
            st.sampled_from(
                [
                    "250 2.0.0 OK",
                    "451 4.0.0 x",
                    "550 5.0.0 x",
                    "421 4.0.0 x",
                    "354 Go ahead\r\n421 4.0.0 x",
                    "250-2.0.0 a\r\n250 2.0.0 b",
                    CUT,
                ]
            ),
        ),
        max_size=25,
    ),
    pipelining=st.booleans(),
    count=st.integers(1, 4),
)
def test_whatever_the_server_says_each_message_has_one_outcome_and_it_is_true(
    fates: list[tuple[str, str]], pipelining: bool, count: int
) -> None:
    """A message is delivered only if the server took it, and untouched or refused only if it did not."""
    fate_of = {f"{number}@b.example": fate for number, fate in enumerate(fates)}

    def script(line: str) -> str | None:
        stage, _, rest = line.partition(" ")
        if stage == "MAIL":
            about.now = rest.partition("fate")[2].partition("@")[0] + "@b.example"
        at, reply = fate_of.get(getattr(about, "now", ""), ("", ""))
        return (
            reply if at and line.startswith(at) and not (at == "DATA" and reply.startswith("250")) else None
        )

    about = threading.local()
    rest, results = deque(fate_of), dict[str, Verdict]()

    def source() -> Message | None:
        if not rest:
            return None
        recipient = rest.popleft()
        return Message(f"fate{recipient.partition('@')[0]}@a.example", recipient, TEXT)

    with ScriptedServer(script, ehlo=EHLO if pipelining else "250 scripted") as server:
        opened = [smtp.connect(Server.parse(server.url), Timeouts(), name="c.example") for _ in range(count)]
        smtp.post(
            opened, source, lambda message, result, _: results.update({message.recipient: result.verdict})
        )
        for line in opened:
            line.close()
        taken = set(server.accepted)
    assert len(server.accepted) == len(taken)
    assert results.keys() | set(rest) == fate_of.keys()
    for recipient, verdict in results.items():
        if verdict is Verdict.DELIVERED:
            assert recipient in taken
        elif verdict is not Verdict.UNKNOWN:
            assert recipient not in taken
    assert not taken & set(rest)
