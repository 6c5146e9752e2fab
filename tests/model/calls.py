"""jobs/client.py and the network between: what may become of one request of a worker to the Cloud."""

from collections.abc import Callable, Iterator

from tests.model import cloud
from tests.model.cloud import Answer
from tests.model.parts import AGAIN, Effect, Job, Mailing, Message, Rules, Status, Worker

# What the worker does next when it was answered.
Then = Callable[[Answer], Worker]


def put(
    worker: Worker, job: Job, mailing: Mailing, message: Message, rules: Rules, then: Then
) -> Iterator[Effect]:
    """A request that changes something: answered, lost, its answer lost, or on its way for longer than we wait.

    A worker that waits while the rest goes on is one that has not sent yet, or one that has not acted on the answer.
    A request that is repeated by the network, or outlives its sender, comes again at any later moment.
    """
    after, answer = cloud.serve(mailing, message, rules)
    away = unreachable(worker)
    did = f"{worker.row}: {message}"
    yield Effect(f"{did}: {_told(answer)}", job, after, then(answer))
    yield Effect(f"{did}: lost", job, mailing, away, kind="fault", cost="losses")
    if after != mailing:
        yield Effect(f"{did}: done, the answer is lost", job, after, away, kind="fault", cost="losses")
    yield Effect(
        f"{did}: given up, still on its way", job, mailing, away, kind="fault", cost="late", late=message
    )
    twice = f"{did}: {_told(answer)}; it will come again"
    yield Effect(twice, job, after, then(answer), kind="fault", cost="late", late=message)


def get(worker: Worker, job: Job, mailing: Mailing, rules: Rules, then: Then) -> Iterator[Effect]:
    """GET of the status: answered, or not."""
    answer: Answer = cloud.status(mailing, rules) if mailing.known else 404
    yield Effect(f"{worker.row}: GET status: {_told(answer)}", job, mailing, then(answer))
    yield Effect(f"{worker.row}: GET status: lost", job, mailing, unreachable(worker), kind="fault")


def unreachable(worker: Worker) -> Worker:
    """following.wait(): asked again later. (A Cloud that stays away for good is none of this model.)"""
    return worker.next(AGAIN)


def _told(answer: Answer) -> str:
    if not isinstance(answer, Status):
        return str(answer)
    words = [name for name, value in answer._asdict().items() if value is True]
    return f"number {answer.seq}, {', '.join(words) or 'nothing'}"
