"""The processes that read files: kept from query to query, ended whatever they are at, bounded in what they hold."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from pytest_django.fixtures import Settings

from accelerator import frames
from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.reading import children, queries
from jobs.warehouses import AudienceSqlError, Cancelled, WarehouseUnreachable

# One step of the engine's, in which nobody is asked whether the query is still wanted.
UNINTERRUPTIBLE = {
    Kind.DUCKDB: "SELECT levenshtein(repeat('x', 1000000), repeat('y', 1000000)) AS n",
    Kind.SQLITE: "SELECT printf('%.*c', 2000000000, 'x') AS x",
}
# More rows than anybody reads ahead.
ENDLESS = {
    Kind.DUCKDB: "SELECT range AS n FROM range(1000000000000)",
    Kind.SQLITE: "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t",
}


# One row, as a child says it, and how much of that are the columns.
ROW = pa.record_batch({"one": [1]})
SINK = pa.BufferOutputStream()
with pa.ipc.new_stream(SINK, ROW.schema) as _written:
    _written.write_batch(ROW)
IPC, COLUMNS = SINK.getvalue().to_pybytes(), ROW.schema.serialize().size


@pytest.fixture(params=[Kind.DUCKDB, Kind.SQLITE])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    place = tmp_path / "shop"
    if request.param == Kind.DUCKDB:
        duckdb.connect(str(place)).close()
    else:
        with sqlite3.connect(place) as database:
            database.execute("CREATE TABLE people (id)")
    children.end_all()
    yield Warehouse(name="file", kind=request.param, location=str(place))
    children.end_all()


def one(warehouse: Warehouse, sql: str = "SELECT 1 AS one") -> object:
    with warehouses.open_stream(warehouse, sql) as stream:
        stream.start()
        [value] = [value for batch in stream for value in batch.column(0).to_pylist()]
    return value


def speaks(said: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children hear what is asked, say this, and end."""
    children.end_all()
    (folder / "said").write_bytes(said)
    program = folder / "program"
    program.write_text(f"#!/bin/sh\nhead -c 1 > /dev/null; cat {folder}/said; exit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def lives(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_process_is_kept_from_query_to_query(file: Warehouse) -> None:
    assert one(file) == 1
    [process] = children.pids()
    for sql in ("SELECT 2 AS one", "SELECT nothing", "DELETE FROM people"):
        try:
            one(file, sql)
        except AudienceSqlError:
            assert "2" not in sql
    assert warehouses.preview(file, "SELECT 3 AS one").rows == [{"one": 3}]
    assert warehouses.examine(file) == []
    assert children.pids() == [process]


def test_two_queries_at_once_have_one_each(file: Warehouse) -> None:
    with warehouses.open_stream(file, ENDLESS[Kind(file.kind)]) as first:
        first.start()
        assert one(file) == 1
        assert len(children.pids()) == 2
    assert len(children.pids()) == 1


def test_nobody_keeps_one_that_has_nothing_to_do(file: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "IDLE", 0.01)
    assert one(file) == 1
    until(lambda: not children.pids())
    assert one(file) == 1


def seconds(process: int) -> float:
    """Of a processor, that it has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / os.sysconf("SC_CLK_TCK")


def test_what_can_not_be_interrupted_ends_with_its_process(file: Warehouse) -> None:
    assert one(file) == 1
    [process] = children.pids()
    used = seconds(process)
    with warehouses.open_stream(file, UNINTERRUPTIBLE[Kind(file.kind)]) as stream:
        ended: list[BaseException] = []

        def begin() -> None:
            try:
                stream.start()
            except Cancelled as error:
                ended.append(error)

        reading = threading.Thread(target=begin)
        reading.start()
        until(lambda: seconds(process) > used + 0.3)
        assert not ended
        stream.cancel()
        reading.join(30)
        assert ended
    until(lambda: not lives(process))
    assert one(file) == 1


def test_the_limit_of_time_holds_for_it_too(file: Warehouse, settings: Settings) -> None:
    settings.WAREHOUSE_TIMEOUT = 1
    with pytest.raises(AudienceSqlError, match="WAREHOUSE_TIMEOUT"):
        one(file, UNINTERRUPTIBLE[Kind(file.kind)])
    until(lambda: len(children.pids()) <= 1)


@pytest.mark.parametrize("file", [Kind.DUCKDB], indirect=True)
def test_a_value_that_is_far_too_long_ends_in_a_sentence(file: Warehouse) -> None:
    with pytest.raises(AudienceSqlError, match="values that are very long"):
        one(file, "SELECT repeat('x', 2000000000) AS x")
    assert one(file) == 1


def test_a_process_that_is_killed_is_told_of_and_replaced(file: Warehouse) -> None:
    with warehouses.open_stream(file, UNINTERRUPTIBLE[Kind(file.kind)]) as stream:

        def kill() -> None:
            until(lambda: bool(children.pids()))
            for process in children.pids():
                os.kill(process, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(WarehouseUnreachable, match=r"file shop can't be read: .* \(SIGKILL\)"):
            stream.start()
        killer.join()
    assert one(file) == 1


def test_one_that_dies_while_it_is_kept_is_replaced(file: Warehouse) -> None:
    assert one(file) == 1
    [process] = children.pids()
    os.kill(process, signal.SIGKILL)
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    assert one(file) == 1


def test_what_is_not_read_to_its_end_holds_nobody_up(file: Warehouse) -> None:
    with warehouses.open_stream(file, ENDLESS[Kind(file.kind)]) as stream:
        stream.start()
        assert next(iter(stream)).num_rows
    assert one(file) == 1


PARENT = """
import django, sys, time
django.setup()
from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.reading import children, queries
with warehouses.open_stream(Warehouse(name="file", kind=sys.argv[1], location=sys.argv[2]), sys.argv[3]) as stream:
    import threading
    threading.Thread(target=stream.start, daemon=True).start()
    while not children.pids():
        time.sleep(0.01)
    [child] = children._all
    print(child.process.pid, child.folder, flush=True)
    time.sleep(600)
"""


def test_it_ends_with_its_parent_and_leaves_nothing(file: Warehouse) -> None:
    arguments = [file.kind, file.location, UNINTERRUPTIBLE[Kind(file.kind)]]
    command = [sys.executable, "-c", PARENT, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        process, folder = parent.stdout.readline().split()
        assert lives(int(process))
        parent.kill()
    until(lambda: not lives(int(process)))
    assert not Path(folder).exists()


FORKS = """
import django, os, sys
django.setup()
from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.reading import children, queries
warehouse = Warehouse(name="file", kind=sys.argv[1], location=sys.argv[2])
assert warehouses.count(warehouse, "SELECT 1 AS one") == 1
mine = children.pids()
forked = os.fork()
if not forked:
    assert children.pids() == []
    assert warehouses.count(warehouse, "SELECT 1 AS one") == 1
    assert children.pids() != mine
    children.end_all()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == 0
assert warehouses.count(warehouse, "SELECT 1 AS one") == 1
assert children.pids() == mine
"""


def test_a_process_that_was_forked_has_none_of_its_parents(file: Warehouse) -> None:
    command = [sys.executable, "-c", FORKS, file.kind, file.location]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


FORKS_IN_THE_MIDDLE = """
import os, signal, sys, threading, time
from jobs.reading import children, queries
from jobs.reading.base import Limits, Query
with queries.open_stream(sys.argv[1], sys.argv[2], Query(sys.argv[3]), Limits("1GB", 1 << 30)) as stream:
    threading.Thread(target=stream.start, daemon=True).start()
    while not children.pids():
        time.sleep(0.01)
    time.sleep(1)  # it waits for the answer
    forked = os.fork()
    if not forked:
        os._exit(0)
    deadline = time.monotonic() + 60
    while os.waitid(os.P_PID, forked, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if time.monotonic() > deadline:
            os.kill(forked, signal.SIGKILL)
        time.sleep(0.01)
    status = os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])
    os._exit(abs(status))
