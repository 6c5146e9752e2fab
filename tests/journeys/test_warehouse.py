"""A company's own PostgreSQL, from the admin's first entry to the last recipient, with a sender killed in between."""

import os
import re
from urllib.parse import quote

import psycopg
import pytest
from playwright.sync_api import Browser, expect
from psycopg.conninfo import make_conninfo

from tests.journeys.house import House, until
from tests.journeys.person import LONG, Person

pytestmark = pytest.mark.journey

ROWS = int(os.environ.get("JOURNEY_ROWS", "4000"))
ROLE = "CREATE ROLE reader LOGIN"
TABLE = """
CREATE TABLE people AS
SELECT n AS person_id, 'Person ' || n AS name, 'person' || n || '@mailbox.example' AS email
FROM generate_series(1, {rows}) n
"""


@pytest.fixture(scope="module")
def shop(house: House) -> str:
    """The company's database, with a role that may only read; the location an admin would type."""
    url = house.environment()["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(ROLE)
        admin.execute("CREATE DATABASE shop")
    with psycopg.connect(make_conninfo(url, dbname="shop"), autocommit=True) as admin:
        admin.execute(TABLE.format(rows=ROWS))
        admin.execute("GRANT SELECT ON people TO reader")
        info = admin.info
        return f"postgresql://reader@/shop?host={quote(info.host, safe='')}&port={info.port}"


def enter_warehouse(browser: Browser, house: House, shop: str) -> None:
    """Ada, in Django's admin."""
    context = browser.new_context()
    ada = Person(context.new_page(), house.url).log_in("ada", "boots-stay-on")
    ada.page.goto(f"{house.url}/admin/jobs/warehouse/add/")
    ada.page.fill("#id_name", "Shop")
    ada.page.select_option("#id_kind", "postgresql")
    ada.page.fill("#id_location", shop)
    ada.page.get_by_role("button", name="Save", exact=True).click()
    expect(ada.page.locator("body")).to_contain_text("was added successfully")
    context.close()


def plan(alice: Person, house: House) -> None:
    """Alice makes an Audience, a Template and a Campaign of her own."""
    page = alice.page
    page.goto(f"{house.url}/campaigns/audiences/")
    page.get_by_role("link", name=re.compile("New Audience")).first.click()
    page.fill("#id_name", "People of the shop")
    page.select_option("#id_warehouse", label="Shop")
    page.fill("#id_sql", "SELECT person_id, name, email FROM people")
    page.fill("#id_recipient_id_column", "person_id")
    page.fill("#id_email_column", "email")
    page.get_by_role("button", name="Create the Audience").click()
    page.goto(f"{house.url}/campaigns/templates/")
    page.get_by_role("link", name=re.compile("New Template")).first.click()
    page.fill("#id_name", "News of the shop")
    page.fill("#id_subject", "News for {{ name }}")
    page.fill("#id_html", '<p>Hello {{ name }}</p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>')
    page.fill("#id_text", "Hello {{ name }}. Unsubscribe: {{ unsubscribe_url }}")
    page.get_by_role("button", name="Create the Template").click()
    page.goto(f"{house.url}/campaigns/new/")
    page.fill("#id_name", "Shop news")
    page.select_option("#id_audience", label="People of the shop")
    page.select_option("#id_template", label="News of the shop")
    page.select_option("#id_sending_profile", index=1)
    page.fill("#id_notification_address", "shop@heronandhale.example")
    page.get_by_role("button", name="Create the Campaign").click()


def test_each_person_of_a_postgresql_audience_is_contacted_once(
    house: House, browser: Browser, shop: str, alice: Person
) -> None:
    enter_warehouse(browser, house, shop)
    plan(alice, house)
    already, refused = house.received(), house.refused()
    alice.launch("Shop news")
    alice.sees_state("Completed", LONG)
    counts = alice.counts()
    received, turned_away = house.received() - already, house.refused() - refused
    everybody = {f"person{n}@mailbox.example" for n in range(1, ROWS + 1)}
    assert counts["total"] == ROWS
    assert counts["delivered"] == received.total() == len(received)
    assert set(received) | set(turned_away) == everybody
    assert everybody - set(received) <= set(turned_away)
    assert counts["delivered"] + counts["bounced"] + counts["not_sent"] == ROWS


def test_a_killed_sender_leaves_nobody_twice_and_few_unknown(house: House, shop: str, alice: Person) -> None:
    already = house.received()
    alice.launch("Shop news")
    until(lambda: alice.counts_or_none().get("delivered", 0) > 500, "it is in the middle of it")
    house.kill_a_sender()
    alice.sees_state("Completed", LONG)
    alice.picture("unknown")
    counts = alice.counts()
    received = house.received() - already
    assert max(received.values()) == 1
    assert counts["total"] == ROWS == sum(number for name, number in counts.items() if name != "total")
    # One sender died with at most one window open; of these some had been received.
    assert counts["unknown"] <= 200
    assert counts["delivered"] <= received.total() <= counts["delivered"] + counts["unknown"]
    if counts["unknown"]:
        alice.page.get_by_role("link", name="Unknown", exact=True).click()
        expect(alice.page.locator("table")).to_contain_text("@mailbox.example")
        alice.picture("unknown-list")
