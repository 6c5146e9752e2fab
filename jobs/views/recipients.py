"""The recipients of one class of a Job: as the Cloud lists them, and from the spool those it never got."""

import re
import uuid
from dataclasses import dataclass
from http import HTTPStatus

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.text import capfirst
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accelerator.protocol import Recipient, RecipientPage
from jobs import client, results
from jobs.client import CloudRefused, CloudUnreachable
from jobs.models import Job
from jobs.results import analytics, wording
from jobs.results.analytics import Part
from jobs.views import remainder
from jobs.views.loading import Request, job_visible_to
from jobs.views.remainder import Place, SpoolLost

PAGE = 100

# Whose list goes on behind this cursor, and where: the Cloud's own cursor, or a place in the spool.
CURSOR = re.compile(r"cloud:(?P<cloud>[!-~]{1,200})|spool:(?P<batch>[0-9]{1,9})\.(?P<position>[0-9]{1,9})")


@dataclass(frozen=True)
class Column:
    """What the list of a class says of each recipient beside who it is: titles, empty where it says nothing."""

    explanation: str
    reason: str = ""
    answer: str = "Answer of the mail server"


@dataclass(frozen=True)
class Row:
    """A recipient, why she is in this class (in words), what was answered, and when (ISO 8601)."""

    recipient_id: str
    address: str
    reason: str
    code: str
    answer: str
    at: str


COLUMNS = {
    "delivered": Column("The receiving mail server accepted the message."),
    "bounced": Column(
        "The receiving mail server refused the message for good, or for too long. It is not tried again.",
        reason="Kind",
    ),
    "suppressed": Column("They were withheld: this Job has sent them nothing.", reason="Reason", answer=""),
    "render_errors": Column("The Template failed for them, so nothing was sent.", answer="What failed"),
    "unknown": Column(
        "The line to the mail server, or the process that sent, died where nobody can know whether the message "
        "arrived. It is never sent again by itself.",
        answer="What is known",
    ),
    "not_sent": Column(
        "They have not received the message: the Job ended first.", reason="Reason", answer="Last answer"
    ),
    "deferred": Column("The receiving mail server refused for now; the Cloud tries again by itself."),
}


@never_cache
@require_safe
def recipients(request: Request, pk: uuid.UUID, outcome: str) -> HttpResponse:
    """A page of them; where they can't be listed now, or never again (410), the sentence that says so.

    A cursor that no page gave is not found. Of a Job whose time is over here the Cloud is not asked.
    """
    job = job_visible_to(request.user, pk)
    if not results.has_list(job, outcome):
        raise Http404
    context: dict[str, object] = {
        "job": job,
        "segment": _segment(job, outcome),
        "column": COLUMNS[outcome],
        "parts": _parts(job, outcome),
        "after": request.GET.get("after", ""),
    }
    status = 410 if job.forgotten_at else 200
    if job.request_id and not job.forgotten_at:
        try:
            page = _page(job, outcome, request.GET.get("after", ""))
            context |= {"next": page.next, "rows": list(map(_row, page.recipients))}
        except (CloudUnreachable, SpoolLost) as error:
            context["trouble"], status = str(error), 503
        except CloudRefused as error:
            if error.status == HTTPStatus.GONE:
                context["gone"], status = str(error), 410
            else:
                context["trouble"], status = str(error), 502
    return render(request, "jobs/recipients.html", context, status=status)


def _row(recipient: Recipient) -> Row:
    reason, code, answer = "", recipient.code, recipient.reply
    if recipient.outcome == "bounced":
        reason = wording.bounce(recipient.category, hard=recipient.hard)
    elif recipient.outcome == "suppressed":
        reason, code, answer = capfirst(wording.reason(code)), "", ""
    elif recipient.outcome == "not_sent" and code:
        reason = "Tried, refused for now"
    elif recipient.outcome == "not_sent":
        reason, answer = capfirst(answer) or "Not attempted", ""
    elif recipient.outcome == "unknown":  # the Cloud's own words, no mail server's
        answer = capfirst(answer)
    return Row(recipient.recipient_id, recipient.address, reason, code, answer, recipient.at)


def _page(job: Job, outcome: str, after: str) -> RecipientPage:
    """Raises Http404 for a cursor that no page gave, CloudUnreachable, CloudRefused, SpoolLost."""
    cursor = CURSOR.fullmatch(after)
    if after and not cursor:
        raise Http404
    if cursor and cursor["batch"]:
        place = (int(cursor["batch"]), int(cursor["position"]))
        first = _remainder(job, outcome)
        if first is None or place < first:
            raise Http404
        return _rest(job, place, [])
    try:
        page = client.recipients(job, outcome, cursor["cloud"] if cursor else "")
    except CloudRefused as error:
        if cursor and error.status == 422:
            raise Http404 from error
        raise
    if page.next:
        return page.model_copy(update={"next": f"cloud:{page.next}"})
    place_after = _remainder(job, outcome)
    return _rest(job, place_after, page.recipients) if place_after else page


def _remainder(job: Job, outcome: str) -> Place | None:
    """Where those begin whom the Cloud never got; None where there are none."""
    return remainder.begin(job) if outcome == "not_sent" else None


def _rest(job: Job, place: Place, before: list[Recipient]) -> RecipientPage:
    """A page that the Cloud's last recipients begin, filled with those it never got."""
    page = remainder.page(job, place, PAGE - len(before))
    return RecipientPage(
        recipients=[*before, *page.recipients], next=f"spool:{page.next}" if page.next else None
    )


def _parts(job: Job, outcome: str) -> tuple[Part, ...]:
    """What the class consists of, by category or reason."""
    if outcome not in ("bounced", "suppressed"):
        return ()
    found = analytics.summary(job, analytics.tallies(job))
    return found.categories if outcome == "bounced" else found.reasons


def _segment(job: Job, outcome: str) -> results.Segment:
    return next(segment for segment in results.breakdown(job).segments if segment.name == outcome)
