"""Templates that try to break out: each ends soon, with a refusal or with nothing harmful, and the process lives on."""

import signal
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import pytest

from accelerator import rendering
from accelerator.rendering import Rendered, RenderError, TemplateInvalid
from campaigns import checks
from campaigns.models import Template
from tests.security.attempts import ATTEMPTS, ENDS, FAILS, INVALID, MAKES, TOO_MUCH, Attempt

RECORD = {
    "name": "Ann",
    "n": 7,
    "huge": 10**12,
    "xs": [1, 2, 3],
    "deep": {"a": {"b": "c"}},
    "markup": '"><script>alert(1)</script>',
    "lines": "Hello\r\nBcc: eve@evil.example\r\n\r\n<b>",
    "odd": "a\0b\x0bc\x0cd\x1ce\x85f\u2028g\u2029h\u202ei",
    "statement": "{{ 7 * 7 }}{% include 'text' %}",
}
SUPPLEMENTAL = {"season": "autumn", "list": [1, 2], "deep": {"a": 1}}
NOTHING = Rendered.of("", "", "")
PIXEL = '<img src="https://cloud.example/o/1" width="1" height="1" alt="">'


@dataclass(frozen=True)
class End:
    """How an attempt ended, and the sentence that was said or the message that was made."""

    how: str
    words: str = ""
    made: Rendered = NOTHING


def end(attempt: Attempt, *, tracked: bool) -> End:
    """What becomes of it: as the dashboard renders it, or as the Cloud does, with links and pixel."""
    try:
        ready = rendering.compile_template(**asdict(attempt.parts))
        made = ready.render(
            RECORD,
            supplemental=SUPPLEMENTAL,
            unsubscribe_url="https://cloud.example/u/1",
            link=link if tracked else None,
            open_pixel_url="https://cloud.example/o/1" if tracked else "",
        )
    except TemplateInvalid as error:
        return End(INVALID, str(error))
    except RenderError as error:
        return End(FAILS, str(error))
    return End(MAKES, made=made)


def link(number: int, url: str) -> str:
    """As the Cloud's: the number is packed, so it must be one (`accelerator.cloud.links`)."""
    return f"https://cloud.example/c/{struct.pack('>I', number).hex()}?{url}"


def test_there_are_many_and_each_has_its_name() -> None:
    assert len(ATTEMPTS) >= 60
    assert len({one.name for one in ATTEMPTS}) == len(ATTEMPTS)


@pytest.mark.parametrize("tracked", [False, True], ids=["shown", "sent"])
@pytest.mark.parametrize("attempt", ATTEMPTS, ids=[one.name for one in ATTEMPTS])
def test_an_attempt_ends_as_it_should(attempt: Attempt, tracked: bool) -> None:
    """In this very process, as everywhere; afterwards the next recipient gets her own message."""
    found = end(attempt, tracked=tracked)
    assert found.how in ((MAKES, FAILS, INVALID) if attempt.end == ENDS else (attempt.end,)), found
    if attempt.end == MAKES:
        assert getattr(found.made, attempt.part).replace(PIXEL, "") == attempt.words
    elif attempt.end != ENDS:
        assert attempt.words in found.words
    # It is shown on pages, and kept for each recipient.
    assert len(found.words) <= 1_000
    assert "<script" not in found.made.html
    harmless = rendering.compile_template(subject="s", html="{{ supplemental.season }} {{ name }}", text="t")
    made = harmless.render({"name": "Ben"}, supplemental=SUPPLEMENTAL, unsubscribe_url="")
    assert made.html == "autumn Ben"


@pytest.mark.parametrize("words", ["{{ n" + ".a" * 200_000 + " }}", "{{ 'a\\na'|indent(10**12) }}"])
def test_a_marketer_reads_what_is_wrong_with_it(words: str) -> None:
    """On the form, when it does not compile and when it fails for the record that is shown."""
    reading = checks.read(Template(subject="s", html=words, text="{{ unsubscribe_url }}"), None, {})
    assert TOO_MUCH in reading.problem
    assert reading.problem.startswith("The html of the template")


@pytest.fixture
def patience() -> Iterator[None]:
    """A safety net: what ends takes a hundredth of it."""

    def lost(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, lost)
    signal.alarm(5)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "unit", ["<img ", "<!--", "<a href='", "</", "&amp", "<style>", "<![CDATA[", "<?", "<!DOCTYPE "]
)
def test_a_message_of_any_kind_is_looked_over(patience: None, unit: str) -> None:
    html = unit * (300_000 // len(unit))
    checks.preheader(html)
    assert checks._of_message(Rendered.of("s", html, "t"))
