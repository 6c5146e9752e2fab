"""The demo's warehouse: always the same people, believable, and not perfect."""

import unicodedata
from pathlib import Path

import duckdb
import pytest

from accelerator.demo import customers
from accelerator.demo.places import read_places
from accelerator.protocol import AddressInvalid, address_key

COUNT = 5_000


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    path = tmp_path_factory.mktemp("demo") / "new" / "warehouse.duckdb"
    customers.write_warehouse(path, customers=COUNT)
    return duckdb.connect(str(path), read_only=True)


def count(warehouse: duckdb.DuckDBPyConnection, what: str) -> int:
    ((number,),) = warehouse.sql(f"SELECT {what}").fetchall()
    return int(number)


def test_the_same_seed_makes_the_same_people() -> None:
    assert customers.people(2_000).equals(customers.people(2_000))
    assert not customers.people(200, seed=1).equals(customers.people(200, seed=2))


def test_the_same_warehouse_is_made_again(tmp_path: Path, warehouse: duckdb.DuckDBPyConnection) -> None:
    customers.write_warehouse(tmp_path / "again.duckdb", customers=COUNT)
    with duckdb.connect(str(tmp_path / "again.duckdb"), read_only=True) as again:
        for table in ("customers", "orders"):
            rows = f"SELECT * FROM {table} ORDER BY ALL"
            assert again.sql(rows).fetchall() == warehouse.sql(rows).fetchall()


def test_it_is_written_whole_or_not_at_all_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    (tmp_path / "warehouse.duckdb.making").write_text("what an interrupted making left")
    (tmp_path / "warehouse.duckdb.making.wal").write_text("and its log")
    customers.write_warehouse(path, customers=50)
    assert [entry.name for entry in tmp_path.iterdir()] == ["warehouse.duckdb"]


def test_ids_are_unique_and_all_but_a_few_addresses_are_good(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert count(warehouse, "count(DISTINCT customer_id) FROM customers") == COUNT
    keys: set[str] = set()
    missing = invalid = duplicate = 0
    for (email,) in warehouse.sql("SELECT email FROM customers").fetchall():
        if email is None:
            missing += 1
            continue
        try:
            key = address_key(email)
        except AddressInvalid:
            invalid += 1
            continue
        duplicate += key in keys
        keys.add(key)
    assert (missing, invalid) == (round(COUNT * 0.0013), round(COUNT * 0.0012))
    assert duplicate == round(COUNT * 0.0015)


def test_nobody_can_be_reached_by_accident(warehouse: duckdb.DuckDBPyConnection) -> None:
    domains = warehouse.sql(
        "SELECT DISTINCT lower(trim(split_part(email, '@', -1))) FROM customers WHERE email LIKE '%@%'"
    )
    named = [domain for (domain,) in domains.fetchall() if domain]
    assert len(named) > 100
    assert all(domain.endswith(".example") for domain in named)


def test_names_come_in_many_scripts_and_agree_with_the_country(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = warehouse.sql("SELECT country, first_name FROM customers WHERE first_name IS NOT NULL").fetchall()
    scripts = {unicodedata.name(name[0]).split()[0] for _, name in rows}
    wanted = {
        "LATIN",
        "CYRILLIC",
        "GREEK",
        "ARABIC",
        "HEBREW",
        "CJK",
        "HIRAGANA",
        "HANGUL",
        "DEVANAGARI",
        "THAI",
    }
    assert wanted <= scripts
    assert {unicodedata.name(name[0]).split()[0] for country, name in rows if country == "Greece"} == {
        "GREEK"
    }


def test_every_name_of_every_place_can_stand_in_an_address() -> None:
    for place in read_places():
        for names in (place.women, place.men):
            for name in [*names.given, *names.families]:
                assert name.latin, name.native
                assert name.latin.isascii()
                assert address_key(f"{name.latin}@x.example")


def test_purchases_and_customers_agree(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert count(warehouse, "sum(orders) FROM customers") == count(warehouse, "count(*) FROM orders")
    assert count(warehouse, "sum(lifetime_value) FROM customers") == count(
        warehouse, "sum(amount) FROM orders"
    )
    assert count(warehouse, "count(*) FROM customers WHERE (orders = 0) <> (last_purchase_at IS NULL)") == 0
    assert count(warehouse, "count(*) FROM customers WHERE last_purchase_at < signup_date") == 0
    assert count(warehouse, "count(*) FROM customers WHERE last_purchase_at >= DATE '2026-11-16'") == 0
    tiers = dict(warehouse.sql("SELECT loyalty_tier, count(*) FROM customers GROUP BY ALL").fetchall())
    assert tiers["Bronze"] > tiers["Silver"] > tiers["Gold"] > tiers["Platinum"] > 0


def test_nearly_everybody_agreed_to_hear_from_us(warehouse: duckdb.DuckDBPyConnection) -> None:
    agreed = count(warehouse, "count(*) FROM customers WHERE marketing_opt_in")
    assert 0.98 * COUNT < agreed < COUNT
