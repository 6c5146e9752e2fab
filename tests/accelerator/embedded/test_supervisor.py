"""The supervisor keeps processes running, ends them in order, and takes them with it when it is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from accelerator.embedded import folders, guarding
from accelerator.embedded.guardian import OTHERS
from accelerator.embedded.output import Output
from accelerator.embedded.processes import Command
from accelerator.embedded.supervisor import CommandFailed, Stopping, Supervisor
from accelerator.embedded.valkey import Valkey
from tests.accelerator.embedded.conftest import eventually, running

Program = Callable[[str], "subprocess.Popen[str]"]

TALK = "import signal, sys, time; print('talking', flush=True); time.sleep(1000)"
# Says when it was asked to end, and takes a moment over it.
DRAIN = """
import os, signal, time
def end(*_):
    time.sleep(0.3)
    os.write(1, b"drained\\n")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print("talking", flush=True)
time.sleep(1000)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(1000)"
# A step that ends well when there is a file.
UNTIL_THERE = """
import os, sys, time
deadline = time.monotonic() + 20
while not os.path.exists({file!r}):
    if time.monotonic() > deadline:
        sys.exit("waited in vain")
    time.sleep(0.02)
"""

# Runs a child that has a child of its own, in its own session, until it is killed.
SUPERVISE = """
import os, sys
from pathlib import Path
from accelerator.embedded import folders
from accelerator.embedded.output import Output
from accelerator.embedded.processes import Command
from accelerator.embedded.supervisor import Supervisor
data = Path(os.environ["DATA_DIR"])
lock = folders.lock(data / "up.lock", wait=0, refusal="taken")
family = "import subprocess, time; subprocess.Popen(['sleep', '1000']); print('family'); time.sleep(1000)"
with Supervisor(Output(data / "up.log"), lock) as supervisor:
    supervisor.start(Command("family", [sys.executable, "-u", "-c", family]))
    supervisor.run()
"""


# Notes when it ends, and whether the server was still there.
LINGER = """
import os, signal, socket, sys, time
name, notes, server = sys.argv[1:]
def note(text):
    with open(notes, "a") as file:
        print(name, text, file=file)
def end(*_):
    print("my last words", flush=True)
    time.sleep(0.5)
    with socket.socket(socket.AF_UNIX) as connection:
        note("ends before the server" if connection.connect_ex(server) == 0 else "ends too late")
    sys.exit()
signal.signal(signal.SIGTERM, end)
note("runs")
time.sleep(1000)
"""
SERVE = f"""
import os, sys
from pathlib import Path
from accelerator.embedded import folders
from accelerator.embedded.output import Output
from accelerator.embedded.processes import Command
from accelerator.embedded.supervisor import Supervisor
from accelerator.embedded.valkey import Valkey
data = Path(os.environ["DATA_DIR"])
lock = folders.lock(data / "up.lock", wait=0, refusal="taken")
linger = {LINGER!r}
with Supervisor(Output(data / "up.log"), lock) as supervisor:
    valkey = Valkey(data)
    supervisor.serve("Valkey", valkey)
    print(supervisor.guard.process.pid, flush=True)
    for name in ("web", "worker"):
        arguments = [sys.executable, "-c", linger, name, str(data / "notes"), str(valkey.socket)]
        supervisor.start(Command(name, arguments, worker=name == "worker"))
    supervisor.run()
"""