"""


def test_a_process_that_was_forked_waits_for_no_thread_of_its_parents(file: Warehouse) -> None:
    arguments = [file.kind, file.location, UNINTERRUPTIBLE[Kind(file.kind)]]
    command = [sys.executable, "-c", FORKS_IN_THE_MIDDLE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


LEAVES = """
import pathlib, shutil, sys
place = pathlib.Path(sys.argv.pop())
shutil.rmtree = lambda folder, **_: place.write_text(str(folder))
from jobs.reading import child
child.main()
"""


def test_it_takes_no_folder_with_it_but_its_own(tmp_path: Path) -> None:
    """Python would name another one, where this one is gone or its disk full: /tmp, or that of our programs."""
    gone, seen = str(tmp_path / "gone"), tmp_path / "seen"
    subprocess.run(
        [sys.executable, "-c", LEAVES, gone, str(seen)],
        env=os.environ | {"TMPDIR": gone},
        stdin=subprocess.DEVNULL,
        check=True,
    )
    assert seen.read_text() == gone


def test_names_that_are_not_utf_8_are_told_of(tmp_path: Path) -> None:
    for ending in (b".csv", b".parquet"):
        (tmp_path / os.fsdecode(b"caf\xe9" + ending)).touch()
    with pytest.raises(WarehouseUnreachable, match=r'are called "caf\?"'):
        one(Warehouse(name="folder", kind=Kind.DUCKDB, location=str(tmp_path)))


DIES_AFTER = {
    "nothing": b"",
    "half of a word": frames.pack(b"rows")[:-1],
    "rows": frames.pack(b"rows"),
    "half of the columns": frames.pack(b"rows") + IPC[:50],
    "the columns": frames.pack(b"rows") + IPC[:COLUMNS],
    "half of a batch": frames.pack(b"rows") + IPC[: COLUMNS + 100],
    "the last batch": frames.pack(b"rows") + IPC[:-8],
    "the end of the rows": frames.pack(b"rows") + IPC,
    "half of the end": frames.pack(b"rows") + IPC + frames.pack(b"done", b"")[:-1],
}


@pytest.mark.parametrize("said", DIES_AFTER.values(), ids=DIES_AFTER)
def test_what_breaks_off_never_looks_like_its_end(
    said: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaks(said, tmp_path, monkeypatch)
    with pytest.raises(WarehouseUnreachable, match=r"the process that read it ended \(status 3\)"):
        one(Warehouse(name="file", kind=Kind.DUCKDB, location="shop"))
    assert children.pids() == []


def test_who_says_all_of_it_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speaks(frames.pack(b"rows") + IPC + frames.pack(b"done", b""), tmp_path, monkeypatch)
    assert one(Warehouse(name="file", kind=Kind.DUCKDB, location="shop")) == 1
    children.end_all()


def test_one_that_has_not_answered_is_never_kept(file: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(task: queries.Task, seconds: float) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(queries.Task, "end_after", fails)
        with pytest.raises(RuntimeError, match="new thread"):
            warehouses.examine(file)
    assert children.pids() == []
    assert one(file) == 1


NO_MORE_FILES = """
import resource
from jobs.reading.child import memory
resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
assert memory._held() > 0
"""


def test_its_memory_is_looked_at_though_no_file_can_be_opened() -> None:
    subprocess.run([sys.executable, "-c", NO_MORE_FILES], check=True)


def test_nothing_stays_of_one_that_can_not_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    children.end_all()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(WarehouseUnreachable, match="could be started"):
        one(Warehouse(name="file", kind=Kind.DUCKDB, location="shop"))
    assert not list(tmp_path.iterdir())


def test_a_child_begins_without_django(file: Warehouse) -> None:
    """Half a second, and half of the memory: pages wait for it."""
    told = subprocess.run(
        [sys.executable, "-c", "import sys, jobs.reading.child; print('django' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "False\n"
    assert one(file) == 1
    [process] = children.pids()
    names = {line.split("=")[0] for line in Path(f"/proc/{process}/environ").read_text().split("\0") if line}
    known = {"ARROW_DEFAULT_MEMORY_POOL", "LD_LIBRARY_PATH", "OPENBLAS_NUM_THREADS", "PATH", "TMPDIR", "TZ"}
    assert names <= known
