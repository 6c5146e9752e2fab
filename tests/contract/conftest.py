"""The Cloud under contract: the one at CONTRACT_CLOUD_URL, or ours, started here with a database of its own."""

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from accelerator import protocol
from tests import plain, services
from tests.contract.caller import Caller

REPOSITORY = services.REPOSITORY
OWN_KEYS = ("contract:" + "a" * 40, "second:" + "b" * 40)


@pytest.fixture(scope="session")
def cloud_database(empty_cloud: str) -> Iterator[str]:
    """The database of our Cloud, empty at first."""
    # Each folder that has these fixtures starts a Cloud: what one does with its database concerns no other.
    with services.database_beside(empty_cloud) as database:
        yield database


@pytest.fixture(scope="session")
def cloud_address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, list[str]]]:
    """Where the Cloud is, and keys that it knows."""
    if url := os.environ.get("CONTRACT_CLOUD_URL"):
        keys = [
            os.environ[name]
            for name in ("CONTRACT_CLOUD_KEY", "CONTRACT_CLOUD_SECOND_KEY")
            if name in os.environ
        ]
        yield url.rstrip("/"), keys
        return
    database = request.getfixturevalue("cloud_database")
    port = free_port()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "accelerator.cloud.settings",
        "CLOUD_DATABASE_URL": database,
        "CLOUD_KEYS": ",".join(OWN_KEYS),
        "MARKS": str(tmp_path_factory.mktemp("marks")),
    }
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "accelerator.cloud.wsgi:application",
    ]
    log = tmp_path_factory.mktemp("contract") / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--port", str(port)], cwd=REPOSITORY, env=environment, stdout=output, stderr=output
        )
    try:
        wait_for(f"http://127.0.0.1:{port}", server, log)
        yield f"http://127.0.0.1:{port}", list(OWN_KEYS)
    finally:
        server.terminate()
        server.wait(20)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/healthz", verify=plain.TRUSTS_NOBODY).status_code == 200:
                return
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


@pytest.fixture(scope="session")
def authorities() -> ssl.SSLContext:
    """Whom this machine trusts: CONTRACT_CLOUD_URL may be https, and to read them for each test takes 30 ms of CPU."""
    return httpx.create_ssl_context()


@pytest.fixture
def cloud(cloud_address: tuple[str, list[str]], authorities: ssl.SSLContext) -> Iterator[Caller]:
    """Signs with the first key."""
    url, keys = cloud_address
    with httpx.Client(base_url=url, timeout=30, verify=authorities) as client:
        yield Caller(client, protocol.Key.parse(keys[0]))


@pytest.fixture
def cloud_by_second_key(
    cloud_address: tuple[str, list[str]], authorities: ssl.SSLContext
) -> Iterator[Caller]:
    """Signs with the other key that is valid at the same time."""
    url, keys = cloud_address
    if len(keys) < 2:
        pytest.skip("CONTRACT_CLOUD_SECOND_KEY is not set")
    with httpx.Client(base_url=url, timeout=30, verify=authorities) as client:
        yield Caller(client, protocol.Key.parse(keys[1]))