# Stands still where Valkey runs and does not answer yet.
SERVE_AND_HOLD = """
import os, time
from pathlib import Path
from accelerator.embedded import folders
from accelerator.embedded.output import Output
from accelerator.embedded.supervisor import Supervisor
from accelerator.embedded.valkey import Valkey
class Held(Valkey):
    def wait_until_ready(self):
        super().wait_until_ready()
        print("held", flush=True)
        time.sleep(1000)
data = Path(os.environ["DATA_DIR"])
lock = folders.lock(data / "up.lock", wait=0, refusal="taken")
with Supervisor(Output(data / "up.log"), lock) as supervisor:
    supervisor.serve("Valkey", Held(data))
"""
# Fails to tell the guardian of a child, and lives on until that has ended.
START_UNTOLD = """
import os, sys
from pathlib import Path
from accelerator.embedded import folders
from accelerator.embedded.output import Output
from accelerator.embedded.processes import Command
from accelerator.embedded.supervisor import Supervisor
class Untold(Exception):
    pass
def watch(*arguments, **options):
    raise Untold
data = Path(os.environ["DATA_DIR"])
lock = folders.lock(data / "up.lock", wait=0, refusal="taken")
with Supervisor(Output(data / "up.log"), lock) as supervisor:
    supervisor.guard.watch = watch
    try:
        supervisor.start(Command("one", ["/usr/bin/env", "touch", str(data / "ran")]))
    except Untold:
        while os.wait()[0] == supervisor.guard.process.pid:
            pass
        print("untold", flush=True)
"""


@pytest.fixture
def supervisor(data: Path) -> Iterator[Supervisor]:
    lock = folders.lock(data / "up.lock", wait=0, refusal="taken")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    output = Output(data / "up.log")
    with Supervisor(output, lock) as supervisor:
        yield supervisor
    output.close()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    os.close(lock)


def python(name: str, code: str, *, worker: bool = False, grace: float = 10.0) -> Command:
    return Command(name, [sys.executable, "-c", code], worker=worker, grace=grace)


def says(data: Path, text: str) -> Callable[[], bool]:
    return lambda: text in (data / "up.log").read_text()


def test_it_passes_on_what_they_say(supervisor: Supervisor, data: Path) -> None:
    supervisor.start(python("one", TALK))
    assert supervisor.wait_until(says(data, "one | talking"), 10)


def test_it_starts_a_dead_one_again_and_says_so(supervisor: Supervisor, data: Path) -> None:
    child = supervisor.start(python("one", TALK))
    assert supervisor.wait_until(says(data, "one | talking"), 10)
    child.process.kill()
    assert supervisor.wait_until(says(data, "one was killed (SIGKILL); starting it again"), 10)
    assert supervisor.wait_until(lambda: (data / "up.log").read_text().count("one | talking") == 2, 10)


def test_it_gives_up_on_one_that_dies_at_once(supervisor: Supervisor) -> None:
    supervisor.start(python("one", "import sys; print('no such table'); sys.exit(3)"))
    with pytest.raises(
        CommandFailed, match=r'"one" ended \(exit code 3\), 5 times .* It said: no such table'
    ):
        supervisor.run()


def test_it_starts_a_dead_server_again(supervisor: Supervisor, data: Path) -> None:
    server = Valkey(data)
    supervisor.serve("Valkey", server)
    assert server.process
    server.process.kill()
    assert supervisor.wait_until(says(data, "Valkey was killed (SIGKILL); starting it again"), 10)
    assert server.answers()


def test_a_step_that_fails_says_why(supervisor: Supervisor) -> None:
    with pytest.raises(CommandFailed, match=r'"migrate" failed\. It said: no room'):
        supervisor.finish([python("static", "pass"), python("migrate", "import sys; sys.exit('no room')")])
    assert supervisor.children == []


def test_a_signal_stops_it(supervisor: Supervisor) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Stopping):
        supervisor.run()


def test_workers_end_before_those_they_talk_to(supervisor: Supervisor, data: Path) -> None:
    supervisor.start(python("web", DRAIN))
    supervisor.start(python("worker", DRAIN, worker=True))
    assert supervisor.wait_until(lambda: (data / "up.log").read_text().count("talking") == 2, 10)
    supervisor.stop()
    said = (data / "up.log").read_text()
    assert said.index("worker | drained") < said.index("web | drained")


def test_one_that_does_not_end_is_killed(supervisor: Supervisor, data: Path) -> None:
    supervisor.start(python("one", DEAF, grace=0.5))
    assert supervisor.wait_until(says(data, "one | deaf"), 10)
    supervisor.stop()
    assert says(data, "one did not end in time, and is killed")()


