"""The process that reads files: a program that lives as long as its parent holds the other end of its pipe.

    python -m jobs.reading.child FOLDER

FOLDER is for what it puts on the disk, and goes with it. It reads frames (`accelerator.frames`) from its standard input
and answers on its standard output:

    read NUMBER REQUEST     -> rows, then an Arrow IPC stream, then done; or failed, instead of rows or behind them
    examine NUMBER REQUEST  -> done SENTENCES (JSON), or failed
    stop NUMBER             that query is to end, which then fails as Cancelled; no answer of its own

A REQUEST is pickled by the parent: (kind, location, query, limits). `failed ERROR SENTENCE` names one of
`jobs.reading.errors`, or is a mistake of ours. One request is under way at a time, in a thread of its own, so that it
can be stopped. What does not stop is killed by the parent, which loses nothing but this process.

An engine keeps account of its memory, but not of what it takes for one value. A process that holds too much ends by
itself, with a status that says so.
"""

import contextlib
import importlib
import io
import json
import os
import pickle
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import pyarrow as pa

from accelerator import frames
from jobs.reading.base import BESIDE, TOO_MUCH, Stream
from jobs.reading.errors import Cancelled, WarehouseError

# Seconds between two looks at the memory, in which a processor fills fifty megabytes at most.
LOOK = 0.02

MISTAKE = b"Mistake"


class Work:
    """One request."""

    def __init__(self, output: io.BufferedWriter, word: bytes, number: bytes, request: bytes) -> None:
        self.number = number
        self._output, self._word, self._request = output, word, request
        self._stream: Stream | None = None
        self._unwanted = threading.Event()
        self._thread = threading.Thread(target=self._do, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._unwanted.set()
        if self._stream is not None:
            with contextlib.suppress(Exception):  # of an engine whose query has just ended by itself
                self._stream.cancel()

    def join(self) -> None:
        self._thread.join()

    def _do(self) -> None:
        try:
            self._say(*self._answer())
        except BrokenPipeError:  # the parent is gone, and with it whoever wanted to know
            leave()
        except BaseException:  # noqa: BLE001  a parent that hears nothing would wait for ever
            leave(1)

    def _answer(self) -> tuple[bytes, ...]:
        try:
            return b"done", self._done()
        except BrokenPipeError:
            raise
        except WarehouseError as error:
            # A name that is not UTF-8, of a file in a folder, can't be said as it is.
            return b"failed", type(error).__name__.encode(), str(error).encode(errors="replace")
        except Exception as error:  # noqa: BLE001  the parent raises it
            # Not its words: they may quote the data.
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = (
                f"{type(error).__name__} in {place.name}, line {place.lineno} of {Path(place.filename).name}"
            )
            return b"failed", MISTAKE, where.encode()

    def _done(self) -> bytes:
        kind, location, query, limits = pickle.loads(self._request)  # noqa: S301  our parent's, whose we are
        engine: Any = importlib.import_module(f"jobs.reading.{kind}.connector")
        memory.most = memory.beginning + engine.memory(limits) + BESIDE
        if self._word == b"examine":
            return json.dumps(engine.examine(location, limits)).encode()
        with engine.open_stream(location, query, limits) as stream:
            self._stream = stream
            if self._unwanted.is_set():
                raise Cancelled("The query was ended.")
            self._give(stream.start(), stream)
        return b""

    def _give(self, schema: pa.Schema, stream: Stream) -> None:
        self._say(b"rows")
        with pa.ipc.new_stream(pa.PythonFile(self._output, mode="w"), schema) as rows:
            for batch in stream:
                rows.write_batch(batch)
                self._output.flush()

    def _say(self, *strings: bytes) -> None:
        self._output.write(frames.pack(*strings))
        self._output.flush()


class Memory:
    """What the process holds, looked at all the time: a limit of the system's would count what an engine keeps free."""

    def __init__(self) -> None:
        # Kept open: an engine may have as many files open as there may be.
        self._statm = os.open("/proc/self/statm", os.O_RDONLY)
        self.beginning, self.most = self._held(), sys.maxsize

    def watch(self) -> None:
        while True:
            time.sleep(LOOK)
            if self._held() > self.most:
                leave(TOO_MUCH)

    def _held(self) -> int:
        return int(os.pread(self._statm, 100, 0).split()[1]) * resource.getpagesize()


def leave(status: int = 0) -> None:
    """At once, whatever the engine is at, with what it has put on the disk."""
    if tempfile.tempdir is not None:
        shutil.rmtree(tempfile.tempdir, ignore_errors=True)
    os._exit(status)


def serve(output: io.BufferedWriter) -> None:
    """Answer until the parent is gone."""
    work: Work | None = None
    for word, number, *strings in frames.read(sys.stdin.buffer):
        if word == b"stop":
            if work is not None and work.number == number:
                work.stop()
            continue
        if work is not None:
            work.join()
        work = Work(output, word, number, *strings)
    leave()


memory = Memory()


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Not looked for: where the disk is full, or the folder gone, Python would find another one, which is not ours.
    _, tempfile.tempdir = sys.argv
    # What an engine prints is no answer; and it has nothing to say to people, for it would speak of the data.
    output = os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open("wb") as nowhere:
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)
    threading.Thread(target=memory.watch, daemon=True).start()
    serve(output)


if __name__ == "__main__":
    main()
