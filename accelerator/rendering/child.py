"""The process that renders: a program that lives as long as its parent holds the other end of its pipe.

    python -m accelerator.rendering.child

It reads frames (`accelerator.frames`) from its standard input and answers on its standard output. Every frame begins
with a word:

    compile TEMPLATE                          -> compiled [VARIABLES, LINKS], or invalid [PART, LINE, MESSAGE]
    window TEMPLATE SUPPLEMENTAL SETTINGS     no answer; what the records are rendered with from now on
    records [[URL, MARKED, VALUES], ...]      for each: made SUBJECT HTML TEXT, or failed [PART, LINE, MESSAGE]

TEMPLATE has the three parts and the digits of the markers, which are in the HTML if it is MARKED. What is answered is
gathered while records come, and given out in larger pieces: each piece costs as much as a third of a message. In a
window whose settings are `careful` it is given out at once, so that what was made before a death is not lost with it.

While a Template is compiled, and in a window whose settings are `telling`, it also says `at PART` before each part,
so that its parent knows where it died. Anything that it did not expect is answered by `broken WHERE`, which is our
mistake.

A Template that nests without measure ends this process by its stack, one that repeats without measure by the limit of
its memory, and one that takes too long by a timer that needs nobody's help: none of them can be caught here.
"""

import functools
import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path

from accelerator import frames
from accelerator.rendering import decimals, engine
from accelerator.rendering.values import RenderError, TemplateInvalid

# Bytes of memory beside what the process has at its beginning; seconds of a processor for one message or compilation.
MEMORY = 512 * 2**20
SECONDS = 2.0

# How deep values may be nested: deeper than any parent can write them down.
DEPTH = 20_000

# Compiled Templates that are kept.
KEPT = 8

ANSWERS = 1
# Bytes of answers that are given out together.
TOGETHER = 64 * 1024

# Those of the columns, or names and values, or nothing if they could not be written down.
Values = list[object] | dict[str, object] | None


class Window:
    """What the records that come are rendered with."""

    def __init__(self, template: bytes, supplemental: bytes, settings: bytes) -> None:
        self.template = compiled(template)
        self.supplemental = shared(supplemental)
        self.columns, self.telling, self.careful = json.loads(settings)
        self.gathered: list[bytes] = []
        self.size = 0

    def answer_all(self, messages: bytes) -> None:
        for message in json.loads(messages, object_hook=decimals.read):
            begin_clock()
            try:
                answer = self.render(*message)
            except RenderError as error:
                told = json.dumps((error.part, error.line, error.message)).encode()
                answer = frames.pack(b"failed", told)
            self.gathered.append(answer)
            self.size += len(answer)
            if self.careful or self.size > TOGETHER:
                self.give_out()
        self.give_out()

    def give_out(self) -> None:
        write(b"".join(self.gathered))
        self.gathered, self.size = [], 0

    def render(self, unsubscribe_url: str, marked: bool, values: Values) -> bytes:
        if values is None:
            raise RenderError("subject", None, "a value of the record can't be written down")
        made = self.template.render(
            dict(zip(self.columns, values, strict=True)) if isinstance(values, list) else values,
            supplemental=self.supplemental,
            unsubscribe_url=unsubscribe_url,
            marked=marked,
            begin=tell if self.telling else engine.unheard,
        )
        return frames.pack(b"made", made.subject.encode(), made.html, made.text)


@functools.lru_cache(maxsize=KEPT)
def compiled(template: bytes) -> engine.Template:
    subject, html, text, digits = json.loads(template)
    return engine.compile_template(subject=subject, html=html, text=text, digits=digits, begin=tell)


@functools.lru_cache(maxsize=KEPT)
def shared(supplemental: bytes) -> engine.Shared:
    document = json.loads(supplemental, object_hook=decimals.read)
    return engine.Shared(document if isinstance(document, dict) else json.loads(supplemental))


def serve() -> None:
    """Answer until the parent is gone."""
    window: Window | None = None
    for word, *strings in frames.read(sys.stdin.buffer):
        begin_clock()
        try:
            if word == b"compile":
                template = compiled(*strings)
                answer(b"compiled", json.dumps((sorted(template.variables), template.links)).encode())
            elif word == b"window":
                window = None  # records are never rendered with another one's, whatever goes wrong here
                window = Window(*strings)
            elif word == b"records" and window is not None:
                window.answer_all(*strings)
            else:
                raise LookupError
        except TemplateInvalid as error:
            answer(b"invalid", json.dumps((error.part, error.line, error.message)).encode())
        except (MemoryError, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001  the parent raises it
            # Not its words: they may quote the data.
            place = traceback.extract_tb(error.__traceback__)[-1]
            answer(b"broken", f"{type(error).__name__} in {place.name}, line {place.lineno}".encode())


def begin_clock() -> None:
    """By the processor's time and not by the clock's: no recipient is to blame for a busy machine."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)


def tell(part: str) -> None:
    answer(b"at", part.encode())


def answer(*strings: bytes) -> None:
    write(frames.pack(*strings))


def write(data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(ANSWERS, left) :]


def limit() -> None:
    """Bound what one Template may take, and let nothing end this process but that and the end of its input."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    memory = pages * resource.getpagesize() + MEMORY
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        memory = min(memory, most)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPROF])
    sys.setrecursionlimit(DEPTH)


def rehearse() -> None:
    """Render something harmless: if that does not go, no Template is to blame."""
    engine.compile_template(subject="s", html="<a href=x>h</a>", text="t", digits="1").render(
        {}, supplemental=engine.Shared({}), unsubscribe_url="", marked=True
    )


def main() -> None:
    limit()
    rehearse()
    answer(b"ready")
    # From here on it has nothing to say to people: what ends it speaks of memory that it does not get, or of the data.
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
    try:
        serve()
    except BrokenPipeError:  # the parent is gone
        os._exit(0)


if __name__ == "__main__":
    main()
