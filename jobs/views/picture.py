"""Everything the page of a Job shows, gathered in a constant number of queries, and what of it is news to a browser."""

import zlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model
from django.utils import timezone

from jobs import rating, releasing, results, sentences, states
from jobs.models import Ask, Job, Notice, RateChange, Release
from jobs.results import analytics
from jobs.results.analytics import Tallies
from jobs.states import Failure, State, Wish
from jobs.views import bars, outcome, progress
from jobs.views.loading import name_of
from jobs.views.timeline import asking, latest, timeline

# How often a page asks for news: while something moves, while it only could, and while only results come in.
MOVING, CALM, SLOW = "1s", "2s", "10s"

# After its end a Job's last recipients in flight and its notification mail settle; a page watches them this long.
SETTLING = timedelta(minutes=1)

# What changes without being seen.
UNSEEN = frozenset({"instructions_document", "counted_at", "waiting_since"})

# The part of the campaign that mends a failure, and what the link to it says.
MENDING = {
    Failure.AUDIENCE_SQL: ("audience", "Edit the Audience"),
    Failure.TEMPLATE: ("template", "Edit the Template"),
}

Picture = dict[str, Any]


def picture(job: Job, user: User) -> Picture:
    """The context of jobs/detail.html."""
    once = list(job.transitions.filter(cause__in=states.ONCE).select_related("by"))
    transitions, asks = latest(job.transitions.all()), latest(job.asks.all())
    pending = next((ask for ask in asks if ask.outcome == Ask.Outcome.PENDING), None)
    notice: Notice | None = getattr(job, "notice", None)
    offers = states.offers(State(job.state), Wish(pending.wish) if pending else None)
    changes = list(job.rate_changes.select_related("by"))
    releases = list(job.releases.select_related("by"))
    breakdown = results.breakdown(job)
    counted = analytics.tallies(job)
    every = _every(job, pending, notice)
    context: Picture = {
        "job": job,
        "instructions": job.instructions,
        "launched_by": name_of(once[0].by if once else None),
        "offers": offers,
        "must_pause": job.state in (State.PROCESSING, State.COLLECTING) and bool(offers),
        "pending": pending,
        "pending_text": asking(pending) if pending else "",
        "pending_by": name_of(pending.by) if pending and pending.by else "",
        "stages": progress.line(job, once, transitions[-1] if transitions else None),
        "size_question": sentences.size_question(job),
        "window": sentences.window(job),
        "submission": sentences.submission(job),
        "reading": progress.extracted_share(job),
        "counts": job.counts,
        "breakdown": breakdown,
        "bar": bars.stretches(breakdown),
        "legend": bars.legend(breakdown, rests=job.rests),
        "reasons": progress.reasons(job),
        "rate": rating.standing(job, changes),
        "rate_changeable": not rating.refusal(job),
        "may_release": user.has_perm(releasing.PERMISSION) and not releasing.refusal(job),
        "timeline": timeline(job, transitions, asks, changes, releases),
        "notice": notice,
        "support": sentences.support(job),
        "large_job": sentences.large_job(job),
        "every": every,
        "latest": transitions[-1] if transitions else None,
        "counted": counted,
        "results": analytics.summary(job, counted) if outcome.shown(job) else None,
        "awaited": outcome.awaited(job),
        **_campaign(job, user),
    }
    return context | {"keys": _keys(job, pending, asks, [*changes, *releases], notice, counted, every)}


def news(context: Picture, shown: Mapping[str, str]) -> Picture | None:
    """What changed against what the browser says it shows; None when nothing did.

    The drop-down and the record are replaced only when they changed: an open menu survives what else is new.
    """
    changed = {f"{name}_changed": shown.get(name) != key for name, key in context["keys"].items()}
    return context | changed | {"oob": True} if any(changed.values()) else None


def _keys(
    job: Job,
    pending: Ask | None,
    asks: Sequence[Ask],
    acts: Sequence[RateChange | Release],
    notice: Notice | None,
    counted: Tallies,
    every: str,
) -> dict[str, str]:
    """Short names of what is shown: of the drop-down, of the record, of all that is live."""
    state = f"{job.version}.{pending.number if pending else 0}{'.size' if job.awaits_confirmation else ''}"
    noted: list[object] = [moment for moment in (job.size_confirmed_at, job.forgotten_at) if moment]
    noted += [(act.pk, act.outcome) for act in acts]
    record = f"{state}.{job.request_id or ''}.{zlib.crc32(repr(noted).encode()):x}"
    values = [getattr(job, field.attname) for field in Job._meta.concrete_fields if field.name not in UNSEEN]
    values += [(ask.number, ask.outcome) for ask in asks] + [notice.outcome if notice else None]
    values += noted
    values += [sorted(counted.items()), every]
    return {"state": state, "record": record, "live": f"{zlib.crc32(repr(values).encode()):08x}"}


def _every(job: Job, pending: Ask | None, notice: Notice | None) -> str:
    """How often to ask for news; empty once the Job rests and what was under way has settled."""
    under_way = job.counts.in_flight > 0 or pending is not None
    if job.rests:
        unsettled = notice is not None and notice.settled_at is None
        unsettled |= not job.request_id and job.denied_at is None
        young = timezone.now() - job.state_since < SETTLING
        if (under_way or unsettled) and young:
            return MOVING
        return SLOW if outcome.awaited(job) else ""
    calm = job.state in (State.COLLECTING, State.PAUSED) and not under_way
    return CALM if calm else MOVING


def _campaign(job: Job, user: User) -> Picture:
    """The campaign that was launched and the part of it that mends a failure, if the person may see them.

    A Job does not point up: the launch is a reverse relation, and missing where no campaign launched the Job.
    """
    launch = getattr(job, "launch", None)
    if launch is None or not _sees(user, launch.campaign):
        return {}
    part, label = MENDING.get(Failure(job.failure), ("", "")) if job.failure else ("", "")
    mend = getattr(launch.campaign, part, None) if part else None
    if mend is not None and not _sees(user, mend):
        mend = None
    return {"campaign": launch.campaign, "mend": mend, "mend_label": label}


def _sees(user: User, thing: Model) -> bool:
    things: Any = type(thing)._default_manager
    return bool(things.visible_to(user).filter(pk=thing.pk).exists())
