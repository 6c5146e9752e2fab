"""One house under faults: what a case may do to it, and what it may see of it."""

import json
import signal
import threading
import time
import uuid
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

from tests.faults import acts, checker, deaths, gathering, resting, returning, staff, traces
from tests.faults.cases import NotReached, Outcome
from tests.faults.judging import Violation
from tests.faults.mailbox import Mailbox
from tests.faults.orders import Orders
from tests.faults.people import KINDS, PEOPLE, Kind
from tests.faults.person import Person
from tests.faults.stores import Store
from tests.faults.watch import Watch
from tests.journeys.house import House, until

# Short waits: a refusal is tried again after a second, and a Job is Completed soon after its last contact.
SETTINGS = {
    "RETRY_DELAYS": "1s,1s,2s",
    "COLLECTING_WINDOW": "6s",
    "BATCH_RECORDS": "40",
    "ENGAGEMENT_MINUTES": "0",
    "HITS_HELD": "1s",
    "RECEIVER_DURABLE": "1",
    "RECEIVER_KEEPS_EVERYTHING": "1",
    "HOLD_SECONDS": "1",
    "LOG_LEVEL": "INFO",
}
# Campaigns made at once, by kind.
PORTION = {
    "people": 30,
    "steady": 16,
    "brief": 48,
    "few": 12,
    "slow": 16,
    "many": 2,
    "regulars": 12,
    "late": 3,
    "nobody": 3,
    "grown": 14,
}
# Seconds that a Job has to come to rest, and that an allowed stop of it lasts at most after a kill.
REST_WITHIN = 150.0
# Seconds that anything else is waited for: on a busy machine a house is slow, and no promise is about that.
PATIENCE = 120.0
RECOVERY = 30.0


# A campaign as `planning` has made it: its key, its tag, its kind, and the one for the same people.
Plan = dict[str, Any]


