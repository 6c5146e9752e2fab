"""Jobs brought to where a page is looked at: through the door and the lifecycle, the Cloud's words as documents."""

from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.urls import reverse

from accelerator.protocol import Counts
from jobs import control, granting, lifecycle
from jobs.models import Ask, Job, Point, Tally
from jobs.results.series import MEASURES
from jobs.states import Cause, State, Wish
from tests.jobs import cast

REQUEST_ID = "02-request"

# Of 100 extracted: 60 transferred so far, 40 attempted.
HALFWAY = {
    "transferred": 60,
    "delivered": 30,
    "bounced": 5,
    "suppressed": 2,
    "render_errors": 1,
    "unknown": 1,
    "deferred": 1,
    "in_flight": 4,
    "waiting": 16,
    "attempted": 40,
}
AT_REST = {
    "transferred": 100,
    "delivered": 80,
    "bounced": 12,
    "suppressed": 5,
    "render_errors": 2,
    "unknown": 1,
    "attempted": 100,
}


def detail(job: Job) -> str:
    return reverse("jobs:detail", args=[job.pk])


def asking(job: Job) -> str:
    return reverse("jobs:ask", args=[job.pk])


def processing(job: Job, *, request_id: str | None = None, **counts: int) -> Job:
    """Processing 100 records; with a Request ID the Cloud has accepted it and said these counts."""
    assert lifecycle.move(
        job,
        State.PROCESSING,
        Cause.FREEZE,
        extracted=100,
        extracting=100,
        dropped_missing=1,
        dropped_duplicate=2,
        sample_rendered_at=Now(),
        frozen_at=Now(),
    )
    return counted(job, request_id, **counts) if request_id else job


def counted(job: Job, request_id: str = REQUEST_ID, **counts: int) -> Job:
    """The Cloud has accepted the Job, and said these counts."""
    document = Counts(**counts).model_dump()
    Job.objects.filter(pk=job.pk).update(request_id=request_id, counts_document=document, counted_at=Now())
    job.refresh_from_db()
    return job


def reading(job: Job, *, size: int | None = None, **figures: int) -> Job:
    """Initializing, so far; `size` is what the Audience had when it was counted."""
    document = job.instructions.model_dump()
    document["audience"]["size"] = size
    Job.objects.filter(pk=job.pk).update(
        instructions_document=document, extraction_started_at=Now() - timedelta(seconds=10), **figures
    )
    job.refresh_from_db()
    return job


def waiting(job: Job, found: int = 12_480, last: int | None = 1_020) -> Job:
    """Waits for somebody to confirm the size, which is far from the last one; its step rests."""
    document = job.instructions.model_dump() | {"last_size": last, "most_change": 20}
    Job.objects.filter(pk=job.pk).update(
        instructions_document=document, size_found=found, extracting=found, extraction_started_at=Now()
    )
    job.steps.update(due_at=None)
    job.refresh_from_db()
    return job


def halfway(job: Job) -> Job:
    return processing(job, request_id=REQUEST_ID, **HALFWAY)


def collecting(job: Job) -> Job:
    processing(job, request_id=REQUEST_ID, **AT_REST)
    assert lifecycle.move(job, State.COLLECTING, Cause.ALL_ATTEMPTED, collecting_until=lifecycle.window_end())
    return job


def completed(job: Job) -> Job:
    collecting(job)
    assert lifecycle.move(job, State.COMPLETED, Cause.WINDOW_OVER)
    return job


def asked(job: Job, wish: Wish, by: User, why: str = "") -> Job:
    control.ask(job, wish, by=by, seen=job.version, why=why)
    job.refresh_from_db()
    return job


def granted(job: Job, **counts: int) -> Job:
    """The Cloud acknowledges the pending Ask with these counts."""
    ask = job.asks.get(outcome=Ask.Outcome.PENDING)
    status = cast.status(job, ask.number, request_id=job.request_id, **counts)
    assert granting.grant(job, ask, status)
    job.refresh_from_db()
    return job


def paused(job: Job, by: User, **counts: int) -> Job:
    """Paused from Processing, by the Cloud's acknowledgement."""
    return granted(asked(halfway(job), Wish.PAUSE, by, "wrong banner"), **(HALFWAY | counts))


def cancelled(job: Job, by: User) -> Job:
    """Failed by a Job Cancel."""
    rest = {"waiting": 0, "deferred": 0, "in_flight": 0, "delivered": 34, "not_sent": 17}
    return granted(asked(paused(job, by), Wish.CANCEL, by), **(HALFWAY | rest))


def tally(job: Job, measure: str, total: int, people: int = 0, detail: str = "") -> None:
    """What `results.facts` would have counted."""
    Tally.objects.create(job=job, measure=measure, detail=detail, total=total, recipients=people)


def point(job: Job, measure: str, at: datetime, count: int = 1) -> None:
    """The same for the course over time: a minute and its hour."""
    for width, start in ((60, at.replace(second=0)), (3_600, at.replace(minute=0, second=0))):
        known, _ = Point.objects.get_or_create(job=job, measure=measure, width=width, start=start)
        Point.objects.filter(pk=known.pk).update(count=known.count + count)


def opened(job: Job) -> Job:
    """The 80 who were delivered to (`AT_REST`) have opened and clicked a little."""
    at = datetime(2026, 11, 22, 10, 31, tzinfo=UTC)
    for measure, total, people in (
        ("deliveries", 80, 0),
        ("opens", 50, 40),
        ("machine_opens", 21, 20),
        ("clicks", 12, 8),
        ("machine_clicks", 3, 2),
        ("attrition", 3, 3),
        ("unsubscribes", 2, 2),
        ("complaints", 1, 1),
        ("hard_bounces", 9, 0),
        ("soft_bounces", 3, 0),
        ("suppressed", 5, 0),
    ):
        tally(job, measure, total, people)
        if measure in MEASURES:
            point(job, measure, at, total)
    tally(job, "hard_bounces", 9, detail="unknown_user")
    tally(job, "soft_bounces", 3, detail="mailbox_full")
    tally(job, "suppressed", 4, detail="unsubscribed")
    tally(job, "suppressed", 1, detail="duplicate")
    tally(job, "clicks", 12, 8, detail="0")
    return job
