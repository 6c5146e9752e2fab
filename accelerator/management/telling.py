"""A Job as the command line tells it: lines for people, and a document for programs that holds no address."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from accelerator import logs
from accelerator.protocol import iso
from jobs import control, results, sentences
from jobs.models import Ask, Job
from jobs.results import analytics
from jobs.states import State, Wish
from jobs.templatetags.moments import ago
from jobs.templatetags.quantities import share
from jobs.views import progress
from jobs.views.outcome import awaited

LABELS = 14  # characters
COUNTS = 13


def url(job: Job) -> str:
    """The Job's page."""
    return page(job.get_absolute_url())


def page(path: str) -> str:
    """A page's whole address."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}"


def document(job: Job) -> dict[str, object]:
    """The Job for a program: state, exact counts, the equation, results, and the Ask that waits."""
    breakdown = results.breakdown(job)
    pending = control.pending(job)
    told = {
        "id": str(job.pk),
        "request_id": job.request_id,
        "name": job.name,
        "state": job.state,
        "since": iso(job.state_since),
        "paused_from": job.paused_from,
        "failure": job.failure or None,
        "failure_sentence": job.failure_sentence or None,
        "waiting_for": job.waiting_for or None,
        "collecting_until": iso(job.collecting_until) if job.collecting_until else None,
        "cloud_knows_nothing_since": iso(job.denied_at) if job.denied_at else None,
        "counts": job.counts.model_dump(),
        "extraction": _extraction(job),
        "equation": {
            "extracted": job.extracted,
            **{segment.name: segment.count for segment in breakdown.segments},
        },
        "results": _results(job),
        "pending": _pending(pending),
        "url": url(job),
    }
    return {name: logs.redact(value) for name, value in told.items()}


def lines(job: Job) -> Iterator[str]:
    """The Job for a person."""
    yield f"{job.name}: {state(job)}, since {moment(job.state_since)}"
    yield ""
    yield from _aligned(_facts(job))
    breakdown = results.breakdown(job)
    if breakdown.total:
        yield ""
        yield f"{breakdown.total:>{COUNTS},}  Extracted"
        sign = "="
        for segment in breakdown.segments:
            if segment.count:
                yield f"{sign}{segment.count:>{COUNTS - 1},}  {segment.label:<{LABELS + 2}}{share(segment.share):>8}"
                sign = "+"
    if job.request_id:
        yield ""
        yield from _aligned(_sums(_summary(job)))


def state(job: Job) -> str:
    """Where it stands; for a Paused Job also where it was."""
    came_from = f" (from {State(job.paused_from).label})" if job.paused_from else ""
    return f"{job.get_state_display()}{came_from}"


def asking(ask: Ask) -> str:
    """The Ask that waits, in honest tense."""
    who = f" by {ask.by.get_username()}" if ask.by else ""
    return f"{Wish(ask.wish).label} asked{who}, waiting for the Cloud"


def moment(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{local:%-d %b %Y, %H:%M:%S} ({ago(at)})"


def _facts(job: Job) -> Iterator[tuple[str, str]]:
    launch = job.transitions.filter(number=0).select_related("by").first()
    pending = control.pending(job)
    yield "Job", str(job.pk)
    yield "Request ID", job.request_id or "none: the Cloud has not accepted it"
    if launch is not None and launch.by is not None:
        yield "Launched", f"by {launch.by.get_username()}, {moment(launch.at)}"
    yield "Page", url(job)
    if pending is not None:
        yield "Pending", f"{asking(pending)} since {moment(pending.at)}"
    yield from _extracting(job)
    if job.waiting_for:
        since = f" Since {moment(job.waiting_since)}." if job.waiting_since else ""
        yield "Waits", f"{job.waiting_for}{since}"
    if job.failure_sentence:
        yield "Why", job.failure_sentence
    if job.state == State.FAILED and job.request_id is None:
        yield "Submission", sentences.submission(job)
        yield "The Cloud", _denial(job)
    if told := sentences.window(job):
        yield "Cancel", told
    if job.collecting_until and awaited(job):
        yield "Results until", moment(job.collecting_until)
    if not job.rests:
        yield "Help", sentences.support(job)


def _extracting(job: Job) -> Iterator[tuple[str, str]]:
    """How far the extraction is, or whether it waits; what was dropped."""
    if job.awaits_confirmation:
        yield "Waits", f"{sentences.size_question(job)} manage.py job {job.pk} --confirm-size"
    elif job.state == State.INITIALIZING:
        yield "Extracted", f"{job.extracting:,} so far{_far(job)}"
    if job.dropped:
        yield "Dropped", f"{job.dropped:,} rows: {progress.reasons(job)}"


def _far(job: Job) -> str:
    fraction = progress.extracted_share(job)
    return "" if fraction is None else f", {share(fraction)} of the rows that were counted last"


def _denial(job: Job) -> str:
    if job.denied_at is None:
        return "not confirmed yet: it is asked until it answers"
    return f"asked {moment(job.denied_at)}: it knows no such mailing"


def _extraction(job: Job) -> dict[str, object]:
    return {
        "records": job.extracting,
        "bytes": job.extracting_bytes,
        "share": progress.extracted_share(job),
        "dropped": {
            "missing": job.dropped_missing,
            "invalid": job.dropped_invalid,
            "duplicate": job.dropped_duplicate,
        },
        "awaits_confirmation_of": job.size_found if job.awaits_confirmation else None,
        "confirmed": job.size_confirmed,
    }


def _aligned(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for label, text in pairs:
        yield f"{label:<{LABELS}}{text}"


def _summary(job: Job) -> analytics.Summary:
    return analytics.summary(job, analytics.tallies(job))


def _sums(found: analytics.Summary) -> Iterator[tuple[str, str]]:
    yield "Deliveries", f"{found.delivered:,}{_rate(found.delivery_rate)}"
    yield "Opens", _hits(found.opens, found.open_rate)
    yield "Clicks", _hits(found.clicks, found.click_rate)
    yield (
        "Attrition",
        f"{found.attrition:,}{_rate(found.attrition_rate)}: {found.unsubscribes:,} unsubscribed, "
        f"{found.complaints:,} complained of spam",
    )
    kinds = f": {found.kinds}" if found.kinds else ""
    yield "Bounces", f"{found.bounced:,}{_rate(found.bounce_rate)}{kinds}"


def _hits(hits: analytics.Hits, rate: float | None) -> str:
    return f"{hits.people:,}{_rate(rate)}: {hits.total:,} in all, {hits.machine_total:,} more by machines"


def _rate(rate: float | None) -> str:
    return "" if rate is None else f" ({share(rate)})"


def _results(job: Job) -> dict[str, object]:
    """The same numbers as on the page; `recipients` are distinct ones."""
    found, counts = _summary(job), job.counts
    return {
        "deliveries": found.delivered,
        **{
            name: {"total": hits.total, "recipients": hits.people, "machine": hits.machine_total}
            for name, hits in (("opens", found.opens), ("clicks", found.clicks))
        },
        "attrition": {
            "recipients": found.attrition,
            "unsubscribes": found.unsubscribes,
            "complaints": found.complaints,
        },
        "bounces": {"total": found.bounced, "hard": found.hard, "soft": found.soft},
        "suppressed": found.suppressed,
        "render_errors": counts.render_errors,
        "unknown": counts.unknown,
    }


def _pending(ask: Ask | None) -> dict[str, object] | None:
    if ask is None:
        return None
    return {"wish": ask.wish, "by": ask.by.get_username() if ask.by else None, "at": iso(ask.at)}
