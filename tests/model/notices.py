"""jobs/notices.py: "handing over" is committed before the mail may leave."""

from collections.abc import Iterator

from tests.model import parts
from tests.model.lifecycle import Draft, holding
from tests.model.parts import AGAIN, Effect, Job, Mailing, Rules, Worker


def connect(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """notices.hand_over(), up to the commit behind which the mail may have left."""

    def write(draft: Draft) -> Worker:
        draft.set(notice="handing over")
        return worker.next("send")

    yield holding(worker, job, mailing, rules, "notices: handing over", write)
    yield Effect("notices: the mail server is away", job, mailing, worker.next(AGAIN), kind="fault")


def send(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """notices._send()"""
    sent = job._replace(mails=job.mails + 1)
    yield Effect("notices: the mail server has it", sent, mailing, worker.next("settle"))


def settle(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """notices._settle()"""
    yield _settled(worker, job, mailing, rules, "sent")


def settle_for_the_dead(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """Whoever was at it died, or is past the lease: nobody knows, and no second mail is sent."""
    yield _settled(worker, job, mailing, rules, "unknown")


def _settled(worker: Worker, job: Job, mailing: Mailing, rules: Rules, outcome: str) -> Effect:
    def write(draft: Draft) -> None:
        row = {parts.NOTICE}
        draft.set(notice=outcome, due=job.due - row, leased=job.leased - row)

    return holding(worker, job, mailing, rules, f"notices: {outcome}", write)


STEPS = {"connect": connect, "send": send, "settle": settle, "settle for the dead": settle_for_the_dead}
