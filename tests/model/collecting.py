"""jobs/stages/collecting.py: the look at the Cloud, the pages of events, the window's end."""

from collections.abc import Iterator

from accelerator.protocol import Desired
from jobs.states import Cause, State
from tests.model import calls, cloud, following, lifecycle
from tests.model.cloud import Answer
from tests.model.lifecycle import Draft, holding
from tests.model.parts import AGAIN, DONE, Effect, Job, Mailing, Message, Rules, Status, Worker
from tests.model.reductions import news


def clear(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """leftovers.clear(). Whoever is late deletes nothing of an attempt that began since."""
    forgets = rules.mutant == "pause-that-leaves-files" and job.state is State.PAUSED
    cleared = job._replace(left=job.left and (forgets or not worker.valid))
    yield Effect("collecting: what an extraction left is deleted", cleared, mailing, worker.next(DONE))


def look(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """client.status(). Where it says nothing new, taking it in changes nothing of the model."""
    read = worker.job

    def looked(answer: Answer) -> Worker:
        if not isinstance(answer, Status) or not answer.request_id:
            return worker.next(AGAIN)
        status = news(answer, stops=following.follows(read), ends=read.over)
        nothing = not status.stopped and job.request_id
        return _after_news(worker, status, rules) if nothing else worker.next("take in", status)

    yield from calls.get(worker, job, mailing, rules, looked)


def take_in(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """following.take_in()"""
    (status,) = worker.holds
    assert isinstance(status, Status)
    yield following.take_in(worker, job, mailing, rules, status, _after_news(worker, status, rules))


def _after_news(worker: Worker, status: Status, rules: Rules) -> Worker:
    """collecting._settled(), once the news is taken in."""
    if worker.job.over:
        called_off = worker.job.state is State.FAILED or status.cancelled
        if not called_off and not status.at_rest and rules.mutant != "end-without-calling-off":
            return worker.next("number")
        if status.in_flight and not (called_off and rules.mutant == "end-with-somebody-in-flight"):
            return worker.next(AGAIN)
    return worker.next("pull")


def number(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """collecting._next_number()"""

    def write(draft: Draft) -> Worker:
        draft.set(last_ask=job.last_ask + 1)
        return worker.next("call off", draft.job.last_ask)

    yield holding(worker, job, mailing, rules, "collecting._next_number", write)


def call_off(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """client.control(): nobody is tried again."""
    (seq,) = worker.holds
    assert isinstance(seq, int)

    def called_off(answer: Answer) -> Worker:
        assert isinstance(answer, Status)
        # Whoever is past the lease has forgotten the Job, and takes nothing in.
        stops = worker.seen is not None and following.follows(worker.seen)
        return worker.next("take in the end", news(answer, stops=stops))

    yield from calls.put(worker, job, mailing, Message("control", seq, Desired.CANCEL), rules, called_off)


def take_in_the_end(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """following.take_in() of the answer."""
    (status,) = worker.holds
    assert isinstance(status, Status)
    yield following.take_in(worker, job, mailing, rules, status, worker.next(AGAIN))


def pull(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """following.pull(): client.events(). An empty page changes nothing."""
    length = cloud.told(mailing)
    then = worker.next("store", length) if length > job.cursor else _after_pages(worker)
    yield Effect(f"collecting: GET events: {length}", job, mailing, then)


def store(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """following.pull(): a page and the cursor behind it, in one transaction."""
    (length,) = worker.holds
    assert isinstance(length, int)

    def write(draft: Draft) -> Worker:
        draft.set(cursor=max(job.cursor, length))
        return _after_pages(worker)

    yield holding(worker, job, mailing, rules, f"collecting: events up to {length} are stored", write)


def _after_pages(worker: Worker) -> Worker:
    if not worker.job.over:
        return worker.next(AGAIN)
    return worker.next(DONE if worker.job.state is State.FAILED else "complete")


def complete(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """Completed: no more results. What move() returns is not looked at."""

    def write(draft: Draft) -> Worker:
        lifecycle.move(draft, worker.job, State.COMPLETED, Cause.WINDOW_OVER)
        return worker.next(DONE)

    yield holding(worker, job, mailing, rules, "collecting: the window is over", write)


STEPS = {
    "clear": clear,
    "look": look,
    "take in": take_in,
    "number": number,
    "call off": call_off,
    "take in the end": take_in_the_end,
    "pull": pull,
    "store": store,
    "complete": complete,
}
