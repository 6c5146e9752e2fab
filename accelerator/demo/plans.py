"""What the demo company plans: audiences, a message and campaigns, as data."""

import json
from dataclasses import dataclass
from pathlib import Path

from accelerator.demo.people import ALICE, COMPANY
from accelerator.demo.receiver.verdicts import STAFF_DOMAIN
from accelerator.protocol import TemplateSource

MESSAGE = Path(__file__).parent / "autumn_sale"

FROM_NAME = COMPANY
FROM_ADDRESS = f"hello@{STAFF_DOMAIN}"
REPLY_TO = f"care@{STAFF_DOMAIN}"
NOTIFICATION_ADDRESS = ALICE.email


@dataclass(frozen=True)
class Who:
    """An Audience."""

    name: str
    sql: str


@dataclass(frozen=True)
class Plan:
    """A Campaign that sends the autumn sale to an Audience."""

    name: str
    who: Who


EVERYBODY = Who(
    "Everybody who agreed to hear from us",
    """\
SELECT customer_id, email, first_name, city, country, language, loyalty_tier, favourite_category
FROM customers
WHERE marketing_opt_in
""",
)

ACTIVE = Who(
    "Active, last 90 days",
    """\
SELECT customer_id, email, first_name, city, country, language, loyalty_tier, favourite_category, last_purchase_at
FROM customers
WHERE marketing_opt_in
  AND last_purchase_at >= (SELECT max(last_purchase_at) FROM customers) - INTERVAL 90 DAYS
""",
)

BEST = Who(
    "Our 200 best customers",
    """\
SELECT customer_id, email, first_name, city, country, language, loyalty_tier, favourite_category, lifetime_value
FROM customers
WHERE marketing_opt_in
ORDER BY lifetime_value DESC, customer_id
LIMIT 200
""",
)

LOOK_ALIKES = Who(
    "Look-alikes of our best customers (slow)",
    """\
-- How much everybody resembles one of the 500 best: by name, city and what they like to buy.
-- Half a million comparisons for every thousand customers: this takes about a minute.
WITH best AS (
    SELECT list(lower(concat_ws(' ', last_name, city, favourite_category))) AS profiles
    FROM (SELECT * FROM customers ORDER BY lifetime_value DESC, customer_id LIMIT 500)
)
SELECT
    customer_id, email, first_name, city, country, language, loyalty_tier, favourite_category,
    list_max(list_transform(best.profiles, lambda profile:
        jaro_winkler_similarity(profile, lower(concat_ws(' ', last_name, city, favourite_category)))
    )) AS likeness
FROM customers, best
WHERE marketing_opt_in
  AND orders > 0
""",
)

AUDIENCES = (EVERYBODY, ACTIVE, BEST, LOOK_ALIKES)

CAMPAIGNS = (
    Plan("Autumn sale", EVERYBODY),
    Plan("Autumn sale: our best customers first", BEST),
    Plan("Autumn sale: look-alikes (slow audience)", LOOK_ALIKES),
)


def message() -> TemplateSource:
    """The Template, from its files."""
    return TemplateSource(
        subject=_text("subject.txt").strip(), html=_text("message.html"), text=_text("message.txt")
    )


def supplemental() -> dict[str, object]:
    """What all recipients share: prices, dates, greetings."""
    document: dict[str, object] = json.loads(_text("supplemental.json"))
    return document


def _text(name: str) -> str:
    return (MESSAGE / name).read_text("utf-8")
