"""A server that takes a connection and says nothing: whoever waits for it can leave, and what is left behind ends."""

import socket
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User

from accelerator import heartbeats
from jobs import control, warehouses
from jobs.models import Job, Kind, Notice, Warehouse
from jobs.states import Failure, State, Wish
from jobs.warehouses import apart
from jobs.warehouses.mysql import session
from tests.accelerator.waiting import until
from tests.jobs import cast
from tests.jobs.stages.conftest import fresh
from tests.jobs.stages.test_broken_lines import Extractor, apart_threads

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_cloud")]

SILENT = [Kind.POSTGRESQL, Kind.REDSHIFT, Kind.MYSQL]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setattr(heartbeats, "BEAT", 0.05)
    monkeypatch.setattr(apart, "GRACE", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        yield listening
    until(lambda: apart_threads() == 0)


def behind(server: socket.socket, kind: str) -> Warehouse:
    port = server.getsockname()[1]
    return Warehouse.objects.create(
        name=kind, kind=kind, location=f"{kind}://reader@127.0.0.1:{port}/shop", secret=""
    )


@pytest.mark.parametrize("kind", SILENT)
def test_a_cancel_ends_the_wait_for_a_connection(
    server: socket.socket, alice: User, job: Job, kind: str
) -> None:
    caught = cast.job(behind(server, kind), alice)
    worker = Extractor(caught, job)
    line, _ = server.accept()
    with line:
        control.ask(caught, Wish.CANCEL, by=alice, seen=fresh(caught).version)
        assert worker.is_free_within(5)
    caught = fresh(caught)
    assert (caught.state, caught.failure) == (State.FAILED, Failure.EXTRACTION_CANCELLED)
    assert "Nobody was contacted" in Notice.objects.get(job=caught).body
    assert fresh(job).state == State.PROCESSING


@pytest.mark.parametrize("kind", SILENT)
def test_no_page_waits_for_one_for_ever(
    server: socket.socket, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouses, "PATIENCE", 0.2)
    with pytest.raises(warehouses.WarehouseUnreachable, match="has not let anybody in"):
        warehouses.check(behind(server, kind))


def test_a_mysql_that_never_speaks_is_given_up(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "PATIENCE", 0.5)
    warehouse = behind(server, Kind.MYSQL)
    with pytest.raises(warehouses.WarehouseUnreachable, match="timed out"):
        warehouses.check(warehouse)
    until(lambda: apart_threads() == 0)
