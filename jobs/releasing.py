"""Tries recipients again of whom nobody can know: an act of a permitted person's, kept here before the Cloud is asked.

The Cloud decides whether it may be, and does each act once. An act without an answer is asked again as it was.
"""

import uuid

from django.contrib.auth.models import User
from django.db import transaction

from accelerator import failpoints
from accelerator.protocol import LivingSender, ReleaseRequest, Unknowns
from jobs import states
from jobs.client import CloudRefused, cloud
from jobs.models import Job, Release, mark
from jobs.states import State

PERMISSION = "jobs.release_unknowns"

Kind, Outcome = Release.Kind, Release.Outcome

NO_REASON = "Say why: it is kept with your name."
NOT_ANSWERED = (
    "The Cloud has not answered, so it may have been done or not. Press “Ask again”: it is done once, however often it"
    " is asked for."
)
AT_REST = "The Job is over: nobody of it is contacted any more."
NOT_THERE = "The Cloud has not accepted this Job: nobody of it was contacted."
OLDER = "This Cloud does not try unknown recipients again."


class ReleaseRefused(Exception):
    """It is not done; the text is for the person who wanted it."""


def refusal(job: Job) -> str:
    """Why nobody of the Job may be tried again, whatever the Cloud says; empty if some may."""
    if State(job.state) in states.TERMINAL:
        return AT_REST
    return "" if job.request_id else NOT_THERE


def look(job: Job) -> Unknowns:
    """What the Cloud says of them. Raises ReleaseRefused, CloudUnreachable."""
    if sentence := refusal(job):
        raise ReleaseRefused(sentence)
    try:
        return cloud().unknowns(job.pk)
    except CloudRefused as error:
        raise ReleaseRefused(OLDER if error.status in (404, 405) else str(error)) from None


def release(job: Job, act: uuid.UUID, *, by: User, seen: int, why: str) -> Release:
    """Try again who may be tried, if they are as many as the person saw. Raises ReleaseRefused, CloudUnreachable."""
    known = Release.objects.filter(act=act).first()
    if known is None:
        found = look(job).releasable
        if found != seen:
            raise ReleaseRefused(
                f"There were {seen:,} when you opened this page, and there are {found:,} now."
            )
    return _act(job, act, by=by, why=why, kind=Kind.RELEASED, seen=seen)


def declare(job: Job, act: uuid.UUID, *, by: User, sender: int, why: str) -> Release:
    """A process that stands in the way is gone, with its machine. Raises ReleaseRefused, CloudUnreachable."""
    name = ""
    if not Release.objects.filter(act=act).exists():
        named = {row.id: name_of(row) for row in look(job).senders}
        if sender not in named:
            raise ReleaseRefused("This process does not stand in the way any more. Look at the page again.")
        name = named[sender][:300]
    return _act(job, act, by=by, why=why, kind=Kind.GONE, sender=sender, sender_name=name)


def name_of(sender: LivingSender) -> str:
    """How people know a process of the Cloud's."""
    return f"Process {sender.pid} on {sender.host}" if sender.pid else sender.host


def ask_again(release: Release) -> Release:
    """The answer to an act, asked for until there is one. Raises ReleaseRefused, CloudUnreachable."""
    rows, refused, recipients = Release.objects.filter(pk=release.pk), "", None
    try:
        if release.kind == Kind.GONE:
            cloud().gone(release.sender or 0, ReleaseRequest(why=release.why))
        else:
            wish = ReleaseRequest(why=release.why, expected=release.seen)
            recipients = cloud().release(release.job_id, release.act, wish).recipients
    except CloudRefused as error:
        refused = str(error)
    failpoints.reached("released.before")
    if refused:
        # What the Cloud has done stays done, whoever else asked at the same time.
        rows.filter(outcome=Outcome.ASKED).update(outcome=Outcome.REFUSED, refusal=refused)
    else:
        rows.update(outcome=Outcome.DONE, recipients=recipients, refusal="")
    release.refresh_from_db()
    if release.outcome == Outcome.REFUSED:
        raise ReleaseRefused(release.refusal)
    return release


def _act(job: Job, act: uuid.UUID, *, by: User, why: str, kind: str, **fields: object) -> Release:
    why = why.strip()[:500]
    if not why:
        raise ReleaseRefused(NO_REASON)
    with transaction.atomic():
        release, new = Release.objects.get_or_create(
            act=act, defaults={"job": job, "by": by, "why": why, "kind": kind, **fields}
        )
        if new:
            mark.rise()
        failpoints.reached("releasing.before")
        transaction.on_commit(lambda: failpoints.reached("releasing.after"))
    if (release.job_id, release.kind) != (job.pk, kind):
        raise ReleaseRefused("This form belongs to something else. Open the page again.")
    if release.outcome == Outcome.REFUSED:
        raise ReleaseRefused(release.refusal)
    return release if release.outcome == Outcome.DONE else ask_again(release)
