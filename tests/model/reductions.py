"""What is forgotten because nobody can tell the difference, so that fewer worlds are met; each with its reason."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from tests.model import parts
from tests.model.parts import Ask, Job, Mailing, Message, Sender, Status, Worker

Named = TypeVar("Named", Job, Mailing, Worker, Message)

# What a process may still do to others once it is past its lease: send the request or the message it was about to send.
SENDS = frozenset({"submit", "put batch", "tell", "call off", "send", "hand over"})


def past_its_lease(actor: Worker | Sender) -> Worker | Sender | None:
    """A process that lost its lease: None if all it can still do is find that out.

    Its next transaction ends with LeaseLost and changes nothing; reading changes nothing either. So the step that
    only finds it out can be taken at once: it is free at any moment, and takes nothing from anybody. Whoever is about
    to send something keeps what they send, and nothing else.
    """
    if actor.at not in SENDS:
        return None
    if isinstance(actor, Sender):
        return Sender(actor.batch, actor.at, valid=False, begun=actor.begun, follows=actor.follows)
    return Worker(actor.row, actor.at, valid=False, holds=actor.holds)


def news(status: Status, *, stops: bool = False, attempts: bool = False, ends: bool = False) -> Status:
    """What a step does with the Cloud's answer; the rest of it is forgotten."""
    return status._replace(
        seq=status.seq if status.stopped and stops else 0,
        stopped=status.stopped and stops,
        attempted=status.attempted and attempts,
        cancelled=status.cancelled and ends,
        at_rest=status.at_rest and ends,
        in_flight=status.in_flight and ends,
    )


def ghosts(mailing: Mailing) -> Mailing:
    """What the invariants remember of recipients is forgotten once their outcome is known, or while they wait."""
    doubtful = {
        recipient
        for recipient, intent in enumerate(mailing.intents)
        if intent in parts.IN_FLIGHT or intent == parts.UNKNOWN
    }
    return mailing._replace(excused=mailing.excused & doubtful, counted=mailing.counted & doubtful)


def numbers(
    job: Job, mailing: Mailing, workers: Iterable[Worker], messages: Iterable[Message]
) -> dict[int, int] | None:
    """New names for the numbers of Asks and controls, in their order, so that they are 1, 2, 3; None if they are.

    Numbers are only compared, and a new one is above all others; 0 stands for none.
    """
    used = {job.asked, mailing.seq, *(ask.number for ask in job.pending)}
    used.update(message.number for message in messages if message.what == "control")
    for worker in workers:
        used.update(_held(worker))
    used.discard(0)
    names = {number: index for index, number in enumerate(sorted(used), start=1)}
    if job.last_ask == len(used) and all(number == name for number, name in names.items()):
        return None
    return names | {0: 0}


def rename(part: Named, names: dict[int, int]) -> Named:
    """A part with its numbers renamed."""
    if isinstance(part, Job):
        pending = tuple(ask._replace(number=names[ask.number]) for ask in part.pending)
        return part._replace(pending=pending, asked=names[part.asked], last_ask=len(names) - 1)
    if isinstance(part, Mailing):
        return part._replace(seq=names[part.seq])
    if isinstance(part, Worker):
        return part._replace(holds=tuple(_renamed(part, value, names) for value in part.holds))
    return part._replace(number=names[part.number]) if part.what == "control" else part


def _held(worker: Worker) -> Iterator[int]:
    for value in worker.holds:
        if isinstance(value, Ask):
            yield value.number
        elif isinstance(value, Status):
            yield value.seq
        elif worker.at == "call off" and isinstance(value, int):
            yield value


def _renamed(worker: Worker, value: object, names: dict[int, int]) -> object:
    if isinstance(value, Ask):
        return value._replace(number=names[value.number])
    if isinstance(value, Status):
        return value._replace(seq=names[value.seq])
    if worker.at == "call off" and isinstance(value, int):
        return names[value]
    return value
