"""smtp-sink, which takes mail and throws it away, and smtp-source, which makes it: Postfix's own measures."""

import os
import shutil
import socket
import time

from accelerator.benches import Missing
from accelerator.benches.stage import Process, Stage
from accelerator.embedded.processes import Command

INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postfix"
# Where Debian puts them; an ordinary user's PATH lacks it.
FOLDERS = "/usr/sbin:/usr/local/sbin"
SESSIONS = 8


def program(name: str, path: str | None = None) -> str:
    """Where it is. Raises Missing."""
    places = f"{os.environ.get('PATH', os.defpath)}:{FOLDERS}" if path is None else path
    found = shutil.which(name, path=places)
    if found is None:
        raise Missing(
            f"This benchmark needs {name}, of Debian's package postfix (its service need not run). "
            f"Install it: {INSTALL}"
        )
    return found


def sink(stage: Stage, port: int) -> Process:
    """Listens when this returns. It counts, and takes at most 200 at a time."""
    # Root must say whom it becomes.
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [program("smtp-sink"), "-c", "-m", "200", *user, f"127.0.0.1:{port}", "1000"]
    process = stage.start(Command("smtp-sink", command, grace=5.0), stage.environment())
    process.until(lambda: _listens(port), "smtp-sink listens", 10.0)
    return process


def source(stage: Stage, port: int, messages: int, size: int) -> float:
    """Messages a second, over sessions that stay open for many."""
    command = [program("smtp-source"), "-d", "-s", str(SESSIONS), "-l", str(size), "-m", str(messages)]
    command += ["-f", "source@bench.example", "-t", "sink@bench.example", f"127.0.0.1:{port}"]
    began = time.perf_counter()
    stage.finish(Command("smtp-source", command), stage.environment())
    return messages / (time.perf_counter() - began)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
