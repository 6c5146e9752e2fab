"""A Template that does to the process that renders it what its record says, and a look at that process."""

import os
from pathlib import Path

from accelerator import rendering
from accelerator.rendering import Compiled, Message

# What each kind of record takes without measure.
KINDS = {
    "memory": "{{ 'a'|replace('a', 'a' * 1000)|replace('a', 'a' * 10**7) }}",
    "depth": "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
    "time": "{% set x = range(99999)|list %}{% for i in x %}{% if 'x' in x %}{% endif %}{% endfor %}",
}
HTML = "<p>{{ name }}</p>" + "".join(
    f"{{% if kind == '{kind}' %}}{source}{{% endif %}}" for kind, source in KINDS.items()
)
TOO_MUCH = "it takes more memory or time than one message may, or it is nested too deeply"


def template() -> Compiled:
    return rendering.compile_template(subject="{{ name }}", html=HTML, text="t")


def messages(*kinds: str) -> list[Message]:
    return [
        Message({"name": f"{number}", "kind": kind}, "https://cloud.example/u/x")
        for number, kind in enumerate(kinds)
    ]


def children(of: int | None = None) -> list[int]:
    """Those of a process that render, as the system sees them."""
    tasks = Path(f"/proc/{of or os.getpid()}/task").iterdir()
    found = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    return [pid for pid in found if b"accelerator.rendering.child" in command(pid)]


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""
