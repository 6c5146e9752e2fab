"""What must be true of every step of the model: the product's promises, each in the sentence that is printed.

They are asked of a Job and its mailing together, before and after one atomic step.
"""

from collections.abc import Callable, Iterator

from accelerator.protocol import Desired
from jobs import states
from jobs.states import Failure, State
from tests.model import cloud, parts
from tests.model.parts import Effect, Job, Mailing, Rules

EARLY = (Failure.EXTRACTION_CANCELLED.value, Failure.AUDIENCE_SQL.value)


def broken(job: Job, mailing: Mailing, effect: Effect, rules: Rules) -> str:
    """The first promise that the step breaks; "" if it keeps them all, as one does that changes nothing."""
    if effect.job is job and effect.mailing is mailing:
        return ""
    for sentence, holds in STEPS.items():
        if rules.promise in ("", sentence) and not holds(job, mailing, effect):
            return sentence
    for sentence, stands in STANDINGS.items():
        if rules.promise in ("", sentence) and not stands(effect.job, effect.mailing, rules):
            return sentence
    return ""


# --- of a step --------------------------------------------------------------------------------------------


def drawn(before: Job, mailing: Mailing, effect: Effect) -> bool:
    after = effect.job
    if effect.cause is None:
        return (after.state, after.paused_from) == (before.state, before.paused_from)
    try:
        states.check(before.state, after.state, effect.cause, paused_from=before.paused_from)
    except states.IllegalTransition:
        return False
    return True


def final(before: Job, mailing: Mailing, effect: Effect) -> bool:
    return before.state not in states.TERMINAL or effect.job.state is before.state


def risen(before: Job, mailing: Mailing, effect: Effect) -> bool:
    after, then = effect.job, effect.mailing
    return (
        after.last_ask >= before.last_ask
        and then.seq >= mailing.seq
        and after.cursor >= before.cursor
        and after.request_id >= before.request_id
        and then.request_id >= mailing.request_id
        and after.frozen >= before.frozen
    )


def cancelled_for_good(before: Job, mailing: Mailing, effect: Effect) -> bool:
    return mailing.desired is not Desired.CANCEL or effect.mailing.desired is Desired.CANCEL


def no_new_intent(before: Job, mailing: Mailing, effect: Effect) -> bool:
    return mailing.may_send or not any(
        now in parts.IN_FLIGHT and was not in parts.IN_FLIGHT
        for was, now in zip(mailing.intents, effect.mailing.intents, strict=True)
    )


def counted(before: Job, mailing: Mailing, effect: Effect) -> bool:
    if mailing.desired is Desired.RUN:
        return True
    return all(
        now == was or recipient in mailing.counted
        for recipient, (was, now) in enumerate(zip(mailing.accepted, effect.mailing.accepted, strict=True))
    )


def void(before: Job, mailing: Mailing, effect: Effect) -> bool:
    return not effect.void or (effect.job, effect.mailing) == (before, mailing)


STEPS: dict[str, Callable[[Job, Mailing, Effect], bool]] = {
    "A worker past its lease, or a person with an old page, changes nothing.": void,
    "States move only along the drawn edges.": drawn,
    "Terminal states stay.": final,
    "Numbers, versions and positions never fall.": risen,
    "An accepted cancel is final.": cancelled_for_good,
    "No intent is committed while the mailing may not send.": no_new_intent,
    "After the Cloud acknowledged a pause or cancel, only intents that it counted are accepted.": counted,
}

# --- of where a Job and its mailing stand -----------------------------------------------------------------


def once(job: Job, mailing: Mailing, rules: Rules) -> bool:
    return max(mailing.accepted) <= 1


def nothing_before_the_freeze(job: Job, mailing: Mailing, rules: Rules) -> bool:
    return job.frozen or not (mailing.known or any(mailing.accepted))


def nobody_contacted(job: Job, mailing: Mailing, rules: Rules) -> bool:
    if job.failure not in EARLY:
        return True
    return not (job.request_id or mailing.request_id or any(mailing.accepted) or any(mailing.intents))


def mails(job: Job, mailing: Mailing, rules: Rules) -> bool:
    expected = int(job.state is State.FAILED and job.failure in EARLY)
    return job.notices == expected and job.mails <= job.notices


