"""What people and machines do is decided by the address and the Message-ID, at believable rates."""

from collections import Counter

import pytest

from accelerator.demo import customers
from accelerator.demo.receiver import acting
from accelerator.demo.receiver.acting import PROXY, SCANNER, Act, Deed, Way
from accelerator.demo.receiver.links import Links

MINUTES = 600.0
LINKS = Links(
    "http://localhost/u/1", "http://localhost/o/1", tuple(f"http://localhost/c/{n}" for n in range(8))
)


def deeds(address: str, message_id: str = "<1@x>", links: Links | None = LINKS) -> list[Deed]:
    return acting.deeds(address, message_id, lambda: links, MINUTES)


@pytest.fixture(scope="module")
def world() -> list[list[Deed]]:
    """What 40,000 recipients do."""
    return [deeds(f"person{number}@fastpost.example") for number in range(40_000)]


def share(world: list[list[Deed]], act: Act) -> float:
    """Of all recipients, how many per cent do it at least once."""
    return 100 * sum(any(deed.act is act for deed in done) for done in world) / len(world)


def test_rates_are_believable(world: list[list[Deed]]) -> None:
    assert share(world, Act.OPEN) == pytest.approx(30, abs=1)
    assert share(world, Act.CLICK) == pytest.approx(4.5, abs=0.5)
    assert share(world, Act.UNSUBSCRIBE) == pytest.approx(0.15, abs=0.07)
    assert share(world, Act.MACHINE_OPEN) == pytest.approx(25, abs=1)
    assert share(world, Act.MACHINE_CLICK) == pytest.approx(1, abs=0.2)


def test_people_act_within_the_time_and_most_open_in_its_first_third(world: list[list[Deed]]) -> None:
    people = [deed for done in world for deed in done if deed.agent not in (PROXY, SCANNER)]
    assert all(0 <= deed.after <= MINUTES for deed in people)
    first = [min(opens) for done in world if (opens := [d.after for d in done if d.act is Act.OPEN])]
    early = sum(after < MINUTES / 3 for after in first) / len(first)
    assert 0.7 < early < 0.9
    assert max(first) > MINUTES / 2


def test_people_open_before_they_do_anything_else(world: list[list[Deed]]) -> None:
    for done in world:
        opens = [deed.after for deed in done if deed.act is Act.OPEN]
        others = [deed.after for deed in done if deed.act in (Act.CLICK, Act.UNSUBSCRIBE)]
        assert not others or min(opens) <= min(others)


def test_some_open_several_times_and_people_click_one_or_two_links(world: list[list[Deed]]) -> None:
    opens = Counter(sum(deed.act is Act.OPEN for deed in done) for done in world)
    assert opens[1] > opens[2] > opens[3] > 0 == opens[4]
    clicks = [[deed.url for deed in done if deed.act is Act.CLICK] for done in world]
    assert {len(urls) for urls in clicks} == {0, 1, 2}
    assert all(len(set(urls)) == len(urls) for urls in clicks)
    liked = Counter(url for urls in clicks for url in urls)
    assert set(liked) == set(LINKS.clicks)
    assert liked[LINKS.clicks[0]] > liked[LINKS.clicks[-1]]


def test_people_unsubscribe_by_one_click_and_by_the_page() -> None:
    ways = Counter(
        deed.way
        for number in range(120_000)
        for deed in deeds("ann@fastpost.example", f"<{number}@x>")
        if deed.act is Act.UNSUBSCRIBE
    )
    assert ways.keys() == {Way.ONE_CLICK, Way.FORM}
    assert ways[Way.ONE_CLICK] > ways[Way.FORM] > 0


def test_a_proxy_opens_at_once_and_nobody_is_seen_behind_it(world: list[list[Deed]]) -> None:
    for done in world:
        hits = [deed for deed in done if deed.act is Act.MACHINE_OPEN]
        assert all(
            (deed.agent, deed.url) == ("Mozilla/5.0", LINKS.pixel) and deed.after <= 3 for deed in hits
        )
        assert not hits or all(deed.agent in (PROXY, SCANNER) for deed in done)


def test_a_scanner_follows_every_link_within_seconds_and_unsubscribes_nobody(world: list[list[Deed]]) -> None:
    scanned = [hits for done in world if (hits := [deed for deed in done if deed.agent == SCANNER])]
    for hits in scanned:
        assert [deed.url for deed in hits] == [*LINKS.clicks, LINKS.unsubscribe]
        assert all(deed.after <= 3 and deed.way in (Way.GET, Way.HEAD) for deed in hits)
    assert {hits[0].way for hits in scanned} == {Way.GET, Way.HEAD}


def test_machines_are_the_address_s_and_people_decide_for_each_message() -> None:
    for number in range(300):
        address = f"person{number}@fastpost.example"
        acts = [{deed.act for deed in deeds(address, f"<{message}@x>")} for message in range(40)]
        for machine in (Act.MACHINE_OPEN, Act.MACHINE_CLICK):
            assert len({machine in done for done in acts}) == 1
        if Act.MACHINE_OPEN not in acts[0]:
            assert {Act.OPEN in done for done in acts} == {True, False}


def test_the_same_message_meets_the_same_world_in_any_case() -> None:
    for number in range(500):
        found = deeds(f"person{number}@fastpost.example")
        assert found == deeds(f"Person{number}@FastPost.example")
        assert found == deeds(f"person{number}@fastpost.example")


def test_words_do_exactly_what_they_say() -> None:
    for number in range(300):
        at = f"{number}@fastpost.example"
        assert [deed.act for deed in deeds(f"reader{at}")] == [Act.OPEN]
        assert [deed.act for deed in deeds(f"Opener{at}")] == [Act.OPEN]
        assert [deed.url for deed in deeds(f"clicker.{at}")] == [LINKS.pixel, *LINKS.clicks]
        assert [(deed.act, deed.way) for deed in deeds(f"leaver{at}")] == [
            (Act.OPEN, Way.GET),
            (Act.UNSUBSCRIBE, Way.ONE_CLICK),
        ]
        for word in ("opener", "clicker", "leaver"):
            assert all(deed.after < 1 for deed in deeds(word + at))


def test_what_is_not_in_the_message_is_not_done() -> None:
    bare = Links(LINKS.unsubscribe)
    assert [deed.act for deed in deeds("leaver@x.example", links=bare)] == [Act.UNSUBSCRIBE]
    assert deeds("clicker@x.example", links=bare) == []
    assert deeds("opener@x.example", links=None) == []
    for number in range(5_000):
        for deed in deeds(f"person{number}@fastpost.example", links=bare):
            assert deed.url == LINKS.unsubscribe


def test_links_are_not_looked_for_where_nobody_acts() -> None:
    looked: list[str] = []

    def find(address: str) -> Links:
        looked.append(address)
        return LINKS

    for number in range(1_000):
        address = f"person{number}@fastpost.example"
        done = acting.deeds(address, "<1@x>", lambda address=address: find(address), MINUTES)  # type: ignore[misc]
        assert bool(done) == (looked[-1:] == [address])
    assert 400 < len(looked) < 700


def test_no_customer_of_the_demo_is_called_like_a_word() -> None:
    table = customers.people(3_000)
    assert not any(acting.is_word(address) for address in table["email"].to_pylist() if address)
