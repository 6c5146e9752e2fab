"""The two ways to cancel: nobody contacted and one mail; or what is being attempted still goes out, and no mail."""

import pytest
from playwright.sync_api import expect

from tests.journeys.house import House, until
from tests.journeys.person import LONG, Person

pytestmark = pytest.mark.journey


def address(alice: Person) -> str:
    """The Notification Email Address, as the Campaign Overview shows it."""
    alice.page.get_by_role("link", name="Autumn sale").first.click()
    term = alice.page.locator("dt", has_text="Notification Email Address")
    return alice.page.locator("dl div", has=term).locator("dd").inner_text()


def test_an_extraction_cancel_contacts_nobody_and_sends_one_mail(house: House, alice: Person) -> None:
    received = house.received()
    alice.launch("Autumn sale: look-alikes (slow audience)")
    alice.sees_state("Initializing")
    expect(alice.page.locator("#live")).to_contain_text("Cancelling now contacts nobody")
    alice.picture("initializing")
    alice.cancel("wrong audience")
    alice.sees_message("Cancelled during extraction")
    alice.sees_state("Failed")
    expect(alice.page.locator("body")).to_contain_text("Nobody was contacted")
    expect(alice.page.locator("#request-id")).to_have_count(0)
    alice.picture("extraction-cancel")
    to = address(alice)
    until(lambda: house.notices(to), "the notification mail")
    cancelled = [subject for subject in house.notices(to) if subject.startswith("Cancelled before anybody")]
    assert len(cancelled) == 1
    assert set(house.received() - received) == {to}


def test_a_job_cancel_lets_out_what_is_being_attempted_and_sends_no_mail(house: House, alice: Person) -> None:
    received = house.received()
    alice.launch("Autumn sale")
    alice.request_id()
    alice.choose("Pause")
    alice.sees_state("Paused")
    alice.cancel("wrong banner")
    alice.sees_state("Failed")
    until(lambda: alice.counts()["in_flight"] == 0, "what was in flight has settled")
    alice.picture("job-cancel")
    counts = alice.counts()
    assert counts["total"] == sum(number for name, number in counts.items() if name != "total")
    assert counts["not_sent"] > 0
    alice.page.reload()
    contacted = house.received() - received
    assert contacted.total() == alice.counts()["delivered"]
    to = address(alice)
    assert to not in contacted


def test_a_job_is_paused_before_it_is_cancelled(house: House, alice: Person) -> None:
    alice.launch("Autumn sale: our best customers first")
    alice.request_id()
    alice.page.locator("#state-button").click()
    expect(alice.page.get_by_role("menu")).to_contain_text("Pause the Job before cancelling it")
    alice.page.keyboard.press("Escape")
    # The world's log is shared: what this Job would still retry must not be counted for the next one.
    alice.sees_state("Completed", LONG)
