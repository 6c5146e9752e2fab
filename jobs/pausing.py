"""Pauses every Job that runs, by an ordinary Ask to each; and resumes those that nobody has asked anything of since."""

import uuid
from collections import Counter
from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, F, Q
from django.db.models.functions import Now

from accelerator import failpoints
from accelerator.marks import Restored
from jobs import control, restoring, sentences, states
from jobs.models import Ask, GeneralPause, Job, JobQuerySet, mark
from jobs.states import Wish

PERMISSION = "jobs.pause_everything"

NO_REASON = "Say why: it is kept with your name, and shown on every Job."


class PauseRefused(Exception):
    """Nothing was paused or resumed; the text is for the person who wanted it."""


def running() -> Counter[str]:
    """How many Jobs stand where a pause stops something, by state."""
    rows = _running().order_by().values_list("state").annotate(count=Count("pk"))
    return Counter(dict(rows))


def pause(*, by: User, why: str, token: uuid.UUID) -> tuple[GeneralPause, int]:
    """Ask a pause of every Job that runs; of how many. The same form again asks those that it had not reached.

    Each Ask is a transaction of its own: a Job that just moves on holds nobody up. Raises PauseRefused.
    """
    if not (why := why.strip()[:500]):
        raise PauseRefused(NO_REASON)
    try:
        with transaction.atomic():
            act, new = GeneralPause.objects.get_or_create(token=token, defaults={"by": by, "why": why})
            if new:
                mark.rise()
            failpoints.reached("general.before")
        failpoints.reached("general.after")
        if act.by_id != by.pk or act.resumed_at is not None:
            raise PauseRefused("This form has been used. Open the page again.")
        asked = act.asks.filter(wish=Wish.PAUSE).values("job")
        _ask_each(_running().exclude(pk__in=asked), Wish.PAUSE, by=by, act=act)
    except Restored as error:
        restoring.notice(error)
        raise PauseRefused(sentences.RESTORED) from None
    return act, act.asks.filter(wish=Wish.PAUSE).count()


def resumable(act: GeneralPause) -> int:
    """How many Jobs would be resumed."""
    return _paused_by(act).count()


def resume(act: GeneralPause, *, by: User) -> int:
    """Resume what this act paused, but for Jobs that somebody has asked something of since. Raises PauseRefused."""
    try:
        count = _ask_each(_paused_by(act), Wish.RESUME, by=by, act=act)
    except Restored as error:
        restoring.notice(error)
        raise PauseRefused(sentences.RESTORED) from None
    GeneralPause.objects.filter(pk=act.pk, resumed_at=None).update(resumed_at=Now(), resumed_by=by)
    return count


def _running() -> JobQuerySet:
    """Where a pause stops something, or a resume that the Cloud has not confirmed yet."""
    resuming = Ask.objects.filter(outcome=Ask.Outcome.PENDING, wish=Wish.RESUME).values("job")
    return Job.objects.filter(Q(state__in=states.PAUSABLE) | Q(pk__in=resuming), deleted_at=None)


def _paused_by(act: GeneralPause) -> JobQuerySet:
    """Jobs that this act's Ask paused, or is about to, and that nobody has asked anything of since."""
    return Job.objects.filter(
        asks__general=act, asks__wish=Wish.PAUSE, asks__number=F("last_ask"), deleted_at=None
    ).exclude(state__in=states.TERMINAL)


def _ask_each(jobs: JobQuerySet, wish: Wish, *, by: User, act: GeneralPause) -> int:
    pks: Iterable[uuid.UUID] = list(jobs.order_by("pk").values_list("pk", flat=True))
    return sum(control.ask_if_offered(pk, wish, by=by, why=act.why, general=act) for pk in pks)
