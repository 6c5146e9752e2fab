"""PostgreSQL starts on what the last one left behind, however that ended."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from accelerator.embedded import CannotStart, binaries, databases, folders
from accelerator.embedded.postgres import Postgres, PostgresFailed
from tests.accelerator.embedded.conftest import eventually, running

Program = Callable[[str], "subprocess.Popen[str]"]

START_AND_WAIT = """
import os, time
from pathlib import Path
from accelerator.embedded.postgres import Postgres
server = Postgres(Path(os.environ["DATA_DIR"]), durable=False)
server.start()
print(server.process.pid, flush=True)
time.sleep(1000)
"""


@pytest.fixture
def server(data: Path) -> Iterator[Postgres]:
    server = Postgres(data, durable=False)
    server.start()
    yield server
    server.stop()


def ask(server: Postgres, query: str) -> object:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None


def leave_a_note(server: Postgres) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TABLE note AS SELECT 'kept' AS text")


def test_it_keeps_its_data_and_leaves_no_process(server: Postgres, data: Path) -> None:
    leave_a_note(server)
    server.stop()
    assert running(str(data)) == []
    server.start()
    assert ask(server, "SELECT text FROM note") == "kept"


def test_it_listens_on_a_private_socket_only(server: Postgres) -> None:
    assert ask(server, "SHOW listen_addresses") == ""
    assert server.sockets.stat().st_mode & 0o777 == 0o700


def test_it_writes_durably_unless_told_otherwise(data: Path) -> None:
    server = Postgres(data)
    server.start()
    try:
        assert (ask(server, "SHOW fsync"), ask(server, "SHOW synchronous_commit")) == ("on", "on")
    finally:
        server.stop()


def test_it_compares_letters_of_every_script(server: Postgres) -> None:
    assert ask(server, "SELECT lower('ÄÖÜ ÇŞĞ ΑΒΓ ДЖЯ')") == "äöü çşğ αβγ джя"


def test_it_starts_after_it_was_killed(data: Path) -> None:
    server = Postgres(data)
    server.start()
    leave_a_note(server)
    assert server.process
    server.process.kill()
    server.process.wait()
    server.start()
    try:
        assert ask(server, "SELECT text FROM note") == "kept"
    finally:
        server.stop()


def test_a_stale_pid_file_is_not_taken_for_a_live_server(server: Postgres) -> None:
    """Process ids are used again: here the noted one is ours."""
    pidfile = server.data / "postmaster.pid"
    noted = pidfile.read_text().splitlines()
    server.stop()
    noted[0] = str(os.getpid())
    pidfile.write_text("\n".join(noted) + "\n")
    for name in (".s.PGSQL.5432.lock", ".s.PGSQL.5432"):
        (server.sockets / name).write_text("\n".join(noted) + "\n")
    server.start()
    assert ask(server, "SELECT 1") == 1


def test_two_cannot_share_a_folder(server: Postgres, data: Path) -> None:
    with pytest.raises(folders.Locked, match="already runs on"):
        folders.lock(data / "postgres.lock", wait=0.2, refusal=f"A server already runs on {data}.")


def test_a_killed_parent_leaves_nothing_and_the_next_start_works(program: Program, data: Path) -> None:
    parent = program(START_AND_WAIT)
    assert parent.stdout is not None
    assert parent.stdout.readline().strip().isdigit()
    parent.send_signal(signal.SIGKILL)
    server = Postgres(data, durable=False)
    server.start()
    assert ask(server, "SELECT 1") == 1
    server.stop()
    assert eventually(lambda: running(str(data)) == [])


def test_an_interrupted_setup_is_begun_again(data: Path) -> None:
    unfinished = data / "postgres.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    server = Postgres(data, durable=False)
    server.start()
    server.stop()
    assert not unfinished.exists()


def test_data_of_another_version_gets_a_sentence(data: Path) -> None:
    (data / "postgres").mkdir()
    (data / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(binaries.NoSuchProgram, match=r"belongs to PostgreSQL 9, but .* DATA_DIR"):
        Postgres(data).start()


def test_something_else_in_its_folder_gets_a_sentence(data: Path) -> None:
    (data / "postgres").mkdir()
    (data / "postgres" / "holiday.jpg").touch()
    with pytest.raises(PostgresFailed, match="not the data of a PostgreSQL server"):
        Postgres(data).start()
    assert (data / "postgres" / "holiday.jpg").exists()


def test_broken_data_gets_a_sentence_with_the_servers_last_words(server: Postgres) -> None:
    server.stop()
    (server.data / "global" / "pg_control").unlink()
    with pytest.raises(CannotStart, match="pg_control"):
        server.start()


def test_a_long_path_gets_short_sockets(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 30)
    data.mkdir()
    server = Postgres(data, durable=False)
    assert not server.sockets.is_relative_to(data)
    assert server.sockets == Postgres(data).sockets
    server.start()
    try:
        assert ask(server, "SELECT 1") == 1
    finally:
        server.stop()
        server.sockets.rmdir()


def test_databases_are_made_once(server: Postgres) -> None:
    for _ in range(2):
        databases.ensure(server.url("cloud"))
    psycopg.connect(server.url("cloud")).close()


def test_a_server_that_is_not_there_gets_a_sentence_without_the_password() -> None:
    with pytest.raises(databases.NoDatabase, match="cannot be used") as error:
        databases.ensure("postgres://alice:hush@localhost:1/accelerator")
    assert "hush" not in str(error.value)


WITHOUT_USER_NAMESPACES = """
import ctypes, os, sys
from pathlib import Path
assert ctypes.CDLL(None).unshare(0x10000000) == 0
print("unshared", flush=True)
sys.stdin.readline()
Path("/proc/sys/user/max_user_namespaces").write_text("0")
from accelerator.embedded.postgres import Postgres
server = Postgres(Path(os.environ["DATA_DIR"]), durable=False)
for _ in range(2):
    server.start()
    server.stop()
print("uid", server.data.stat().st_uid)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_without_user_namespaces_runs_it_as_nobody(program: Program, data: Path) -> None:
    root = program(WITHOUT_USER_NAMESPACES)
    assert root.stdout is not None
    assert root.stdin is not None
    assert root.stdout.readline() == "unshared\n"
    # All users of this machine, and the right to be any of them, but no namespace within this one.
    for kind in ("uid", "gid"):
        Path(f"/proc/{root.pid}/{kind}_map").write_text("0 0 65536")
    said, _ = root.communicate("\n", timeout=60)
    assert said == "uid 65534\n"
