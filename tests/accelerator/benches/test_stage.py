"""Whatever happens on it, a stage leaves no process and no folder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from accelerator.benches import BenchFailed, house
from accelerator.benches.stage import Process, Stage
from accelerator.embedded.processes import Command
from tests.accelerator.embedded.conftest import CHECKOUT, eventually, running

SLEEPS = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('up', flush=True)
time.sleep(600)
"""


def sleeper(stage: Stage, *code: str) -> Process:
    arguments = [sys.executable, "-c", *code] if code else SLEEPS
    process = stage.start(Command("sleeper", arguments, grace=0.5), stage.environment())
    process.until(lambda: "up" in process.said, "it sleeps", 30)
    return process


def test_an_error_leaves_no_process_and_no_folder() -> None:
    def fail() -> None:
        with Stage() as stage:
            places.append(stage.folder)
            with psycopg.connect(stage.postgres().url("postgres")) as database:
                database.execute("SELECT 1")
            assert stage.valkey().answers()
            sleeper(stage)
            assert running(str(stage.folder))
            raise KeyError("a bug")

    places: list[Path] = []
    with pytest.raises(KeyError):
        fail()
    [folder] = places
    assert not folder.exists()
    assert running(str(folder)) == []


def test_what_does_not_end_is_ended() -> None:
    with Stage() as stage:
        process = sleeper(stage, STUBBORN)
    assert process.popen.poll() == -signal.SIGKILL


def test_signals_are_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Stage():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_command_that_fails_is_quoted() -> None:
    with (
        Stage() as stage,
        pytest.raises(BenchFailed, match=r'"sad" failed \(exit code 3\). It said: no luck'),
    ):
        stage.finish(Command("sad", [sys.executable, "-c", "print('no luck'); exit(3)"]), stage.environment())


def test_a_process_that_ends_too_early_is_quoted() -> None:
    with Stage() as stage:
        process = stage.start(Command("sad", [sys.executable, "-c", "print('no luck')"]), stage.environment())
        with pytest.raises(BenchFailed, match="It said: no luck"):
            process.until(lambda: False, "luck", 30)


def test_nothing_of_the_callers_house_reaches_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://production")
    monkeypatch.setenv("SMTP_URL", "smtp://relay.example")
    with Stage() as stage:
        env = stage.environment(PORT="1")
    assert "production" not in str(env)
    assert "relay" not in str(env)
    assert env["DATA_DIR"].startswith(str(stage.folder))


def test_a_database_named_in_a_dotenv_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    assert not house.names_database(file)
    file.write_text("# DATABASE_URL=postgres:///x\nCLOUD_DATABASE_URL=postgres:///y\n")
    assert not house.names_database(file)
    file.write_text("export DATABASE_URL = postgres:///x\n")
    assert house.names_database(file)


# --- signals from outside --------------------------------------------------------------------------------

BENCH = f"""
import sys
from accelerator.benches.stage import Stage
from accelerator.embedded.processes import Command

with Stage() as stage:
    stage.valkey()
    process = stage.start(Command("sleeper", {SLEEPS!r}), stage.environment())
    process.until(lambda: "up" in process.said, "it sleeps", 30)
    print(stage.folder, flush=True)
    process.popen.wait()
"""


def bench(code: str = BENCH) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, stderr=-3
    )


def folder_of(process: "subprocess.Popen[str]") -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_and_removes_everything(number: signal.Signals) -> None:
    with bench() as process:
        folder = folder_of(process)
        assert running(str(folder))
        process.send_signal(number)
        assert process.wait(60) != 0
    assert not folder.exists()
    assert running(str(folder)) == []


def test_killed_it_takes_its_processes_along_and_the_next_stage_removes_the_folder() -> None:
    with bench() as process:
        folder = folder_of(process)
        process.kill()
        process.wait(60)
    assert eventually(lambda: running(str(folder)) == [])
    assert folder.exists()
    os.utime(folder, (0, 0))
    with Stage():
        assert not folder.exists()
