"""A little of the soak, so that its parts do not rot; and that its rules see what is wrong."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from accelerator.benches.stage import Stage
from tests import services
from tests.faults.evidence import Evidence, Mailing, Told
from tests.soak import clouds, faulty, judging, kills, people
from tests.soak.clouds import Cloud
from tests.soak.faulty import Doors

SEED = 6


@dataclass
class House:
    cloud: Cloud
    doors: Doors


@pytest.fixture
def house(empty_cloud: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A Cloud with a sender at each door. Nobody waits for a lease as long as in earnest."""
    with (
        services.database_beside(empty_cloud) as database,
        Stage() as stage,
        faulty.doors(stage.folder) as doors,
        clouds.running(stage, doors.workers, database, SENDING_LEASE="4") as cloud,
    ):
        yield House(cloud, doors)


WRONGS: dict[str, Callable[[Evidence], object]] = {
    "invariant 1": lambda found: found.received.append(found.received[0]),
    "count as delivered and were never accepted": lambda found: lose(found, "ok"),
    "invariant 7": lambda found: move(found, "ok", "unknown"),
    "dropafterdot: delivered": lambda found: move(found, "dropafterdot", "delivered"),
    "deferonce: bounced": lambda found: move(found, "deferonce", "bounced"),
    "have gaps": lambda found: log(found).pop(0),
    "reject: told as 5.7.1": lambda found: retell(found, "5.1.1", "5.7.1"),
}


def test_a_little_of_it_in_one_house(house: House) -> None:
    """Faults; then the rules see whatever is made wrong of what was found; then deaths. One test: one house."""
    cloud, doors = house.cloud, house.doors
    words = [word for word in people.FATES if word not in people.PATIENT]
    assert faulty.run(cloud, doors, 200, SEED, print, words) == []
    # Before anybody dies: who is unknown then has no cause.
    for told, spoil in WRONGS.items():
        found = judging.evidence(cloud, doors.first)
        spoil(found)
        assert any(told in sentence for sentence in judging.violations(found, cloud, doors.first)), told
    for door in doors.by_name.values():
        door.slowness = kills.SLOWNESS
    assert kills.run(cloud, doors.first, 300, 2, SEED, print, size=25) == []


def lose(found: Evidence, word: str) -> None:
    found.received.remove(next(line for line in found.received if people.word(line.recipient) == word))


def move(found: Evidence, word: str, state: str) -> None:
    rows = mailing(found).contacts
    at = next(number for number, row in enumerate(rows) if people.word(row.address) == word)
    rows[at] = replace(rows[at], state=state)


def retell(found: Evidence, code: str, other: str) -> None:
    at = next(number for number, event in enumerate(log(found)) if event.code == code)
    log(found)[at] = replace(log(found)[at], code=other)


def log(found: Evidence) -> list[Told]:
    return mailing(found).log


def mailing(found: Evidence) -> Mailing:
    assert found.jobs[0].mailing is not None
    return found.jobs[0].mailing