class World:
    """A running house, a person in it, and whoever watches."""

    NAMES = tuple(staff.NAMES)

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        data = folder / "data"
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.orders = Orders(data / "failpoints")
        self.house = House(data, **(SETTINGS | {"FAILPOINTS": str(self.orders.folder)} | settings))
        try:
            self.house.start()
            self._enter(data)
        except BaseException:  # whoever is told to end meanwhile leaves no house standing
            self.house.stop()
            raise

    def _enter(self, data: Path) -> None:
        """Whoever watches, and a person who has logged in."""
        told = self.house.environment()
        self.stores = {
            "dashboard": Store(told["DATABASE_URL"]),
            "cloud": Store(told["CLOUD_DATABASE_URL"]),
        }
        self.mailbox = Mailbox(data / "receiver")
        self.person = Person(self.house.url)
        listen = partial(traces.note_broker, data, told, set())
        self.watch = Watch(self.stores["dashboard"], self.stores["cloud"], self.mailbox, listen)
        self._plans: dict[str, list[Plan]] = defaultdict(list)
        self._again: dict[uuid.UUID, Plan] = {}
        # Jobs of `launch_again`, by the first one.
        self.seconds: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
        self._planning = threading.Lock()
        self.person.log_in()
        self.watch.start()

    def close(self) -> int:
        """End the house as a person does; the exit code of `up`."""
        self.watch.stop()
        for store in self.stores.values():
            store.close()
        return self.house.stop()

    # --- what people do -----------------------------------------------------------------------------------

    def launch(self, kind: Kind = PEOPLE) -> uuid.UUID:
        """Launch a campaign that was never launched, as often as it takes until it is answered; the Job."""
        return self._launch(self._plan(kind))

    def launch_again(self, job: uuid.UUID) -> uuid.UUID:
        """Launch a second campaign for the same people (of a kind that has one); the Job."""
        again = self._launch(self._again[job])
        self.seconds[job].append(again)
        return again

    def _launch(self, plan: Plan) -> uuid.UUID:
        token = uuid.uuid4()
        gathering.note_click(self.house.folder, token, plan["campaign"])
        job = self.person.launch(plan["campaign"], token)
        self._again[job] = plan.get("again", {})
        self.mailbox.expect(job, f"{plan['tag']}@sender.example")
        self.watch.add(job)
        return job

    def ask(self, job: uuid.UUID, wish: str, why: str = "a case asks") -> int:
        """Ask something of the Job by its page until the Ask is stored; its number."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            version = self.dashboard("SELECT version FROM jobs_job WHERE id = %s", job)[0][0]
            self.person.ask(job, wish, version, why)
            stored = self.dashboard(
                "SELECT number FROM jobs_ask WHERE job_id = %s AND wish = %s AND seen_version = %s"
                " AND by_id IS NOT NULL ORDER BY number DESC LIMIT 1",
                *(job, wish, version),
            )
            if stored:
                return int(str(stored[0][0]))
            time.sleep(0.2)
        raise AssertionError(f"job {job}: {wish} was refused for a minute")

    def _plan(self, kind: Kind) -> Plan:
        with self._planning:
            if not self._plans[kind.name]:
                self._make_plans({kind.name: PORTION[kind.name]})
            return self._plans[kind.name].pop(0)

    def plan_ahead(self, *kinds: Kind) -> None:
        """Make campaigns now rather than in the middle of a case."""
        with self._planning:
            self._make_plans({kind.name: PORTION[kind.name] for kind in kinds or KINDS.values()})

    def _make_plans(self, wanted: dict[str, int]) -> None:
        words = [f"{name}={count}" for name, count in wanted.items()]
        done = self.house.run("-m", "tests.faults.planning", *words)
        assert done.returncode == 0, done.stderr[-2000:]
        for plan in json.loads(done.stdout.splitlines()[-1]):
            self._plans[plan["kind"]].append(plan)

    # --- what recipients do -------------------------------------------------------------------------------

    def unsubscribe(self, job: uuid.UUID, who: str = "") -> str:
        """Somebody who was reached (`who`) unsubscribes by one click; the address. Repeated until it is answered."""
        address = self.mailbox.unsubscribe(job, who)
        acts.note(self.house.folder, "unsubscribe", address, job)
        return address

    def suppress(self, address: str) -> None:
        """An admin puts an address on the suppression list. Repeated until it is answered."""
        self._change_list("add", address)
        acts.note(self.house.folder, "listed", address)

    def unsuppress(self, address: str) -> None:
        """An admin takes an address off the suppression list. Repeated until it is answered."""
        self._change_list("remove", address)
        acts.note(self.house.folder, "unlisted", address)

    def _change_list(self, act: str, address: str) -> None:
        done = self.house.run("-m", "tests.faults.listing", act, address)
        assert done.returncode == 0, done.stderr[-2000:]

    def visit(self, job: uuid.UUID) -> None:
        """Somebody who was reached opens the mail and follows its link."""
        acts.note(self.house.folder, "open", self.mailbox.visit(job), job)

    def give_back(self, job: uuid.UUID) -> None:
        """A mail server gives somebody's message back that it has taken. Brought again until it is answered."""
        address, message = self.mailbox.letter(job)
        returning.bring(self.house, message)
        acts.note(self.house.folder, acts.RETURNED, address, job)

    def accepted(self, job: uuid.UUID) -> list[str]:
        """Recipients of the Job's messages that the receiver accepted, in order."""
        return self.mailbox.accepted(job)

    # --- what can be seen ---------------------------------------------------------------------------------

    def dashboard(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Rows of the dashboard's database; asked again while it is away."""
        return self.stores["dashboard"].rows(sql, *values)

    def cloud(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Rows of the Cloud's database; asked again while it is away."""
        return self.stores["cloud"].rows(sql, *values)

    def state(self, job: uuid.UUID) -> str:
        return str(self.dashboard("SELECT state FROM jobs_job WHERE id = %s", job)[0][0])

    def wait_for(self, job: uuid.UUID, *states: str, within: float = PATIENCE) -> str:
        """Until the Job is in one of the states; which."""

        def arrived() -> str:
            state = self.state(job)
            return state if state in states else ""

        return until(arrived, f"job {job} is {' or '.join(states)}", within)

    def wait_until_sent(self, job: uuid.UUID, count: int, within: float = PATIENCE) -> None:
        """Until the receiver has accepted so many of the Job's messages."""
        until(lambda: len(self.accepted(job)) >= count, f"{count} messages of job {job} are accepted", within)

    def wait_until_rest(self, *jobs: uuid.UUID, within: float = REST_WITHIN) -> None:
        """Until nothing more will happen to the Jobs by itself: invariant 11."""
        for job in jobs:
            until(partial(resting.rests, self.stores, job), f"job {job} rests", within)

    def outcome(self, *jobs: uuid.UUID, limit: float | None = RECOVERY) -> Outcome:
        """Wait until the Jobs rest; how long any of them stood still, at the longest."""
        self.wait_until_rest(*jobs)
        return Outcome(jobs, max((self.watch.stall(job) for job in jobs), default=0.0), limit)

    def check(self, *jobs: uuid.UUID) -> list[Violation]:
        """The checker on these Jobs, or on everything that can be seen of the house."""
        fallen = [Violation(9, job, told) for job, told in self.watch.fallen(*jobs).items()]
        return checker.violations(gathering.gather(self.house.folder, jobs or None)) + fallen

    # --- failpoints ---------------------------------------------------------------------------------------

    def arm(
        self,
        place: str,
        action: str = "kill",
        skip: int = 0,
        about: uuid.UUID | None = None,
        times: int = 1,
    ) -> None:
        """Whoever reaches the place next, after `skip` others, at work on the Job that it is `about`, obeys.

        And so do those after him, `times` in all.

        Waits while another case has an order there.
        """
        self.orders.give(place, action, skip, about, times)

    def done(self, place: str) -> list[int]:
        """Processes that have obeyed there so far."""
        return self.orders.obeyed(place)

    def await_done(self, place: str, within: float = PATIENCE) -> int:
        """The process that obeyed the order given last. Raises NotReached."""
        return self.orders.await_obeyed(place, within)

    def fault(self, who: str, windows: int = 0, messages: int = 0, job: uuid.UUID | None = None) -> None:
        """Note a fault that the house's own log does not tell of, and what it may leave Unknown at most, and whose."""
        deaths.note(self.house.folder, who, windows, messages, job)

    # --- processes ----------------------------------------------------------------------------------------

    def processes(self, name: str) -> list[int]:
        """Those of a name of NAMES; with " child" behind it what they forked."""
        assert self.house.process is not None
        return staff.find(self.house.process.pid, name)

    def kill(self, name: str) -> list[int]:
        """SIGKILL to all of the name. Raises NotReached if nobody was there."""
        return self._send(name, signal.SIGKILL)

    def stop(self, name: str) -> list[int]:
        """SIGSTOP, until `cont`."""
        return self._send(name, signal.SIGSTOP)

    def cont(self, *pids: int) -> None:
        for pid in pids:
            staff.send(pid, signal.SIGCONT)

    def _send(self, name: str, number: signal.Signals) -> list[int]:
        found = until(lambda: self.processes(name), f"there is a process {name}", 30)
        signalled = [pid for pid in found if staff.send(pid, number)]
        if not signalled:
            raise NotReached(f"{name} was gone before it could be signalled")
        self.fault(f"{number.name} to {name}")
        return signalled
