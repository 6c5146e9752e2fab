"""What becomes of an Ask: it is stored, and later granted, with a move of the Job, or it lapses."""

from functools import partial

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from accelerator import failpoints
from accelerator.protocol import MailingState, MailingStatus
from jobs import lifecycle, sentences
from jobs.models import Ask, GeneralPause, Job, Step, mark
from jobs.states import Cause, Failure, State, Wish


def stop(job: Job, failure: Failure, sentence: str) -> None:
    """A failure in Processing: the mailing is stopped first, by an Ask of nobody's; then the Job fails.

    `sentence`: what went wrong. What it means for the recipients is added when the Cloud has said how far it was.
    """
    with transaction.atomic():
        current = Job.objects.select_for_update().get(pk=job.pk)
        if current.version == job.version and current.state == State.PROCESSING:
            lifecycle.fence(current)
            store(current, Wish.CANCEL, by=None, why=sentence, failure=failure)
            failpoints.reached("halt.before")
            transaction.on_commit(partial(failpoints.reached, "halt.after"))


def store(
    job: Job,
    wish: Wish,
    *,
    by: User | None,
    why: str,
    failure: Failure | None = None,
    general: GeneralPause | None = None,
) -> Ask:
    """Store an Ask about a locked Job; it replaces the pending one and makes the talk with the Cloud due."""
    job.asks.filter(outcome=Ask.Outcome.PENDING).update(outcome=Ask.Outcome.WITHDRAWN, settled_at=Now())
    job.last_ask += 1
    Job.objects.filter(pk=job.pk).update(last_ask=job.last_ask)
    ask = Ask.objects.create(
        job=job,
        number=job.last_ask,
        wish=wish,
        by=by,
        why=why,
        seen_state=job.state,
        seen_version=job.version,
        failure=failure or "",
        general=general,
    )
    if by is None or not job.before_freeze:
        lifecycle.due(job, Step.Kind.CONTROLLING)
    mark.rise()
    lifecycle.tell("job %s: ask %s, %s", job.pk, ask.number, wish)
    return ask


def grant(job: Job, ask: Ask, status: MailingStatus | None = None) -> bool:
    """Grant a pending Ask about a locked Job. After the freeze `status` is the Cloud's acknowledgement.

    Returns whether it was granted; False if the Job moved on meanwhile (then the Ask lapses).
    """
    with transaction.atomic():
        granted = GRANTS[Wish(ask.wish)](job, ask, status)
        ask.outcome = Ask.Outcome.GRANTED if granted else Ask.Outcome.LAPSED
        Ask.objects.filter(pk=ask.pk).update(outcome=ask.outcome, settled_at=Now())
    return granted


def _pause(job: Job, ask: Ask, status: MailingStatus | None) -> bool:
    if job.before_freeze and status is not None and status.request_id is not None:
        return _overtaken(job, ask, status)
    if job.state == State.PAUSED:  # the Cloud had paused it by itself meanwhile
        return True
    return not job.rests and lifecycle.move(
        job,
        State.PAUSED,
        Cause.PAUSE,
        by=ask.by,
        why=sentences.paused(ask.why, status.stopped.reason if status and status.stopped else ""),
        ask=ask,
        counts=_counts(status),
        **_news(status),
    )


def _overtaken(job: Job, ask: Ask, status: MailingStatus) -> bool:
    """The Cloud has a Job that was still extracting in the copy that this database was restored from."""
    fields = _news(status) | {
        "frozen_at": Now(),
        "transferred_at": Now(),
        "extracted": status.counts.transferred,
        "collecting_until": lifecycle.window_end(),
        "failure": Failure.INTERNAL,
        "failure_sentence": sentences.overtaken(status.counts),
    }
    return lifecycle.move(
        job,
        State.FAILED,
        Cause.ERROR if job.state == State.INITIALIZING else Cause.CANCEL,
        by=ask.by,
        why=ask.why,
        ask=ask,
        counts=_counts(status),
        **fields,
    )


def _resume(job: Job, ask: Ask, status: MailingStatus | None) -> bool:
    if job.state != State.PAUSED:  # it withdrew a Pause that had not been granted
        return not job.rests
    return lifecycle.move(
        job,
        State(job.paused_from or State.INITIALIZING),
        Cause.RESUME,
        by=ask.by,
        why=ask.why,
        ask=ask,
        counts=_counts(status),
        **_news(status),
    )


def _cancel(job: Job, ask: Ask, status: MailingStatus | None) -> bool:
    if job.rests or (ask.failure and job.state == State.COLLECTING):
        return False
    never_accepted = job.request_id is None and (status is None or status.request_id is None)
    restored = never_accepted and job.asks.filter(by=None, why=sentences.RESTORED).exists()
    by = (ask.by.get_full_name() or ask.by.get_username()) if ask.by else ""
    if ask.failure:
        tell = sentences.never_started if never_accepted and not restored else sentences.stopped
        failure, sentence = Failure(ask.failure), tell(ask.why)
    elif restored:
        failure, sentence = Failure.CANCELLED, sentences.cancelled_in_review(by)
    elif never_accepted:
        failure, sentence = Failure.EXTRACTION_CANCELLED, sentences.extraction_cancelled(by)
    else:
        counts = status.counts if status and status.request_id else job.counts
        failure, sentence = Failure.CANCELLED, sentences.cancelled(by, counts)
    fields = _news(status) | {"failure": failure, "failure_sentence": sentence, "waiting_for": ""}
    if status is not None and status.request_id is None and job.request_id is not None:
        fields["counts_document"] = forgotten(job)
    if not never_accepted:
        fields["collecting_until"] = Coalesce(F("collecting_until"), lifecycle.window_end())
    moved = lifecycle.move(
        job,
        State.FAILED,
        Cause.ERROR if ask.failure and job.state == State.PROCESSING else Cause.CANCEL,
        by=ask.by,
        why=ask.why,
        ask=ask,
        counts=_counts(status),
        **fields,
    )
    if moved and failure is Failure.EXTRACTION_CANCELLED:
        lifecycle.notify(job)
    return moved


GRANTS = {Wish.PAUSE: _pause, Wish.RESUME: _resume, Wish.CANCEL: _cancel}


def _news(status: MailingStatus | None) -> dict[str, object]:
    """The columns of Job that the Cloud's answer settles."""
    if status is None or status.state is MailingState.UNKNOWN:
        return {"waiting_for": "", "waiting_since": None}
    return {
        "request_id": status.request_id,
        "counts_document": status.counts.model_dump(),
        "counted_at": Now(),
        "waiting_for": "",
        "waiting_since": None,
    }


def forgotten(job: Job) -> dict[str, int]:
    """The counts of a Job that the Cloud does not know any more: of whoever had no outcome, nobody can know."""
    counts = job.counts
    unknown = (job.extracted or 0) - counts.delivered - counts.bounced - counts.suppressed
    unknown -= counts.render_errors + counts.not_sent
    settled = {"waiting": 0, "in_flight": 0, "deferred": 0, "unknown": unknown}
    whole = {"transferred": job.extracted or 0, "attempted": job.extracted or 0}
    return counts.model_copy(update=settled | whole).model_dump()


def _counts(status: MailingStatus | None) -> dict[str, int] | None:
    return status.counts.model_dump() if status and status.request_id else None
