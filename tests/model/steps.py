"""jobs/steps.py and accelerator/leases.py: how every step of a worker begins and ends.

Renewing a lease is left out: a worker may be frozen just behind it.
"""

from collections.abc import Callable, Iterator, Mapping

from jobs.states import State
from tests.model import collecting, controlling, initializing, lifecycle, notices, parts, processing
from tests.model.lifecycle import Draft, holding
from tests.model.parts import AGAIN, DONE, Effect, Job, Mailing, Rules, Seen, Worker


def claims(job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """steps.run() of an idle worker: what is due and free is claimed, then its Job is read.

    Both are one step here: as long as the step is the worker's, nobody moves its Job. A mutant reads the Job first.
    """
    for row in sorted(job.due - job.leased):
        if rules.mutant == "job-read-before-the-claim" and row in parts.STAGES:
            looking = Worker(row, "claim", valid=False, seen=_read(job))
            yield Effect(f"{row}: the claim reads the Job", job, mailing, looking)
        else:
            yield claim(row, _read(job), job, mailing)
    if rules.mutant == "claim-without-lock":
        for row in sorted(job.due & job.leased):
            held = claim(row, _read(job), job, mailing)
            yield held._replace(did=f"{row}: claimed, though held", fences=parts.NO_ROWS)


def claim(row: str, read: Seen, job: Job, mailing: Mailing) -> Effect:
    """leases.claim(): the epoch rises, so whoever held the row is past the lease."""
    worker = Worker(row, DONE, valid=True, seen=read if row in parts.STAGES else None)
    worker = worker.next(*_first(row, read, job))
    leased = job._replace(leased=job.leased | {row})
    if worker.at == "freeze":
        leased = leased._replace(left=False)  # who extracts begins with what those before left
    return Effect(f"{row}: claimed", leased, mailing, worker, fences=frozenset({row}))


def run(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """Everything this worker may do next."""
    if worker.at == "claim":
        if worker.row in job.due - job.leased:
            yield claim(worker.row, worker.job, job, mailing)
        else:
            yield Effect(f"{worker.row}: nothing to claim", job, mailing, None)
    elif worker.at in (AGAIN, DONE):
        yield finish(worker, job, mailing, rules)
    else:
        yield from STEPS[worker.row][worker.at](worker, job, mailing, rules)


def finish(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Effect:
    """leases.finish()"""

    def write(draft: Draft) -> None:
        row = {worker.row}
        due = job.due | row if worker.at == AGAIN else job.due - row
        draft.set(leased=job.leased - row, due=due)

    return holding(worker, job, mailing, rules, f"{worker.row}: {worker.at}", write)


def _first(row: str, read: Seen, job: Job) -> tuple[str, *tuple[object, ...]]:
    """What a step begins with, by the Job that it read."""
    match row:
        case parts.INITIALIZING:
            return ("freeze",) if read.state is State.INITIALIZING else (DONE,)
        case parts.PROCESSING:
            if read.state is not State.PROCESSING:
                return (DONE,)
            return processing.transfer(job) if read.request_id else ("submit",)
        case parts.COLLECTING:
            if read.state in (State.INITIALIZING, State.COMPLETED):
                return (DONE,)
            failed_early = read.state is State.FAILED and not read.request_id
            return ("clear",) if lifecycle.before_freeze(read) or failed_early else ("look",)
        case parts.CONTROLLING:
            return ("read",)
        case _:
            return ("settle for the dead",) if job.notice == "handing over" else ("connect",)


def _read(job: Job) -> Seen:
    return Seen(job.state, job.paused_from, job.request_id, over=job.window == "over")


Rule = Callable[[Worker, Job, Mailing, Rules], Iterator[Effect]]
STEPS: dict[str, Mapping[str, Rule]] = {
    parts.INITIALIZING: initializing.STEPS,
    parts.PROCESSING: processing.STEPS,
    parts.COLLECTING: collecting.STEPS,
    parts.CONTROLLING: controlling.STEPS,
    parts.NOTICE: notices.STEPS,
}
