"""The address at which services tell what became of the messages that they took, one by one, by its webhook.

What is told is answered once all of it is recorded; what could not be is told again by the service. So all of it may
come any number of times, and the events have no memory of their own: the ledger knows what it knows already.
"""

import logging
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.cache import never_cache

from accelerator.cloud import ledger, links
from accelerator.cloud.inbound import matching, taking, wording
from accelerator.cloud.inbound.reading import Kind, Report
from accelerator.cloud.inbound.taking import Taken
from accelerator.cloud.models import Intent
from accelerator.cloud.services.unusable import Unusable

if TYPE_CHECKING:
    from anymail.signals import AnymailTrackingEvent

logger = logging.getLogger(__name__)

# Bytes of a request: services send some hundred events at once.
MOST = 10_000_000

# What anymail calls an event, what it says of a message. Opens and clicks are counted by our own links, and what is
# late, or on its way, is to be told again.
KINDS = {
    "bounced": Kind.BOUNCE,
    "rejected": Kind.BOUNCE,
    "failed": Kind.BOUNCE,
    "complained": Kind.COMPLAINT,
    "unsubscribed": Kind.UNSUBSCRIBE,
}
DELIVERED = "delivered"


@never_cache
def told(request: HttpRequest, name: str) -> HttpResponse:
    """A service of MAIL_SERVICES tells something. Some ask by HEAD whether anybody is here."""
    definition = settings.MAIL_SERVICES.get(name)
    if definition is None or not definition.webhook:
        return HttpResponse(status=404)
    if request.method == "HEAD":
        return HttpResponse()
    if request.method != "POST":
        return HttpResponseNotAllowed(("HEAD", "POST"))
    if int(request.headers.get("Content-Length") or 0) > MOST:
        return HttpResponse(status=413)
    try:
        from accelerator.cloud.services import webhooks  # needs the extra

        events = list(webhooks.events(definition, request))
    except (ImportError, Unusable) as error:
        logger.error("the webhook of the service %s can't be read: %s", name, error)  # noqa: TRY400
        return HttpResponse(status=503)
    except webhooks.NotLetIn:
        logger.warning("somebody called the webhook of the service %s who is not it", name)
        return HttpResponse(status=403)
    except Exception as error:  # noqa: BLE001  anymail reads what anybody may have written, and names it differently
        logger.warning("the service %s told something that can't be read: %s", name, type(error).__name__)
        return HttpResponse(status=400)
    recorded = [_record(name, event) for event in events]
    return HttpResponse(status=200 if all(recorded) else 503)


def _record(name: str, event: "AnymailTrackingEvent") -> bool:
    """Whether it need not be told again."""
    if event.event_type != DELIVERED and event.event_type not in KINDS:
        return True
    try:
        intent = _whose(event)
        if intent is None:
            taken = Taken.STRANGE
        elif event.event_type == DELIVERED:
            taken = taking.prove(intent)
        else:
            taken = taking.record(intent, _report(event))
    except ledger.InFlight:
        logger.info("the service %s tells of a message before it is known what came of it", name)
        return False
    except Error as error:
        logger.error("what the service %s tells can't be recorded: %s", name, type(error).__name__)  # noqa: TRY400
        return False
    logger.info("the service %s tells: %s", name, taken)
    return True


def _whose(event: "AnymailTrackingEvent") -> Intent | None:
    from accelerator.cloud.services import webhooks

    try:
        token = (event.metadata or {}).get(webhooks.REFERENCE)
        return matching.recipient(links.read(links.UNSUBSCRIBE, str(token or "")))
    except links.TokenInvalid:
        ids = [f"<{str(event.message_id).strip('<>')}>"]
        return matching.by_message_id(ids, [event.recipient or ""])


def _report(event: "AnymailTrackingEvent") -> Report:
    said = wording.told(event.mta_response or event.description or "")
    return Report(KINDS[event.event_type], said.code, said.words)