def one_pending(job: Job, mailing: Mailing, rules: Rules) -> bool:
    return len(job.pending) <= 1


def paused(job: Job, mailing: Mailing, rules: Rules) -> bool:
    return not (job.state is State.PAUSED and not job.pending and mailing.may_send)


def failed(job: Job, mailing: Mailing, rules: Rules) -> bool:
    return not (job.state is State.FAILED and job.frozen) or mailing.desired is Desired.CANCEL


def completed(job: Job, mailing: Mailing, rules: Rules) -> bool:
    if job.state is not State.COMPLETED:
        return True
    return cloud.status(mailing, rules).at_rest and job.cursor == cloud.told(mailing)


def heard(job: Job, mailing: Mailing, rules: Rules) -> bool:
    """A failed Job asks until its window is over and it has heard of everybody."""
    asks = parts.COLLECTING in job.due | job.leased
    if asks or job.state is not State.FAILED or not job.request_id:
        return True
    return not any(intent in parts.IN_FLIGHT for intent in mailing.intents) and job.cursor == cloud.told(
        mailing
    )


def cleared(job: Job, mailing: Mailing, rules: Rules) -> bool:
    """A Job that was not frozen, and that nobody extracts: once what was due is done."""
    asks = parts.COLLECTING in job.due | job.leased
    return asks or job.frozen or job.state is State.INITIALIZING or not job.left


def attempted(job: Job, mailing: Mailing, rules: Rules) -> bool:
    collects = job.state is State.COLLECTING or job.paused_from is State.COLLECTING
    return not collects or not any(intent in (parts.WAITING, parts.FLYING) for intent in mailing.intents)


def named(job: Job, mailing: Mailing, rules: Rules) -> bool:
    return all(
        accepted == (intent == parts.DELIVERED)
        if intent not in parts.IN_FLIGHT and intent != parts.UNKNOWN
        else True
        for accepted, intent in zip(mailing.accepted, mailing.intents, strict=True)
    )


def unknown(job: Job, mailing: Mailing, rules: Rules) -> bool:
    return all(
        intent != parts.UNKNOWN or recipient in mailing.excused
        for recipient, intent in enumerate(mailing.intents)
    )


def deleted(job: Job, mailing: Mailing, rules: Rules) -> bool:
    return not job.deleted or job.state in states.TERMINAL


STANDINGS: dict[str, Callable[[Job, Mailing, Rules], bool]] = {
    "Each recipient is accepted at most once.": once,
    "Nothing of a Job that is not frozen is at the Cloud or the receiver.": nothing_before_the_freeze,
    "A Job cancelled during extraction, or failed in it, has contacted nobody and has no Request ID.": nobody_contacted,
    "An Extraction Cancel and a failed extraction mail exactly one notice, anything else none.": mails,
    "No two Asks are pending.": one_pending,
    "A Paused Job that nobody asks anything of is not being sent.": paused,
    "A Job that failed after the freeze is cancelled at the Cloud.": failed,
    "A Completed Job contacts nobody any more, and has told of everybody.": completed,
    "A Failed Job that asks no more has been told of everybody.": heard,
    "What was extracted for nobody is deleted.": cleared,
    "In Collecting everybody was attempted.": attempted,
    "Each recipient is in the class that says what the receiver knows.": named,
    "Unknown is only who was in the hands of a sender that died or lost its lease, or of a line that was cut.": unknown,
    "Only a Job that rests is deleted.": deleted,
}


# --- of the end -------------------------------------------------------------------------------------------

LIVENESS = "With faults over, every Job comes to rest without a person, or is Paused."


def rests(job: Job, mailing: Mailing) -> bool:
    """Whether nothing has to happen any more, unless a person wants it."""
    if any(intent in parts.IN_FLIGHT for intent in mailing.intents):
        return False
    if job.notice in ("pending", "handing over"):
        return False
    return job.state in states.TERMINAL or (job.state is State.PAUSED and not job.pending)


def all_sentences() -> Iterator[str]:
    yield from STEPS
    yield from STANDINGS
    yield LIVENESS
