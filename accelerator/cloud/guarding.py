"""What makes the Cloud hold or stop a mailing by itself, and the sentences it says then."""

import datetime
import uuid

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet, Sum
from django.db.models.functions import Now

from accelerator import protocol
from accelerator.cloud import pacing, suppressing
from accelerator.cloud.models import TALLIES, Batch, Mailing
from accelerator.cloud.replies import Result, Verdict
from accelerator.protocol import Desired

AWAY = "mail_server_away"
REFUSES = "mail_server_refuses"
ALL_REFUSED = "all_refused"
TEMPLATE = "template"
INTERNAL = "internal"
RESTORED = protocol.RESTORED
# Receiving domains of refusals in a row, from which on they are none of these domains' matter.
REFUSING_DOMAINS = 10


def hold(key: uuid.UUID, reason: str) -> None:
    """The mailing waits, and goes on by itself; `since` is when the waiting began."""
    pacing.rest(key, settings.HOLD_SECONDS)
    reason = f"{reason.rstrip('.')}. The mailing waits and goes on by itself; nobody is lost."
    mailing = Mailing.objects.filter(key=key)
    if not mailing.filter(held_code=AWAY).update(held_reason=reason):
        mailing.filter(held_code="").update(held_code=AWAY, held_reason=reason, held_since=Now())


def held() -> QuerySet[Mailing]:
    """Mailings that wait for the mail server with somebody to send to; a hold may outlive the last of them."""
    due = Batch.objects.filter(mailing=OuterRef("pk"), due_at__isnull=False)
    return Mailing.objects.filter(Exists(due), desired=Desired.RUN).exclude(held_code="")


def clear_hold(key: uuid.UUID) -> None:
    Mailing.objects.filter(key=key).exclude(held_code="").update(
        held_code="", held_reason="", held_since=None
    )


def wish(key: uuid.UUID) -> int:
    """The number of the last wish about the mailing (ControlRequest.seq)."""
    return Mailing.objects.values_list("seq", flat=True).get(key=key)


def stop(key: uuid.UUID, seq: int, code: str, reason: str) -> None:
    """The mailing stands still until a person says run (`excuse`). The first reason stays.

    `seq` is the wish under which the reason was met: what was met before a person said something stops nothing after.
    """
    Mailing.objects.filter(key=key, seq=seq, stopped_code="").update(
        stopped_code=code,
        stopped_reason=reason,
        stopped_since=Now(),
        held_code="",
        held_reason="",
        held_since=None,
    )


class Refusals:
    """Refusals in a row for good, as a sender meets them in one step. Of one receiving domain they may be its own
    matter; of many in a row they are the mail server's: it lost its way, or refuses us.
    """

    def __init__(self) -> None:
        self.count = 0
        self.domains: set[str] = set()
        self.since: datetime.datetime | None = None

    def note(self, result: Result, domain: str, at: datetime.datetime | None) -> bool:
        """What came of a message of a window that began then, by the database's clock; whether it is time to stop."""
        if result.verdict is not Verdict.BOUNCED:
            self.count, self.since = 0, None
            self.domains.clear()
            return False
        self.since = self.since or at
        self.count += 1
        self.domains.add(domain)
        return self.count >= settings.STOP_AFTER_REFUSALS and len(self.domains) >= REFUSING_DOMAINS

    @property
    def sentence(self) -> str:
        return (
            f"The mail server refused the last {self.count} recipients in a row for good, of {len(self.domains)}"
            " domains. Look at its replies under Bounces; resume when the cause is mended."
        )

    def take_back(self, key: uuid.UUID) -> None:
        """What they put onto a suppression list was no news about recipients."""
        suppressing.take_back(key, since=self.since)


def excuse(mailing: Mailing) -> None:
    """A person says run: whatever stopped it is over. The caller saves the mailing."""
    mailing.template_excused |= mailing.stopped_code == TEMPLATE
    mailing.stopped_code, mailing.stopped_reason, mailing.stopped_since = "", "", None


def check_outcomes(key: uuid.UUID, seq: int) -> None:
    """Stop a mailing that the mail server refuses to everybody, or whose Template fails for too many."""
    sums = Batch.objects.filter(mailing_id=key).aggregate(**{name: Sum(name, default=0) for name in TALLIES})
    bounced, failed = sums["bounced"], sums["render_errors"]
    accepted_or_not = sum(sums[name] for name in ("delivered", "deferred", "unknown"))
    if bounced >= settings.STOP_AFTER_REFUSALS and not accepted_or_not:
        # A server that refuses everybody has not told us who is not there.
        suppressing.take_back(key)
        stop(
            key,
            seq,
            ALL_REFUSED,
            f"The mail server refused all of the first {bounced} recipients for good. Look at its replies under"
            " Bounces; resume when the cause is mended.",
        )
    composed = bounced + failed + accepted_or_not + sums["in_flight"]
    if composed >= settings.STOP_RENDER_MINIMUM and failed > settings.STOP_RENDER_SHARE * composed:
        if Mailing.objects.filter(key=key, template_excused=True).exists():
            return
        stop(
            key,
            seq,
            TEMPLATE,
            f"The Template failed for {failed} of the first {composed} recipients. They are listed under Render"
            " Errors with the reason; resume to send to the rest all the same.",
        )
