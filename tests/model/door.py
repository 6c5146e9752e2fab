"""jobs/control.py and the clock: what people may do with a Job at any moment, and the end of the window.

Who asks changes nothing but a sentence, so one asker stands for any number of people who do not wait for each other.
Nor is a page opened before it is used: what a page that is old asks is refused (a mutant forgets that), and what one
asks that is not is offered now.
"""

from collections.abc import Iterator

from jobs import states
from jobs.states import Cause, State, Wish
from tests.model import lifecycle
from tests.model.lifecycle import Draft
from tests.model.parts import Effect, Job, Mailing, Rules, Status


def people(job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """control.ask() of everything that is offered, and control.delete()."""
    pending = job.pending[-1].wish if job.pending else None
    for wish in states.offers(job.state, pending):
        yield ask(job, mailing, wish, rules)
    if rules.mutant == "ask-without-version":
        for wish in Wish:
            yield ask(job, mailing, wish, rules, stale=True)
    if rules.mutant == "cancel-without-compare-and-set" and job.state is State.PROCESSING:
        draft = Draft(job._replace(failure="extraction_cancelled"))
        lifecycle.write(draft, State.FAILED, Cause.CANCEL)
        yield draft.effect("control.ask: cancel, of a Job that was Initializing", mailing, kind="person")
    deletable = job.state in states.TERMINAL or rules.mutant == "delete-of-anything"
    if deletable and not job.deleted:
        gone = job._replace(deleted=True)
        yield Effect("control.delete", gone, mailing, None, kind="person", cost="deletes")


def ask(job: Job, mailing: Mailing, wish: Wish, rules: Rules, *, stale: bool = False) -> Effect:
    """control.ask(). A stale page is refused; `stale` is the mutant that does not look."""
    draft = Draft(job)
    stored = lifecycle.store(draft, wish, keep=rules.mutant == "ask-beside-ask")
    if lifecycle.before_freeze(job):
        lifecycle.grant(draft, stored, None, rules)
    elif rules.mutant == "grant-without-acknowledgement":
        lifecycle.grant(draft, stored, _hearsay(job), rules)
    did = f"control.ask: {wish.value}, number {stored.number}" + (", of a page that is old" if stale else "")
    return draft.effect(did, mailing, kind="person", cost="asks", void=stale)


def clock(job: Job, mailing: Mailing) -> Iterator[Effect]:
    """The window's end."""
    if job.window == "open":
        yield Effect("the collecting window is over", job._replace(window="over"), mailing, None)


def _hearsay(job: Job) -> Status:
    return Status(request_id=job.request_id, seq=job.last_ask)
