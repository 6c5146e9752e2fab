"""What came of a Job, from the first delivery to Completed: the page says what the world itself wrote down."""

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.house import House, free_ports, until
from tests.journeys.person import LONG, SOON, Person
from tests.journeys.stammering import StammeringLine

pytestmark = pytest.mark.journey

# The world acts within half a minute; results come in for a minute after the last contact.
WORLD = {
    "HITS_HELD": "1s",
    "ENGAGEMENT_MINUTES": "0.3",
    "COLLECTING_WINDOW": "60s",
    "RETRY_DELAYS": "1s,2s,4s",
}
PEOPLE = 2_000

CAMPAIGN = f"""
from campaigns.models import Audience, Campaign
campaign = Campaign.objects.get(name="Autumn sale")
audience = campaign.audience
audience.pk, audience.name = None, "Some thousands"
audience.sql = f"SELECT * FROM ({{audience.sql}}) AS everybody ORDER BY customer_id LIMIT {PEOPLE}"
audience.save()
campaign.pk, campaign.name, campaign.audience = None, "Autumn sale, a part", audience
campaign.save()
"""


@pytest.fixture(scope="module")
def line() -> Iterator[StammeringLine]:
    """Between the dashboard and the Cloud, which does not exist yet."""
    first = free_ports(5)
    line = StammeringLine(first + 4, first + 1)
    line.start()
    yield line
    line.stop()


@pytest.fixture(scope="module")
def world(line: StammeringLine) -> Iterator[House]:
    folder = Path(tempfile.mkdtemp(prefix="results-"))
    folder.chmod(0o755)
    (folder / "data").mkdir(mode=0o700)
    house = House(folder / "data", CLOUD_URL=line.url, **WORLD)
    house.start()
    made = house.manage("shell", "-v", "0", "-c", CAMPAIGN)
    assert made.returncode == 0, made.stderr
    yield house
    assert house.stop() == 0
    shutil.rmtree(folder)


def number(page: Page, measure: str) -> int:
    """A number of the results, as the page shows it; 0 before there is any."""
    found = page.locator(f"[data-measure='{measure}']")
    return int(re.sub(r"[^0-9]", "", found.first.inner_text()) or 0) if found.count() else 0


def test_the_numbers_are_those_of_the_world(world: House, line: StammeringLine, page: Page) -> None:
    """Though pages of events come twice, the broker loses everything and the dashboard stands still for a while."""
    alice = Person(page, world.url).log_in("alice", "paths-are-soft")
    alice.launch("Autumn sale, a part")
    alice.sees_state("Collecting", LONG)
    expect(page.locator("#live")).to_contain_text("Results come in until")
    # Live: the numbers grow before her eyes, without a reload.
    until(lambda: number(page, "opens") > 0, "the first opens", 60)
    opens = number(page, "opens")
    until(lambda: number(page, "opens") > opens, "more opens", 60)
    alice.picture("results-live")

    world.flush_broker()
    world.stop_dashboard()
    acts = len(world.acted())
    until(lambda: len(world.acted()) > acts + 20, "the Cloud goes on without the dashboard", 60)
    world.continue_dashboard()

    alice.sees_state("Completed", LONG)
    expect(page.locator("#live")).to_contain_text("No more results", timeout=SOON)
    alice.picture("results-completed")

    counts = alice.counts()
    assert counts["total"] == sum(count for name, count in counts.items() if name != "total") > PEOPLE * 0.99
    received = Counter(dict(world.received()))
    assert counts["delivered"] == received.total()
    assert max(received.values()) == 1

    acted = world.acted()
    total = Counter(one["act"] for one in acted)
    people = {act: len({one["recipient"] for one in acted if one["act"] == act}) for act in total}
    assert number(page, "deliveries") == counts["delivered"]
    assert number(page, "opens-total") == total["open"]
    assert number(page, "opens") == people["open"]
    assert number(page, "clicks-total") == total["click"]
    assert number(page, "clicks") == people["click"]
    assert number(page, "machine-opens") == total["machine_open"]
    assert number(page, "unsubscribes") == people.get("unsubscribe", 0)
    assert number(page, "bounces") == counts["bounced"]
    assert total["open"] > PEOPLE * 0.15
    assert line.repeated > 3