def test_a_second_ctrl_c_kills_at_once(supervisor: Supervisor, data: Path) -> None:
    supervisor.start(python("one", DEAF, grace=60))
    assert supervisor.wait_until(says(data, "one | deaf"), 10)
    supervisor.count(signal.SIGINT, None)
    supervisor.last_signal -= 2
    before = signal.signal(signal.SIGALRM, supervisor.count)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    began = time.monotonic()
    supervisor.stop()
    signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - began < 10


def test_one_press_that_arrives_twice_counts_once(supervisor: Supervisor) -> None:
    supervisor.count(signal.SIGINT, None)
    supervisor.count(signal.SIGINT, None)
    assert supervisor.signals == 1


def test_when_it_is_killed_nothing_is_left(program: Program, data: Path) -> None:
    killed = program(SUPERVISE)
    assert eventually(lambda: (data / "up.log").exists() and says(data, "family | family")())
    assert len(running(str(data))) >= 4  # itself, its guardian, the child and the child's child
    killed.send_signal(signal.SIGKILL)
    assert eventually(lambda: running(str(data)) == [])
    os.close(folders.lock(data / "up.lock", wait=5, refusal="still taken"))


def test_when_it_is_killed_workers_end_before_others_and_the_databases_last(
    program: Program, data: Path
) -> None:
    killed, notes = program(SERVE), data / "notes"
    assert eventually(lambda: notes.exists() and notes.read_text().count("runs") == 2)
    killed.send_signal(signal.SIGKILL)
    os.close(folders.lock(data / "up.lock", wait=15, refusal="still taken"))
    assert eventually(lambda: running(str(data)) == [])
    assert notes.read_text().splitlines()[2:] == [
        "worker ends before the server",
        "web ends before the server",
    ]


def test_when_it_is_killed_before_a_server_answers_nothing_is_left(program: Program, data: Path) -> None:
    killed = program(SERVE_AND_HOLD)
    assert killed.stdout
    assert killed.stdout.readline() == "held\n"
    killed.send_signal(signal.SIGKILL)
    assert eventually(lambda: running(str(data)) == [])


def test_nothing_runs_before_the_guardian_knows_of_it(program: Program, data: Path) -> None:
    said, _ = program(START_UNTOLD).communicate(timeout=60)
    assert "untold\n" in said
    assert not (data / "ran").exists()


def test_a_guardian_that_died_is_replaced(program: Program, data: Path) -> None:
    killed, notes = program(SERVE), data / "notes"
    assert killed.stdout
    first = killed.stdout.readline().strip()
    assert eventually(lambda: notes.exists() and notes.read_text().count("runs") == 2)

    def others() -> set[str]:
        # One look: of two, the first may still see the dying one and the second nobody, and that is no replacement.
        return {line.partition(":")[0] for line in running(str(data)) if "guardian.py" in line} - {first}

    os.kill(int(first), signal.SIGKILL)
    assert eventually(others)
    killed.send_signal(signal.SIGKILL)
    assert eventually(lambda: running(str(data)) == [])
    assert notes.read_text().count("before the server") == 2


def test_a_guardian_that_died_during_a_step_is_replaced(
    supervisor: Supervisor, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post, replaced = supervisor.guard.post, data / "replaced"

    def post_and_note() -> None:
        post()
        replaced.touch()

    monkeypatch.setattr(supervisor.guard, "post", post_and_note)
    supervisor.guard.process.kill()
    supervisor.finish([python("migrate", UNTIL_THERE.format(file=str(replaced)))])


def test_a_new_guardian_knows_everything_when_we_die_the_moment_it_is_posted(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = guarding.Guard(folders.lock(data / "up.lock", wait=0, refusal="taken"))
    watched = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    guard.watch(watched.pid, stage=OTHERS, ends_by=signal.SIGTERM)
    guard.process.kill()
    guard.process.wait()
    post = subprocess.Popen

    def post_and_die(*arguments: object, **options: object) -> object:
        guardian = post(*arguments, **options)  # type: ignore[call-overload]
        guard.channel.close()
        return guardian

    monkeypatch.setattr(subprocess, "Popen", post_and_die)
    guard.tick()
    assert watched.wait(20) == -signal.SIGTERM
    assert guard.process.wait(20) == 0
    os.close(guard.lock)
