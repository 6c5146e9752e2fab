"""Places at which the fault suite may kill, freeze or fail a process. Nothing at all unless FAILPOINTS is set.

FAILPOINTS names a folder. Whoever reaches a place looks there for its order, a file NAME.json, and takes it away
before it obeys, so that an order is obeyed once, by one process, or as many times as it says, one after the other.
What was obeyed is left behind as NAME.PID.done. An order that is `about` a Job waits for who works on that one, by
what is bound to the context for the log (`logs`).
"""

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from structlog.contextvars import get_contextvars

# Every place there is. `before` and `after` a commit, a request, a reply: what may be true here and not known there.
PLACES: dict[str, str] = {
    # The dashboard: the door.
    "launch.before": "the Job and its Launch are written, not committed",
    "launch.after": "they are committed, no worker is woken",
    "ask.before": "an Ask is stored, not committed",
    "ask.after": "it is committed, no worker is woken",
    "deleted.after": "a Job is deleted, the person is not told",
    # The dashboard: steps.
    "step.claimed": "a worker holds a step and has done nothing",
    "step.done": "a worker has done a step and not let go of it",
    "extraction.reading": "some rows of the Audience are in the spool",
    "extraction.spooled": "all of them are, and the sample is rendered",
    "size.before": "the Job waits for somebody to confirm the size, not committed",
    "size.after": "it is committed, its files are not deleted",
    "confirm.before": "a size is confirmed, not committed",
    "confirm.after": "it is committed, no worker is woken",
    "rating.before": "a change of the rate is stored, not committed",
    "rating.after": "it is committed, no worker is woken",
    "general.before": "that everything is to be paused is stored, not committed",
    "general.after": "it is committed, no Job is asked",
    "releasing.before": "that unknown recipients are to be tried again is stored, not committed",
    "releasing.after": "it is committed, the Cloud is not asked",
    "released.before": "the Cloud has tried them again, that is not noted",
    "freeze.before": "the freeze is written, not committed",
    "freeze.after": "it is committed, the Cloud knows nothing",
    "submit.before": "nothing of the Job has left the house",
    "submit.after": "the Cloud has accepted the Job, the Request ID is not stored",
    "submit.stored": "the Request ID is stored, no batch is transferred",
    "batch.before": "a batch is about to be transferred",
    "batch.after": "the Cloud has a batch, that is not noted",
    "batch.noted": "it is noted",
    "transferred.before": "that all batches are at the Cloud is written, not committed",
    "transferred.after": "it is committed",
    "control.before": "the Cloud is about to be told of an Ask",
    "control.after": "the Cloud has acknowledged, the Ask is not granted",
    "grant.before": "the Ask is granted, not committed",
    "grant.after": "it is committed",
    "rated.before": "the Cloud is about to be told of a rate",
    "rated.after": "the Cloud has confirmed it, that is not noted",
    "counts.before": "the Cloud's counts are written, with the pause that they may tell of, not committed",
    "counts.after": "they are committed",
    "events.fetched": "a page of events is here, nothing of it is stored",
    "events.before": "it is stored and counted, not committed",
    "events.after": "it is committed",
    "collecting.before": "the Job moves to Collecting, not committed",
    "collecting.after": "it is committed",
    "number.before": "a number for our own word to the Cloud is taken, not committed",
    "number.after": "it is committed, the Cloud is not told",
    "completed.before": "the Job moves to Completed, not committed",
    "completed.after": "it is committed",
    "notice.before": "the mail server has greeted, nothing is said",
    "notice.handing_over": "'handing over' is committed, nothing is said",
    "notice.sent": "the mail server has answered, that is not noted",
    "outcome.before": "what came of the mail is noted, not committed",
    "outcome.after": "it is committed",
    "denied.before": "that the Cloud knows no such mailing is noted, not committed",
    "denied.after": "it is committed",
    "failed.before": "the Job fails while it is Initializing, not committed",
    "failed.after": "it is committed",
    "halt.before": "an Ask of nobody's to stop the mailing is stored, not committed",
    "halt.after": "it is committed, the Cloud is not told",
    # The dashboard and the Cloud: their marks, and a database that was restored from an older copy.
    "mark.behind": "what must not be forgotten is committed, the mark does not say so",
    "review.before": "the dashboard's Jobs are held for review, not committed",
    "review.after": "it is committed",
    "renumber.before": "an Ask has a number above what the Cloud has applied, not committed",
    "renumber.after": "it is committed, the Cloud is not told again",
    "retransfer.before": "all batches are to be transferred again, not committed",
    "retransfer.after": "it is committed",
    "hold.before": "the Cloud's mailings are held for review, not committed",
    "hold.after": "it is committed",
    "lose.before": "whoever has no outcome in the copy is unknown, not committed",
    "lose.after": "it is committed",
    # The Cloud: its API and the links.
    "accept.before": "a mailing is stored, not committed",
    "accept.after": "it is committed, not answered",
    "store.before": "a batch is stored, not committed",
    "store.after": "it is committed, not answered",
    "apply.before": "a control is applied, not committed",
    "apply.after": "it is committed, not answered",
    "rate.before": "other rates are written, not committed",
    "rate.after": "they are committed, the dashboard has no answer",
    "freed.before": "unknown recipients are to be tried again, not committed",
    "freed.after": "it is committed, the dashboard has no answer",
    "stamp.before": "events are numbered, not committed",
    "stamp.after": "they are committed, not answered",
    "objection.before": "an unsubscribe is recorded, not committed",
    "objection.after": "it is committed, not answered",
    "refused.before": "that a message was given back is recorded, not committed",
    "refused.after": "it is committed, whoever brought the mail is not answered",
    "hit.before": "opens and clicks are written, not committed",
    "hit.after": "they are committed, not answered",
    "journal.after": "an open or a click is in a file of the host, not answered",
    "told.before": "opens and clicks are told in the log, not committed",
    "told.after": "it is committed",
    "listed.before": "addresses are put on the suppression list, not committed",
    "listed.after": "it is committed, not answered",
    "unlisted.before": "addresses are taken off the suppression list, not committed",
    "unlisted.after": "it is committed, not answered",
    # The Cloud: its senders.
    "take.after": "a sender holds a batch",
    "stock.before": "what an earlier sender left is unknown, not committed",
    "stock.after": "it is committed",
    "intents.before": "a window of intents is written, not committed",
    "intents.after": "it is committed, nothing is sent",
    "dot.before": "a message is about to get its final dot",
    "dot.after": "the final dot is written, no reply was read",
    "reply.after": "the reply was read, nothing is recorded",
    "settle.before": "outcomes are recorded, not committed",
    "settle.after": "they are committed",
    "release.before": "a sender lets go of its batch, not committed",
    "release.after": "it is committed",
}


class Fault(Exception):
    """What a place raises when it is told to."""


def _nothing(place: str) -> None:
    """Production."""


def _obey(place: str) -> None:
    order = _folder / f"{place}.json"
    done = _folder / f"{place}.{os.getpid()}.done"
    with suppress(FileNotFoundError):
        about = json.loads(order.read_text()).get("about")
        if about and about not in get_contextvars().values():
            return
        order.rename(done)
        said = json.loads(done.read_text())
        if said.get("skip", 0) > 0:  # not yet: the order stays for the next who comes
            said["skip"] -= 1
            done.write_text(json.dumps(said))
            done.rename(order)
            return
        if said.get("times", 1) > 1:  # once more for the next
            again = _folder / f"{place}.{os.getpid()}.again"
            again.write_text(json.dumps(said | {"times": said["times"] - 1}))
            again.rename(order)
        _do(said["action"], place)


def _do(action: str, place: str) -> None:
    match action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":  # whoever gave the order says when it goes on
            os.kill(os.getpid(), signal.SIGSTOP)
        case "raise":
            raise Fault(place)


_folder = Path(os.environ.get("FAILPOINTS", ""))
reached: Callable[[str], None] = _obey if os.environ.get("FAILPOINTS") else _nothing
