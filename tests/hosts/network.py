"""A network of our own, in which nothing of the machine's is seen: a bridge, and a link for each host."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

BASE = "10.77.0.1"
BRIDGE = "base"
RANGE = "10.77.0.0/24"

NEEDED = ("ip", "mount", "nsenter", "unshare")


def refusal() -> str:
    """Why there can be no hosts here; empty if there can."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    if missing:
        return f"this machine has no {', '.join(missing)} (Debian: iproute2, util-linux)"
    tried = subprocess.run(["unshare", "--net", "--pid", "--mount", "--uts", "--fork", "true"], check=False)
    return "this kernel, or the container we are in, makes no namespaces" if tried.returncode else ""


def enter(arguments: Sequence[str]) -> None:
    """Begin anew in an empty network; it goes with the last process in it."""
    unshare = shutil.which("unshare") or ""
    os.execv(unshare, [unshare, "--net", "--", sys.executable, "-m", "tests.hosts", *arguments])  # noqa: S606


def build() -> None:
    """The bridge, with the base's address on it."""
    ip("link", "set", "lo", "up")
    ip("link", "add", BRIDGE, "type", "bridge")
    ip("address", "add", f"{BASE}/24", "dev", BRIDGE)
    ip("link", "set", BRIDGE, "up")


def connect(name: str, pid: int) -> None:
    """A link from the bridge into the network of a process, where it is `eth0`."""
    ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    ip("link", "set", name, "master", BRIDGE, "up")


def cut(name: str) -> None:
    """Take the link out: from now on no byte passes, a goodbye neither."""
    ip("link", "delete", name)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
