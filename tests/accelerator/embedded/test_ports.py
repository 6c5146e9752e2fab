"""A port that cannot be had is found out before anything starts, and gets a sentence."""

import socket
from collections.abc import Iterator

import pytest

from accelerator.embedded import ports


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_four_in_a_row() -> None:
    chosen = ports.chosen("8000")
    assert (chosen.web, chosen.cloud, chosen.inbox, chosen.smtp) == (8000, 8001, 8002, 8003)


@pytest.mark.parametrize("text", ["", "http", "0", "65533", "-1", "80.5", "８０００"])
def test_what_is_no_port_gets_a_sentence(text: str) -> None:
    with pytest.raises(ports.PortTaken, match="must be a number from 1 to 65532"):
        ports.chosen(text)


@pytest.mark.parametrize(
    ("offset", "purpose"), [(0, "dashboard"), (1, "Cloud"), (2, "inbox"), (3, "mail receiver")]
)
def test_each_taken_port_is_named_with_its_purpose(
    listener: socket.socket, offset: int, purpose: str
) -> None:
    taken = listener.getsockname()[1]
    with pytest.raises(
        ports.PortTaken, match=rf"Port {taken}, needed for .*{purpose}, is used .* PORT=\d+ make run"
    ):
        ports.check("127.0.0.1", ports.Ports(taken - offset), wait=0)


def test_the_suggested_ports_are_free(listener: socket.socket) -> None:
    suggested = ports.free_near("127.0.0.1", ports.Ports(listener.getsockname()[1]))
    ports.check("127.0.0.1", ports.Ports(suggested), wait=0)


def test_a_port_whose_owner_listens_everywhere_is_taken() -> None:
    with socket.create_server(("0.0.0.0", 0)) as listening:  # noqa: S104 - the case under test
        assert ports.refusal("127.0.0.1", listening.getsockname()[1])


def test_a_host_that_is_not_ours_gets_a_sentence() -> None:
    with pytest.raises(ports.PortTaken, match=r'HOST is "192\.0\.2\.1", which is no address of this machine'):
        ports.check("192.0.2.1", ports.Ports(18000), wait=0)
