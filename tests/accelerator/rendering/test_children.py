"""The processes that render, from outside: when they begin, what ends them, and what they leave behind: nothing."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from accelerator import frames, rendering
from accelerator.rendering import NoChild, children
from tests.accelerator import waiting
from tests.accelerator.rendering import poison

# A process of ours that has rendered, says who renders for it, and renders again for each line that it reads.
PROGRAM = """
import os, signal, sys
from accelerator import rendering
from tests.accelerator.rendering import poison

ready = poison.template()
{before}
for line in sys.stdin:
    (message,) = poison.messages(line.strip())
    {each}
    try:
        made = ready.render(message.record, supplemental={{}}, unsubscribe_url="").text
    except rendering.RenderError as error:
        made = "failed"
    print(made, *poison.children(), flush=True)
"""


@contextlib.contextmanager
def running(before: str = "", each: str = "") -> Iterator["subprocess.Popen[str]"]:
    """In a group of its own, as from a terminal; whatever goes wrong in it is on its standard error."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(before=before, each=each)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"SECRET_KEY": "only-for-us"},
    )
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def ask(process: "subprocess.Popen[str]", kind: str = "") -> tuple[str, list[int]]:
    """Have it render: what was made, and who renders for it."""
    assert process.stdin
    assert process.stdout
    print(kind, file=process.stdin, flush=True)
    made, *pids = process.stdout.readline().split()
    return made, [int(pid) for pid in pids]


def gone(pid: int) -> bool:
    """Ended; nobody has to collect it."""
    return not poison.command(pid)


def test_the_process_begins_with_the_first_template_and_is_kept() -> None:
    with running() as process:
        (first,) = ask(process)[1]
        assert ask(process) == ("t", [first])
        assert ask(process, "depth")[0] == "failed"
        (second,) = ask(process)[1]
        assert second != first
        said, errors = process.communicate()
        assert (said, gone(second)) == ("", True)
        assert errors.count("a process that renders ended: status") == 2 == len(errors.splitlines())


def test_it_goes_with_a_parent_that_is_killed_though_a_sibling_lives() -> None:
    """The sibling was forked while the process was there, and holds none of its pipes."""
    sibling = "sibling = os.fork()\nif not sibling:\n    signal.pause()\nprint(sibling, flush=True)"
    with running(before=sibling) as process:
        assert process.stdout
        forked = int(process.stdout.readline())
        (child,) = ask(process)[1]
        process.kill()
        waiting.until(partial(gone, child))
        os.kill(forked, 0)


def test_it_goes_with_a_parent_that_is_killed_while_it_renders_without_end() -> None:
    with running() as process:
        (child,) = ask(process)[1]
        assert process.stdin
        print("time", file=process.stdin, flush=True)
        waiting.until(lambda: seconds(child) > 0.5, 20)
        process.kill()
        waiting.until(partial(gone, child), 60)


def seconds(pid: int) -> float:
    """Of the processor's time that it took."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_whole_group_leaves_it_to_its_parent(number: signal.Signals) -> None:
    """A parent that drains still has messages to render."""
    with running(before=f"signal.signal({number.value}, signal.SIG_IGN)") as process:
        before = ask(process)
        os.killpg(process.pid, number)
        assert ask(process) == before == ("t", before[1])


def test_a_forked_process_has_one_of_its_own() -> None:
    """Both render; neither takes the other's answers."""
    fork = "if line.strip() == 'fork': os.fork() and (os.wait(), sys.stdin.close(), os._exit(0))"
    with running(each=fork) as process:
        (first,) = ask(process)[1]
        (second,) = ask(process, "fork")[1]
        assert first != second
        assert not gone(first)
        assert ask(process) == ("t", [second])
    ready = poison.template()
    mine = poison.children()
    forked = os.fork()
    if not forked:
        with contextlib.suppress(BaseException):
            rendered = ready.render({"name": "x", "kind": ""}, supplemental={}, unsubscribe_url="")
            os._exit(rendered.subject == "x" and not set(poison.children()) & set(mine))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == 1
    assert ready.render({"name": "y", "kind": ""}, supplemental={}, unsubscribe_url="").subject == "y"
    assert poison.children() == mine


