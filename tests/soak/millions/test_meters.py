"""Memory, processor time, the page and kills: measured at real processes, judged by numbers."""

import signal
import subprocess
import sys
import time
import uuid
from array import array
from collections import Counter
from collections.abc import Iterator

import pytest

from accelerator.benches.browsing import Browser
from tests.faults import staff
from tests.soak import people
from tests.soak.millions import meters, readers
from tests.soak.millions.killing import OTHERS, SENDING, SPARED, Killer, victims
from tests.soak.millions.meters import Meter, Role
from tests.soak.millions.readers import Reader, Seen

WITHIN = 20.0
# A stand-in for `up`: two workers that look like those that send, with two children each; it tells when all are there.
HOUSE = """
import subprocess, sys, time
CHILD = "import time\\nwhile True: time.sleep(0.05)"
WORKER = f'''
import subprocess, sys, time
for _ in range(2): subprocess.Popen([sys.executable, "-IS", "-c", {CHILD!r}])
print("there", flush=True)
while True: time.sleep(1)
'''
for name in ("cloud-worker-1", "cloud-worker-2"):
    worker = subprocess.Popen([sys.executable, "-IS", "-c", WORKER, "--hostname", f"{name}@x"], stdout=subprocess.PIPE)
    worker.stdout.readline()
print("ready", flush=True)
while True: time.sleep(1)
"""


@pytest.fixture
def up() -> Iterator[int]:
    words = [sys.executable, "-IS", "-c", HOUSE]
    with subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True) as house:
        assert house.stdout is not None
        house.stdout.readline()
        known = list(meters.family(house.pid))
        yield house.pid
        for pid in {*known, *meters.family(house.pid)}:
            staff.send(pid, signal.SIGKILL)


def test_every_process_is_measured_and_the_dead_are_not_forgotten(up: int) -> None:
    roles = Counter(meters.family(up).values())
    assert roles == {"up": 1, **dict.fromkeys(SENDING, 1), **{f"{name} child": 2 for name in SENDING}}
    meter = Meter(up)
    meter.look()
    assert set(meter.roles) == set(roles)
    assert all(0.5 < role.held[0] < 100 for role in meter.roles.values())
    [child, *_] = staff.find(up, f"{SENDING[0]} child")
    meter._spent[child, "of an earlier start"] = 100 * meters.TICKS
    meter.look()
    assert meter.costs[-1][1] >= 100


def test_the_cost_ends_with_the_last_delivery() -> None:
    meter = Meter(0)
    meter.costs = [(0.0, 5.0), (2.0, 8.0), (4.0, 12.0), (6.0, 20.0)]
    assert meter.cost(meter.began + 3.0) == 7.0
    assert meter.cost(meter.began + 4.0) == 7.0
    assert meter.cost(meter.began + 60.0) == 15.0


def test_the_halves_of_the_time_have_a_peak_each() -> None:
    role = Role(array("d", [0.0, 2.0, 4.0, 6.0]), array("d", [50.0, 90.0, 70.0, 60.0]))
    assert role.halves(3.0) == (90.0, 70.0)
    assert role.halves(0.0) == (0.0, 90.0)


def test_whoever_grows_is_said() -> None:
    table = [("web", 100.0, 133.9), ("sender", 200.0, 244.5), ("new", 0.0, 500.0), ("gone", 500.0, 0.0)]
    [sentence] = meters.grown(table)
    assert sentence.startswith("sender: the largest process held 244 MB in the second half, and 200 MB")


def test_whole_workers_are_among_the_victims() -> None:
    kinds = Counter(victims(200, people.chance(1, "kills")))
    assert kinds == {SENDING: 40, OTHERS: 20, (): 140}
    assert Counter(victims(4, people.chance(1, "kills"))) == {SENDING: 1, OTHERS: 1, (): 2}
    assert victims(0, people.chance(1, "kills")) == []


def test_a_sender_dies_when_its_moment_has_come(up: int) -> None:
    killer = Killer(up, [10], people.chance(1, "kills"))
    killer.victims = [()]
    killer.tick(9)
    assert (killer.struck, killer.senders) == (0, 0)
    killer.tick(10)
    assert (killer.struck, killer.senders, killer.workers, killer.left) == (1, 1, 0, [])


def test_a_worker_dies_with_its_senders_and_is_spared_for_a_while(up: int) -> None:
    killer = Killer(up, [1, 2], people.chance(1, "kills"))
    killer.victims = [SENDING[:1], SENDING[:1]]
    killer.tick(1)
    assert (killer.struck, killer.senders, killer.workers) == (1, 2, 1)
    killer._killed[SENDING[0]] = time.monotonic() - SPARED / 2
    killer.tick(2)
    assert (killer.struck, killer.senders, killer.workers) == (2, 3, 1)


def test_nobody_is_there_to_be_killed(up: int) -> None:
    killer = Killer(1 << 30, [1], people.chance(1, "kills"))
    killer.tick(5)
    assert (killer.struck, killer.left) == (0, [1])


def seen(seconds: list[float], statuses: dict[int, int], troubles: list[str] | None = None) -> Seen:
    return Seen(seconds, Counter(statuses), troubles or [])


def test_a_page_that_answers_evenly_is_fine() -> None:
    assert readers.complaints({"page": seen([0.1, 0.2] * 60, {200: 120})}) == []


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        (seen([], {}), "was never read"),
        (seen([0.1] * 9, {200: 8, 500: 1}, ["500"]), "did not answer 1 times: {'500'}"),
        (seen([0.1] * 60 + [0.3] * 60, {200: 120}), "took 0.300 s in the second half, 0.100 s in the first"),
    ],
)
def test_a_page_that_does_not_answer_or_becomes_slow_is_said(looks: Seen, told: str) -> None:
    [sentence] = readers.complaints({"page": looks})
    assert told in sentence


def test_an_answer_that_is_none_is_written_down() -> None:
    browser = Browser("http://127.0.0.1:9")
    reader = Reader(browser, uuid.uuid4())
    reader.look("page")
    assert reader.seen["page"].troubles == ["ConnectError"]
    browser.close()
