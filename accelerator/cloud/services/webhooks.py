"""What a service tells by webhook of the messages that it took, read by anymail. Who may call is anymail's to check."""

import importlib
import re
from collections.abc import Iterator
from typing import Any

from anymail.exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent, tracking
from django.http import HttpRequest

from accelerator.cloud.services import files
from accelerator.cloud.services.definitions import Definition
from accelerator.cloud.services.unusable import Unusable

# Under this name a service is told of each message which one it is, and tells it again (anymail's metadata).
REFERENCE = "accelerator"
# It is the token of the link to unsubscribe by: signed, and in the message anyway.
TOKEN = re.compile(rb"^List-Unsubscribe: <[^<>\r\n]*/u/([A-Za-z0-9_-]+)>", re.MULTILINE)


class NotLetIn(Exception):
    """Whoever called is not the service."""


def reference(text: bytes) -> str:
    """The word for a composed message."""
    found = TOKEN.search(text)
    return found[1].decode() if found else ""


def view(definition: Definition) -> Any:
    """Anymail's reader of what the service sends, if its definition has a webhook. Raises Unusable."""
    if not definition.webhook:
        return None
    try:
        module = importlib.import_module(f"anymail.webhooks.{definition.backend}")
        kinds = {kind for kind in vars(module).values() if isinstance(kind, type)}
        [kind] = [kind for kind in kinds if _tells(kind, module.__name__)]
    except (ImportError, ValueError):
        raise Unusable(
            definition.name, f'this django-anymail reads no webhook of the backend "{definition.backend}"'
        ) from None
    try:
        return kind(**{name: files.resolved(definition, value) for name, value in definition.webhook.items()})
    except AnymailConfigurationError as error:
        raise Unusable(definition.name, f'its "webhook" lacks a setting ({_brief(error)})') from None


def events(definition: Definition, request: HttpRequest) -> Iterator[AnymailTrackingEvent]:
    """What a request tells, in anymail's words for all services. Raises NotLetIn, and whatever a document that anymail
    does not understand makes it raise.
    """
    reader = view(definition)
    reader.setup(request)
    try:
        reader.run_validators(request)
    except AnymailWebhookValidationFailure as error:
        raise NotLetIn(str(error)) from None
    yield from reader.parse_events(request)


def _tells(kind: type[Any], module: str) -> bool:
    """Whether it reads what became of messages; Mandrill's reads all there is."""
    own = kind.__module__ == module
    return own and (getattr(kind, "signal", None) is tracking or "Combined" in kind.__name__)


def _brief(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