def test_threads_render_at_once_each_what_is_its_own() -> None:
    ready, barrier = poison.template(), threading.Barrier(4)
    made: dict[str, set[str]] = {}

    def render(name: str) -> None:
        barrier.wait(20)
        for _ in range(100):
            rendered = ready.render({"name": name, "kind": ""}, supplemental={}, unsubscribe_url="")
            made.setdefault(name, set()).add(rendered.html)

    threads = [threading.Thread(target=render, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == {name: {f"<p>{name}</p>"} for name in "abcd"}
    assert len(poison.children()) <= children.KEPT


def test_it_outlives_the_thread_that_began_it() -> None:
    begin = (
        "import threading; thread = threading.Thread(target=poison.template); thread.start(); thread.join()"
    )
    # Whose child it is when its thread has ended is the kernel's to say, a moment later.
    handed_on = "while not poison.children(): pass"
    with running(before=f"{begin}\n{handed_on}\nprint(*poison.children(), flush=True)") as process:
        assert process.stdout
        (begun,) = process.stdout.readline().split()
        assert ask(process) == ("t", [int(begun)])


def test_many_that_died_leave_no_descriptor_and_no_process_behind() -> None:
    ready = poison.template()

    def left() -> tuple[int, int]:
        tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
        pids = sum(len((task / "children").read_text().split()) for task in tasks)
        return len(list(Path("/proc/self/fd").iterdir())), pids

    rendering.compile_template(subject="s", html="h", text="t")
    before = left()
    for _ in range(25):
        for child in poison.children():
            os.kill(child, signal.SIGKILL)
            waiting.until(partial(gone, child))
        assert ready.render({"name": "x", "kind": ""}, supplemental={}, unsubscribe_url="").subject == "x"
    assert left() <= before


def test_it_knows_nothing_of_our_environment_and_has_nothing_of_ours_open() -> None:
    with running(before="os.set_inheritable(os.open('/etc/hostname', os.O_RDONLY), True)") as process:
        (child,) = ask(process)[1]
        assert b"SECRET_KEY" not in Path(f"/proc/{child}/environ").read_bytes()
        (again,) = ask(process)[1]
        assert again == child
        targets = [str(entry.readlink()) for entry in Path(f"/proc/{child}/fd").iterdir()]
        assert sorted(target.partition(":")[0] for target in targets) == ["/dev/null", "pipe", "pipe"]


def test_it_is_small_and_the_only_one_with_the_engine() -> None:
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", children.PROGRAM],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in said.stderr.splitlines()}
    assert "minijinja" in loaded
    assert not loaded & {"django", "celery", "pyarrow", "pydantic", "psycopg"}
    program = (
        "import sys; from accelerator import rendering as r; r.compile_template(subject='', html='', text='');"
        "assert 'minijinja' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_one_that_is_stuck_is_ended_and_nobody_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = poison.template()
    monkeypatch.setattr(children, "LOOK", 0.05)
    for child in poison.children():
        os.kill(child, signal.SIGSTOP)
    assert ready.render({"name": "x", "kind": ""}, supplemental={}, unsubscribe_url="").subject == "x"


def test_one_that_cannot_be_begun_is_nobodys_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    for child in poison.children():
        os.kill(child, signal.SIGKILL)
        waiting.until(partial(gone, child))
    with monkeypatch.context() as patched:
        patched.setattr(children, "PROGRAM", "accelerator.rendering.nothing")
        with pytest.raises(NoChild, match="in 3 attempts"):
            poison.template()
        patched.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(NoChild, match="No such file"):
            poison.template()
    assert poison.template().variables == {"name", "kind"}


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ([(b"window", b"no JSON", b"{}", b"[[], false, false]")], "JSONDecodeError in "),
        ([(b"records", b"[]")], "LookupError in serve"),
        ([(b"nonsense",)], "LookupError in serve"),
    ],
)
def test_a_mistake_of_ours_in_it_is_told_as_one(requests: list[tuple[bytes, ...]], words: str) -> None:
    packed = [frames.pack(*strings) for strings in requests]
    with pytest.raises(children.Broken, match=words):
        list(children.talk(lambda: iter(packed), 1, children.Pulse(time.monotonic)))
    assert poison.template().variables == {"name", "kind"}


def test_it_renders_nothing_with_a_window_of_before() -> None:
    source, window = b'["s", "h", "t", "1"]', b"[[], false, false]"
    requests = [
        frames.pack(b"window", source, b"{}", window),
        frames.pack(b"window", b'["{% if %}", "", "", "1"]', b"{}", window),
        frames.pack(b"records", b'[["u", false, []]]'),
    ]
    said = children.talk(lambda: iter(requests), 2, children.Pulse(time.monotonic))
    assert next(said)[0] == b"invalid"
    with pytest.raises(children.Broken, match="LookupError"):
        next(said)
