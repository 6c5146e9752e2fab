"""The demo's data warehouse: 100,000 customers and their orders, the same ones whenever and wherever they are made.

Some rows are as imperfect as in any warehouse: a few addresses are missing, impossible, or another customer's in
other letters. A launch drops and counts them.
"""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from accelerator.demo.places import Place, read_places

CUSTOMERS = 100_000
SEED = 2611

# The day of the snapshot: every date in the warehouse is on or before it, whenever it is made.
AS_OF = date(2026, 11, 15)

CATEGORIES = ("Rainwear", "Knitwear", "Footwear", "Packs and bags", "Camp kitchen", "Sleeping bags")

# Invented providers; the top-level domain is reserved (RFC 2606), so that no message can ever reach a stranger.
PROVIDERS: dict[str, tuple[str, ...]] = {
    "": ("brightmail", "inboxly", "fastpost", "mailhaven", "quillmail", "hellopost", "northmail", "postbox"),
    "cs": ("holubice",),
    "de": ("eulenpost", "freipost", "briefkasten"),
    "es": ("correolibre", "buzon"),
    "fr": ("courriel", "petit-facteur"),
    "hi": ("dakghar", "chitthi"),
    "it": ("postalibera", "piccione"),
    "ja": ("yubinbox", "tegami"),
    "ko": ("pyeonji", "hanpost"),
    "pl": ("skrzynka", "listonosz"),
    "pt": ("correio", "caixapostal"),
    "sv": ("brevlådan",),  # an internationalised domain
    "th": ("praisani",),
    "uk": ("poshtar", "lystonosha"),
    "zh-Hans": ("xinjian", "youtong"),
    "zh-Hant": ("seedmail", "youcha"),
}
FIRMS = ("bakery", "studio", "architects", "clinic", "garden", "books", "cycles", "carpentry", "films", "law")

# Of 1,000 customers: how many are without a first name, did not agree to mail, have no usable address.
NAMELESS, DECLINED, WITHOUT_EMAIL, INVALID, DUPLICATE = 15, 11, 1.3, 1.2, 1.5

_ORDERS = """
CREATE TABLE orders AS
SELECT
    row_number() OVER (ORDER BY customer_id, number) AS order_id,
    customer_id,
    greatest(signup_date, DATE '{as_of}' - CAST(days_ago AS INTEGER))
        + to_seconds(CAST(hash(customer_id, number, 'second') % 64800 + 18000 AS BIGINT)) AS ordered_at,
    CASE WHEN hash(customer_id, number, 'own') % 10 < 6 THEN favourite
         ELSE [{categories}][CAST(hash(customer_id, number, 'category') % {category_count} AS INTEGER) + 1]
    END AS category,
    CAST(15 + (hash(customer_id, number, 'amount') % 1000) * (hash(customer_id, number, 'more') % 1000) / 4000.0
        AS DECIMAL(10, 2)) AS amount
FROM (
    SELECT customer_id, signup_date, favourite, number,
        -- Squared: more orders lately than long ago.
        pow((hash(customer_id, number, 'day') % 10000) / 10000.0, 2) * (DATE '{as_of}' - signup_date) AS days_ago
    FROM people, unnest(range(order_count)) AS numbers(number)
)
ORDER BY order_id
"""

_CUSTOMERS = """
CREATE TABLE customers AS
SELECT
    customer_id, email, first_name, last_name, country, city, language, signup_date,
    last_purchase_at,
    order_count AS orders,
    CAST(coalesce(spent, 0) AS DECIMAL(10, 2)) AS lifetime_value,
    CASE WHEN spent >= 1000 THEN 'Platinum' WHEN spent >= 500 THEN 'Gold' WHEN spent >= 150 THEN 'Silver'
         ELSE 'Bronze' END AS loyalty_tier,
    CASE WHEN order_count > 0 THEN favourite END AS favourite_category,
    marketing_opt_in
FROM people
LEFT JOIN (
    SELECT customer_id, max(ordered_at) AS last_purchase_at, sum(amount) AS spent FROM orders GROUP BY customer_id
) USING (customer_id)
ORDER BY customer_id
"""


