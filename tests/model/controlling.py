"""jobs/stages/controlling.py: read the pending Ask, tell the Cloud under its number, grant it when acknowledged."""

from collections.abc import Iterator

from accelerator.protocol import Desired
from jobs.states import Wish
from tests.model import calls, lifecycle
from tests.model.cloud import Answer
from tests.model.lifecycle import Draft, holding
from tests.model.parts import AGAIN, DONE, Ask, Effect, Job, Mailing, Message, Rules, Status, Worker

DESIRED = {Wish.PAUSE: Desired.PAUSE, Wish.RESUME: Desired.RUN, Wish.CANCEL: Desired.CANCEL}


def read(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """controlling._pending()"""
    ask = _pending(job)
    then = worker.next("tell", ask) if ask else worker.next(DONE)
    yield Effect(f"controlling: {_named(ask)}", job, mailing, then)


def tell(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """client.control()"""
    (ask,) = worker.holds
    assert isinstance(ask, Ask)

    def told(answer: Answer) -> Worker:
        assert isinstance(answer, Status)
        return worker.next("settle", ask, Status(request_id=answer.request_id, seq=answer.seq))

    control = Message("control", ask.number, DESIRED[ask.wish])
    yield from calls.put(worker, job, mailing, control, rules, told)


def settle(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """controlling._settle()"""
    ask, status = worker.holds
    assert isinstance(ask, Ask)
    assert isinstance(status, Status)

    def write(draft: Draft) -> Worker:
        current = _pending(job)
        if current is None or current.number != ask.number:
            return worker.next(DONE if current is None else AGAIN)
        if status.seq != ask.number:
            _renumber(draft, current, status.seq)
            return worker.next(AGAIN)
        lifecycle.grant(draft, current, status, rules)
        return worker.next(DONE)

    yield holding(worker, job, mailing, rules, f"controlling._settle: {_named(ask)}", write)


def _renumber(draft: Draft, ask: Ask, applied: int) -> None:
    """controlling._renumber()"""
    number = max(draft.job.last_ask, applied) + 1
    others = tuple(other for other in draft.job.pending if other != ask)
    draft.set(pending=(*others, ask._replace(number=number)), last_ask=number, asked=number)


def _pending(job: Job) -> Ask | None:
    return job.pending[-1] if job.pending else None


def _named(ask: Ask | None) -> str:
    return f"{ask.wish.value}, number {ask.number}" if ask else "no Ask waits"


STEPS = {"read": read, "tell": tell, "settle": settle}
