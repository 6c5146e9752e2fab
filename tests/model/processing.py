"""jobs/stages/processing.py: the submission, the batches, the look at the counts."""

from collections.abc import Iterator

from jobs.states import Cause, Failure, State
from tests.model import calls, following, lifecycle
from tests.model.cloud import Answer
from tests.model.lifecycle import Draft, holding
from tests.model.parts import AGAIN, DONE, Effect, Job, Mailing, Message, Rules, Status, Worker
from tests.model.reductions import news


def submit(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """client.submit()"""
    then = _refusable(worker, worker.next("note submission"))
    yield from calls.put(worker, job, mailing, Message("mailing"), rules, then)
    yield from _given_up(worker, job, mailing, rules)


def note_submission(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """The Request ID is stored."""

    def write(draft: Draft) -> Worker:
        draft.set(request_id=True)
        return worker.next(*transfer(job))

    yield holding(worker, job, mailing, rules, "processing: the Request ID is stored", write)


def put_batch(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """client.put_batch()"""
    (number,) = worker.holds
    assert isinstance(number, int)
    then = _refusable(worker, worker.next("note batch", number))
    yield from calls.put(worker, job, mailing, Message("batch", number), rules, then)
    yield from _given_up(worker, job, mailing, rules)


def note_batch(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """Batch.transferred_at; Job.transferred_at follows from it, and is left out."""
    (number,) = worker.holds

    def write(draft: Draft) -> Worker:
        draft.set(transferred=tuple(was or index == number for index, was in enumerate(job.transferred)))
        return worker.next(*transfer(draft.job))

    yield holding(worker, job, mailing, rules, f"processing: batch {number} is noted", write)


def transfer(job: Job) -> tuple[str, *tuple[object, ...]]:
    """processing._transfer(): the next batch, or the look at the counts behind the last."""
    left = [number for number, done in enumerate(job.transferred) if not done]
    return ("put batch", left[0]) if left else ("look",)


def look(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """client.status(). Where it says nothing new, taking it in changes nothing of the model."""

    def answered(answer: Answer) -> Worker:
        if not isinstance(answer, Status):
            return worker.next("refused", answer)
        status = news(answer, stops=True, attempts=True)
        return worker.next("take in", status) if status.stopped or status.attempted else worker.next(AGAIN)

    yield from calls.get(worker, job, mailing, rules, answered)


def take_in(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """following.take_in()"""
    (status,) = worker.holds
    assert isinstance(status, Status)
    then = worker.next("move" if status.attempted else AGAIN)
    yield following.take_in(worker, job, mailing, rules, status, then)


def move(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """Collecting: every record was attempted. What move() returns is not looked at."""

    def write(draft: Draft) -> Worker:
        lifecycle.move(draft, worker.job, State.COLLECTING, Cause.ALL_ATTEMPTED, window="open")
        return worker.next(DONE)

    yield holding(worker, job, mailing, rules, "processing: every record was attempted", write)


def refused(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """processing._refused()"""
    if worker.holds == (410,) and job.pending:
        yield Effect("processing: 410, and an Ask waits", job, mailing, worker.next(DONE))
    else:
        yield _stop(worker, job, mailing, rules, f"processing: {worker.holds[0]}, granting.stop")


def _given_up(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """steps._give_up(), after errors that nobody can explain."""
    if worker.valid:
        stopped = _stop(worker, job, mailing, rules, "steps._give_up: granting.stop")
        yield stopped._replace(kind="fault", cost="errors")


def _stop(worker: Worker, job: Job, mailing: Mailing, rules: Rules, did: str) -> Effect:
    def write(draft: Draft) -> Worker:
        lifecycle.stop(draft, worker.job, Failure.CLOUD)
        return worker.next(DONE)

    return holding(worker, job, mailing, rules, did, write)


def _refusable(worker: Worker, then: Worker) -> calls.Then:
    def answered(answer: Answer) -> Worker:
        return worker.next("refused", answer) if answer in (404, 410) else then

    return answered


STEPS = {
    "submit": submit,
    "note submission": note_submission,
    "put batch": put_batch,
    "note batch": note_batch,
    "look": look,
    "take in": take_in,
    "move": move,
    "refused": refused,
}
