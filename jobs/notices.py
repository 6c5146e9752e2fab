"""Notification mails, from the outbox: handed over at most once, through the dashboard's own EMAIL_URL."""

import logging
import smtplib
import uuid
from contextlib import suppress

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models.functions import Now
from structlog.contextvars import bound_contextvars

from accelerator import failpoints, leases
from accelerator.heartbeats import beating
from jobs.models import Notice, mark

logger = logging.getLogger(__name__)

RETRY = 15  # seconds


def due(job_id: uuid.UUID | None = None, limit: int = 100) -> list[int]:
    """Ids of notices that wait to be handed over."""
    rows = Notice.objects.filter(job=job_id) if job_id else Notice.objects.all()
    return [int(str(pk)) for pk in leases.due(rows, limit)]


def hand_over(pk: int) -> None:
    """Hand one notice to the mail server.

    1. Connect first: a server that is away only delays.
    2. Commit "handing over": from here on the mail may have left.
    3. A refusal is definite; a line that dies after the commit leaves the outcome unknown, and no second mail is sent.
    """
    notice = leases.claim(Notice.objects.all(), pk, seconds=settings.STEP_LEASE)
    if notice is None:
        return
    with (
        bound_contextvars(job=str(notice.job_id)),
        suppress(leases.LeaseLost),
        beating(notice, seconds=settings.STEP_LEASE),
    ):
        _hand_over(notice)


def _hand_over(notice: Notice) -> None:
    pk = notice.pk
    if notice.outcome == Notice.Outcome.HANDING_OVER:  # whoever was at it died
        _settle(notice, Notice.Outcome.UNKNOWN, "The process that handed it over died.")
        return
    connection = get_connection()
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        logger.warning(
            "notice %s waits: the mail server of EMAIL_URL can't be reached (%s)", pk, type(error).__name__
        )
        with leases.holding(notice):
            Notice.objects.filter(pk=pk).update(
                problem=f"The mail server can't be reached ({type(error).__name__})."
            )
            leases.finish(notice, due_in=RETRY)
        return
    try:
        failpoints.reached("notice.before")
        with leases.holding(notice):
            Notice.objects.filter(pk=pk).update(outcome=Notice.Outcome.HANDING_OVER, problem="")
            mark.rise()
        failpoints.reached("notice.handing_over")
        outcome, problem = _send(notice, connection)
    finally:
        with suppress(OSError, smtplib.SMTPException):
            connection.close()
    failpoints.reached("notice.sent")
    _settle(notice, outcome, problem)


def _send(notice: Notice, connection: BaseEmailBackend) -> tuple[Notice.Outcome, str]:
    message = EmailMessage(
        notice.subject,
        notice.body,
        settings.NOTICES_FROM,
        [notice.to],
        connection=connection,
        headers={"Auto-Submitted": "auto-generated"},  # RFC 3834: no out-of-office answers
    )
    try:
        message.send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        return Notice.Outcome.REFUSED, f"The mail server refused it ({type(error).__name__})."
    except (OSError, smtplib.SMTPException) as error:
        return Notice.Outcome.UNKNOWN, f"The line died while it was handed over ({type(error).__name__})."
    return Notice.Outcome.SENT, ""


def _settle(notice: Notice, outcome: Notice.Outcome, problem: str) -> None:
    with leases.holding(notice):
        Notice.objects.filter(pk=notice.pk).update(outcome=outcome, problem=problem, settled_at=Now())
        leases.finish(notice, due_in=None)
        failpoints.reached("outcome.before")
    failpoints.reached("outcome.after")
