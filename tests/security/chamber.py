"""A process that renders what may kill it: each attempt in a child of its own, with a limit of memory and of patience.

Run as a program it reads attempts, one JSON object a line, and answers each with what came of it, in the same way.
"""

import contextlib
import json
import os
import resource
import select
import signal
import struct
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

REPOSITORY = Path(__file__).parents[2]

# What one attempt may take beside what the process has already: far more than any message needs.
MEMORY = 512 * 2**20
# Seconds until an attempt counts as one that does not end. No assertion on speed: what ends takes a hundredth of it.
PATIENCE = 10.0

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
PIXEL = '<img src="https://cloud.example/o/1" width="1" height="1" alt="">'


@dataclass(frozen=True)
class End:
    """How an attempt ended: "made", "invalid", "failed", or what must not be: "raised", "died", "late".

    `after` is what the same process makes of a harmless Template afterwards, for the next recipient.
    """

    how: str
    words: str = ""
    subject: str = ""
    html: str = ""
    text: str = ""
    after: str = ""


@dataclass(frozen=True)
class Parts:
    """A Template, of which an attempt writes one part."""

    subject: str = "s"
    html: str = "<p>h</p>"
    text: str = "t"


@dataclass
class Chamber:
    """The process with the children, from outside."""

    process: "subprocess.Popen[str]" = field(init=False)

    def __enter__(self) -> "Chamber":
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.security.chamber"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def attempt(self, parts: Parts, *, tracked: bool) -> End:
        """What becomes of the Template: as the dashboard renders it, or as the Cloud does, with links and pixel."""
        assert self.process.stdin
        assert self.process.stdout
        print(json.dumps(asdict(parts) | {"tracked": tracked}), file=self.process.stdin, flush=True)
        return End(**json.loads(self.process.stdout.readline()))


# --- inside ---------------------------------------------------------------------------------------------


def serve(requests: TextIO, answers: TextIO) -> None:
    from accelerator import rendering  # once for all children

    rendering.compile_template(subject="s", html="h", text="t").render(
        RECORD, supplemental={}, unsubscribe_url=""
    )
    for line in requests:
        print(json.dumps(_in_a_child(json.loads(line))), file=answers, flush=True)


def _in_a_child(asked: dict[str, object]) -> object:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _limit()
        with os.fdopen(writing, "w") as answer:
            json.dump(asdict(_attempt(**asked)), answer)  # type: ignore[arg-type]
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said, late = "", not _readable(answer)
        if late:
            os.kill(child, signal.SIGKILL)
        else:
            said = answer.read()
        os.waitpid(child, 0)
    with contextlib.suppress(ValueError):
        found: object = json.loads(said)
        return found
    return asdict(End("late" if late else "died"))


def _readable(answer: TextIO) -> bool:
    return bool(select.select([answer], [], [], PATIENCE)[0])


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _attempt(subject: str, html: str, text: str, *, tracked: bool) -> End:
    from accelerator import rendering

    try:
        ready = rendering.compile_template(subject=subject, html=html, text=text)
        made = ready.render(
            RECORD,
            supplemental=SUPPLEMENTAL,
            unsubscribe_url="https://cloud.example/u/1",
            link=_link if tracked else None,
            open_pixel_url="https://cloud.example/o/1" if tracked else "",
        )
    except rendering.TemplateInvalid as error:
        return End("invalid", str(error)[:5_000])
    except rendering.RenderError as error:
        return End("failed", str(error)[:5_000], after=_after())
    except Exception as error:  # noqa: BLE001 - the finding itself
        return End("raised", f"{type(error).__name__}: {error}"[:300])
    return End("made", "", made.subject, made.html[:5_000], made.text[:5_000], _after())


def _link(number: int, url: str) -> str:
    """As the Cloud's: the number is packed, so it must be one (`accelerator.cloud.links`)."""
    return f"https://cloud.example/c/{struct.pack('>I', number).hex()}?{url}"


def _after() -> str:
    from accelerator import rendering

    ready = rendering.compile_template(subject="s", html="{{ supplemental.season }} {{ name }}", text="t")
    return ready.render({"name": "Ben"}, supplemental=SUPPLEMENTAL, unsubscribe_url="").html


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
