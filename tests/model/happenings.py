"""Whose turn it may be: everything that can happen next to a Job and its mailing, as rules that give effects."""

from collections.abc import Iterator

from tests.model import cloud, door, parts, senders, steps
from tests.model.parts import Effect, Job, Mailing, Message, Rules, Sender, Worker


def work(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """A worker of the dashboard goes on, or dies."""
    yield from steps.run(worker, job, mailing, rules)
    after = job._replace(left=True) if worker.at == "freeze" and worker.valid else job
    yield Effect(f"{worker.row}: the worker dies", after, mailing, None, kind="fault", cost="crashes")


def send(sender: Sender, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """A sender of the Cloud goes on, or dies."""
    yield from senders.run(sender, job, mailing, rules)
    yield Effect(f"{sender.row}: the sender dies", job, mailing, None, kind="fault", cost="crashes")


def outside(job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """People, and time."""
    yield from door.people(job, mailing, rules)
    yield from door.clock(job, mailing)


def arrive(message: Message, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """A request arrives that nobody waits for any more."""
    after, _ = cloud.serve(mailing, message, rules)
    yield Effect(f"{message} arrives, late or again", job, after, None)


def run_out(job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """Each lease by itself runs out behind a process that died. Who is in flight then may become unknown."""
    for row in sorted(job.leased):
        after = job._replace(leased=job.leased - {row})
        yield Effect(f"{row}: the lease runs out", after, mailing, None, row=row)
    for batch in sorted(mailing.leased):
        doubtful = {
            recipient for recipient in rules.of(batch) if mailing.intents[recipient] in parts.IN_FLIGHT
        }
        there = mailing._replace(leased=mailing.leased - {batch}, excused=mailing.excused | doubtful)
        yield Effect(f"batch {batch}: the lease runs out", job, there, None, row=f"batch {batch}")


def run_out_on_the_living(job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """The same, in the same order, on processes that are frozen, or only slow."""
    for effect in run_out(job, mailing, rules):
        yield effect._replace(did=f"{effect.did} on a process that is frozen", kind="fault", cost="expiries")