def write_warehouse(path: Path, *, customers: int = CUSTOMERS) -> None:
    """Make the DuckDB file. It appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(path.name + ".making")
    # What an earlier, interrupted making left: DuckDB would replay its log into the new file.
    for left in (making, making.with_name(making.name + ".wal")):
        left.unlink(missing_ok=True)
    values = {
        "as_of": AS_OF.isoformat(),
        "categories": ", ".join(f"'{category}'" for category in CATEGORIES),
        "category_count": len(CATEGORIES),
    }
    with duckdb.connect(str(making)) as connection:
        connection.register("people", people(customers))
        connection.execute(_ORDERS.format(**values))
        connection.execute(_CUSTOMERS)
        connection.unregister("people")
    making.replace(path)


def people(count: int = CUSTOMERS, *, seed: int = SEED) -> pa.Table:
    """Who the customers are; what they bought follows from it."""
    chance = random.Random(seed)  # noqa: S311  believable, not secret
    places = read_places()
    weights = [place.weight for place in places]
    used: set[str] = set()
    rows = [
        _person(number, place, chance, used)
        for number, place in enumerate(chance.choices(places, weights, k=count), start=1)
    ]
    _spoil(rows, chance)
    return pa.table({name: [row[index] for row in rows] for index, name in enumerate(_COLUMNS)})


_COLUMNS = (
    "customer_id",
    "email",
    "first_name",
    "last_name",
    "country",
    "city",
    "language",
    "signup_date",
    "order_count",
    "favourite",
    "marketing_opt_in",
)
_EMAIL = _COLUMNS.index("email")


def _person(number: int, place: Place, chance: random.Random, used: set[str]) -> list[object]:
    names = place.women if chance.random() < 0.53 else place.men
    given, family = chance.choice(names.given), chance.choice(names.families)
    # Of ten years, most of the people in the later ones.
    signup = AS_OF - timedelta(days=int(3650 * chance.random() ** 1.6))
    order_count = 0 if chance.random() < 0.07 else min(40, 1 + int(chance.expovariate(0.55)))
    return [
        f"C{number:07d}",
        _address(place, given.latin, family.latin, chance, used),
        None if chance.random() * 1000 < NAMELESS else given.native,
        family.native,
        place.country,
        chance.choice(place.cities),
        place.language,
        signup,
        order_count,
        chance.choice(CATEGORIES),
        chance.random() * 1000 >= DECLINED,
    ]


def _address(place: Place, given: str, family: str, chance: random.Random, used: set[str]) -> str:
    """An address that nobody has yet."""
    full = f"{given}.{family}"
    local = chance.choice((full, full, f"{given[0]}.{family}", f"{given}{family}", given))
    if chance.random() < 0.4:
        local += str(chance.randrange(1950, 2009) if chance.random() < 0.5 else chance.randrange(1, 100))
    if chance.random() < 0.04:
        domain = f"{family.replace('.', '')}-{chance.choice(FIRMS)}"
    else:
        domain = chance.choice(PROVIDERS[""] + PROVIDERS.get(place.language, ()) * 2)
    address, more = f"{local}@{domain}.example", 1
    while address in used:
        more += 1
        address = f"{local}{chance.randrange(10 ** (1 + more // 3))}@{domain}.example"
    used.add(address)
    return address


def _spoil(rows: list[list[object]], chance: random.Random) -> None:
    """Give a few customers the addresses that warehouses have in practice."""
    numbers = list(range(len(rows)))
    chance.shuffle(numbers)

    def some(share: float) -> Iterator[list[object]]:
        for _ in range(round(len(rows) * share / 1000)):
            yield rows[numbers.pop()]

    for row in some(WITHOUT_EMAIL):
        row[_EMAIL] = None
    for row in some(INVALID):
        local, _, domain = str(row[_EMAIL]).partition("@")
        forms = (local, f"{local}@@{domain}", f"{local}@", f"@{domain}", f"{local} @{domain}", "-")
        row[_EMAIL] = chance.choice(forms)
    for row in some(DUPLICATE):
        other = str(rows[numbers[chance.randrange(len(numbers))]][_EMAIL])
        row[_EMAIL] = chance.choice((other.upper(), other.title(), f" {other}", f"{other} ", other))
