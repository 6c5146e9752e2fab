"""The demo world in the database: complete, launchable, and made once."""

import threading
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from pytest_django import Settings

from accelerator.demo import plans
from accelerator.demo.people import ADA, ALICE, COMPANY, PEOPLE, SAM, described
from accelerator.demo.seed import seed
from campaigns import launching
from campaigns.models import Audience, Campaign
from jobs import warehouses
from jobs.models import Job, Warehouse
from jobs.warehouses import Cancelled

COUNT = 3_000


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def world(db: None, tmp_path: Path, said: list[str]) -> Path:
    """The demo world with fewer customers; its folder."""
    assert seed(tmp_path, said.append, count=COUNT)
    return tmp_path


def test_every_campaign_can_be_launched_at_once(world: Path) -> None:
    names = [plan.name for plan in plans.CAMPAIGNS]
    assert sorted(Campaign.objects.values_list("name", flat=True)) == sorted(names)
    for campaign in Campaign.objects.all():
        assert launching.blockers(campaign) == []
        assert campaign.notification_address == ALICE.email


def test_audiences_know_their_size_columns_and_first_rows(world: Path) -> None:
    sizes = {audience.name: audience.size or 0 for audience in Audience.objects.all()}
    assert sizes[plans.BEST.name] == 200
    assert 0.98 * COUNT < sizes[plans.EVERYBODY.name] < COUNT
    assert 0.4 * COUNT < sizes[plans.ACTIVE.name] < 0.6 * COUNT
    assert sizes[plans.LOOK_ALIKES.name] > 0.85 * COUNT
    for audience in Audience.objects.all():
        assert {"customer_id", "email"} <= set(audience.columns)
        assert len(audience.sample) == 5
        assert audience.size == warehouses.count(audience.warehouse, audience.sql)


def test_everybody_can_log_in_and_sees_what_the_role_says(world: Path) -> None:
    people = {
        person.username: authenticate(username=person.username, password=person.password) for person in PEOPLE
    }
    alice, sam, ada = people[ALICE.username], people[SAM.username], people[ADA.username]
    assert isinstance(alice, User)
    assert isinstance(sam, User)
    assert isinstance(ada, User)
    assert Campaign.objects.visible_to(alice).count() == len(plans.CAMPAIGNS)
    assert Campaign.objects.visible_to(sam).count() == 0
    assert Campaign.objects.visible_to(ada).count() == len(plans.CAMPAIGNS)
    assert not alice.has_perm("jobs.view_every_job")
    assert sam.has_perm("jobs.view_every_job")
    assert sam.has_perm("jobs.view_suppression")
    assert not sam.has_perm("jobs.change_suppression")
    assert not alice.has_perm("jobs.view_suppression")
    assert ada.is_superuser
    assert not sam.is_staff


def test_the_accounts_are_told_one_a_line() -> None:
    lines = described().splitlines()
    assert [line.split()[:2] for line in lines] == [[person.username, person.password] for person in PEOPLE]


def test_a_second_time_it_changes_nothing(world: Path, said: list[str]) -> None:
    Campaign.objects.first().delete()  # type: ignore[union-attr]
    User.objects.filter(username=ALICE.username).update(first_name="Alicia")
    before = (world / "demo" / "warehouse.duckdb").stat().st_mtime_ns
    said.clear()
    assert not seed(world, said.append, count=COUNT)
    assert said == []
    assert Campaign.objects.count() == len(plans.CAMPAIGNS) - 1
    assert User.objects.get(username=ALICE.username).first_name == "Alicia"
    assert (world / "demo" / "warehouse.duckdb").stat().st_mtime_ns == before


def test_a_warehouse_that_was_deleted_comes_back(world: Path, said: list[str]) -> None:
    path = Path(Warehouse.objects.get().location)
    path.unlink()
    assert not seed(world, said.append, count=COUNT)
    assert warehouses.count(Warehouse.objects.get(), plans.BEST.sql) == 200


def test_a_database_with_people_of_its_own_gets_no_demo_accounts(
    db: None, tmp_path: Path, said: list[str]
) -> None:
    User.objects.create_user("grace")
    assert not seed(tmp_path, said.append, count=COUNT)
    assert "people of its own" in said[0]
    assert User.objects.count() == 1
    assert not Group.objects.exists()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_behind_when_it_is_interrupted(
    db: None, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> dict[str, object]:
        raise KeyboardInterrupt

    monkeypatch.setattr(plans, "supplemental", interrupted)
    with pytest.raises(KeyboardInterrupt):
        seed(tmp_path, said.append, count=COUNT)
    assert not Group.objects.exists()
    assert not User.objects.exists()
    monkeypatch.undo()
    assert seed(tmp_path, said.append, count=COUNT)


def test_the_command_makes_a_hundred_thousand_customers_and_says_so(
    db: None, tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.DATA_DIR = tmp_path
    call_command("seed_demo")
    assert "Making a warehouse of 100,000 customers." in capsys.readouterr().out
    warehouse = Warehouse.objects.get()
    assert warehouses.count(warehouse, "SELECT * FROM customers") == 100_000
    assert warehouses.count(warehouse, plans.EVERYBODY.sql) > 98_000
    assert Group.objects.filter(name=COMPANY).exists()
    assert not Job.objects.exists()


def test_the_slow_audience_ends_when_it_is_interrupted(world: Path) -> None:
    slow = f"SELECT * FROM ({plans.LOOK_ALIKES.sql}), range(1000)"
    with warehouses.open_stream(Warehouse.objects.get(), slow) as stream:
        done = threading.Event()
        canceller = threading.Thread(target=cancel_again_and_again, args=(stream, done))
        canceller.start()
        try:
            with pytest.raises(Cancelled):
                read_all(stream)
        finally:
            done.set()
            canceller.join()


def cancel_again_and_again(stream: warehouses.Stream, done: threading.Event) -> None:
    """A cancel that comes before the query runs ends nothing."""
    while not done.wait(0.5):
        stream.cancel()


def read_all(stream: warehouses.Stream) -> None:
    stream.start()
    for _ in stream:
        pass
