"""The main job: launch, watch, pause, resume, done; and the world's own record of it."""

import time

import duckdb
import pytest
from playwright.sync_api import expect

from accelerator.protocol import AddressInvalid, address_key
from tests.journeys.house import House, until
from tests.journeys.person import LONG, Person

pytestmark = pytest.mark.journey


def expected(house: House) -> set[str]:
    """The addresses that the demo's main audience selects, straight from the warehouse."""
    [path] = house.folder.rglob("warehouse.duckdb")
    with duckdb.connect(str(path), read_only=True) as warehouse:
        rows = warehouse.execute(
            "SELECT DISTINCT lower(trim(email)) FROM customers WHERE email IS NOT NULL AND marketing_opt_in"
        ).fetchall()
    return {key(email) for (email,) in rows}


def key(email: str) -> str:
    """As the receiver logs it; what is no address is nobody's."""
    try:
        return address_key(email)
    except AddressInvalid:
        return ""


def test_launch_pause_resume_done(house: House, alice: Person) -> None:
    already = house.received()
    alice.launch("Autumn sale")
    alice.sees_state("Processing")
    alice.request_id()
    alice.picture("processing")

    alice.choose("Pause")
    alice.sees_message("Pause asked")
    alice.sees_state("Paused")
    until(lambda: alice.counts()["in_flight"] == 0, "what was in flight has settled")
    expect(alice.page.locator("#live")).to_contain_text("Nobody is being contacted")
    alice.picture("paused")
    paused = alice.counts()
    quiet = house.received()
    assert (quiet - already).total() == paused["delivered"]
    time.sleep(3)  # not for luck: the promise is that nothing happens
    assert house.received() == quiet

    alice.choose("Resume")
    alice.sees_state("Processing")
    alice.sees_state("Collecting", LONG)
    alice.picture("collecting")
    alice.sees_state("Completed", LONG)
    alice.picture("completed")

    counts = alice.counts()
    assert counts["total"] == sum(number for name, number in counts.items() if name != "total")
    assert (counts["unknown"], counts["in_flight"], counts["waiting"], counts["deferred"]) == (0, 0, 0, 0)
    received = house.received() - already
    assert received.total() == counts["delivered"]
    assert max(received.values()) == 1
    assert set(received) <= expected(house)
    assert (
        counts["total"] - counts["delivered"] == counts["bounced"] + counts["not_sent"] + counts["suppressed"]
    )
