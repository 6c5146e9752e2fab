"""Makes a definition ready to send, or says in a sentence what is wrong with it. No request is made for that."""

import importlib
import re
from dataclasses import dataclass
from typing import Any

import requests
from anymail.backends.base_requests import AnymailRequestsBackend
from anymail.exceptions import AnymailConfigurationError, AnymailError, AnymailUnsupportedFeature
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend

from accelerator.cloud.services import files, parts, requesting, webhooks
from accelerator.cloud.services.definitions import Definition
from accelerator.cloud.services.unusable import Unusable

# Seconds to connect.
CONNECT = 10.0
# Settings that are no secrets; what else is text, and long enough to be told from other words, is shown to nobody.
PUBLIC = frozenset(
    {"api_url", "sender_domain", "message_stream", "idna_encoder", "merge_field_format", "region"}
)
SHORTEST_SECRET = 6
# Their own counting of opens and clicks: links in our messages lead to us first, and opens are counted by us.
TRACKING = ("track_opens", "track_clicks")
# What each message of ours is made of.
SAMPLE = (
    b'From: "A shop" <news@shop.example>\r\nReply-To: help@shop.example\r\nTo: ann@customers.example\r\n'
    b"Subject: News\r\nMessage-ID: <1@shop.example>\r\nList-Unsubscribe: <https://links.example/u/1>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative; boundary="b"\r\n'
    b"\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nNews\r\n"
    b"\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>News</p>\r\n--b--\r\n"
)


class _Rest(BaseEmailBackend):
    """Stands behind anymail's backends, which take their settings out of what they are given; what is left is none."""

    def __init__(self, fail_silently: bool = False, **kwargs: Any) -> None:
        super().__init__(fail_silently=fail_silently)
        self.unknown_settings = sorted(kwargs)


class _Strict:
    """Before anymail's backends: a session that repeats nothing."""

    def create_session(self) -> requests.Session:
        return requesting.strict(super().create_session())  # type: ignore[misc]


@dataclass(frozen=True)
class Service:
    """One that can be sent through."""

    name: str
    kind: type[Any]
    given: dict[str, object]
    headers: dict[str, str]
    flags: dict[str, bool]
    secrets: tuple[str, ...]
    # Whether each message is given a word by which the service names it when it tells what became of it.
    referring: bool = False

    def backend(self) -> Any:
        """One of anymail's, for one thread."""
        return self.kind(**self.given, timeout=(CONNECT, settings.MAIL_SERVICE_TIMEOUT))

    def mail(self, text: bytes, recipient: str) -> EmailMultiAlternatives:
        mail = parts.mail(text, recipient, headers=self.headers, **self.flags)
        if self.referring:
            mail.metadata = {webhooks.REFERENCE: webhooks.reference(text)}  # type: ignore[attr-defined]
        return mail

    def discreet(self, text: str) -> str:
        """Without our keys, should a service repeat them."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def build(definition: Definition) -> Service:
    """Raises Unusable."""
    given = {name: files.resolved(definition, value) for name, value in definition.settings.items()}
    secrets = sorted(_secrets(given), key=len, reverse=True)
    kind = _kind(definition)
    service = Service(definition.name, kind, given, definition.headers, {}, tuple(secrets))
    _try_out(service, definition)
    flags = {flag: False for flag in TRACKING if _takes(service, flag, False)}
    referring = bool(definition.webhook) and _takes(service, "metadata", {webhooks.REFERENCE: "x"})
    webhooks.view(definition)
    return Service(definition.name, kind, given, definition.headers, flags, tuple(secrets), referring)


def _secrets(given: object) -> set[str]:
    if isinstance(given, dict):
        return set().union(*(_secrets(value) for name, value in given.items() if name not in PUBLIC))
    return {given} if isinstance(given, str) and len(given) >= SHORTEST_SECRET else set()


def _kind(definition: Definition) -> type[Any]:
    """Anymail's backend, held to one request a call."""
    try:
        module = importlib.import_module(f"anymail.backends.{definition.backend}")
        kind = module.EmailBackend
    except (ImportError, AttributeError, AnymailConfigurationError):
        raise Unusable(
            definition.name,
            f'this django-anymail has no backend "{definition.backend}", or it needs another package',
        ) from None
    if not (isinstance(kind, type) and issubclass(kind, AnymailRequestsBackend)):
        # Amazon's library, for one, repeats requests by itself, and does not tell whether one has left.
        raise Unusable(
            definition.name,
            f'the backend "{definition.backend}" does not send by a request of its own, so nobody could tell whether a'
            " message has left; its SMTP server can be the SMTP_URL",
        )
    return type("Backend", (_Strict, kind, _Rest), {})


def _try_out(service: Service, definition: Definition) -> None:
    """Build the request of a message like ours."""
    try:
        backend = service.backend()
    except AnymailConfigurationError as error:
        raise Unusable(service.name, _lacking(service, str(error))) from None
    if backend.unknown_settings:
        raise Unusable(
            service.name,
            f'"{backend.unknown_settings[0]}" is no setting of the backend "{definition.backend}"',
        )
    try:
        _prepare(backend, service.mail(SAMPLE, "ann@customers.example"))
    except AnymailUnsupportedFeature as error:
        raise Unusable(
            service.name, f"it can't take what our messages have ({service.discreet(str(error))})"
        ) from None
    except Exception as error:  # noqa: BLE001  said in a sentence
        # What a wrong address of the API or a key with a line break makes of a request; its words may quote the key.
        what = type(error).__name__
        raise Unusable(
            service.name, f"no request can be made of its settings ({what}): look at its api_url and keys"
        ) from None


def _takes(service: Service, name: str, value: object) -> bool:
    backend = service.backend()
    try:
        _prepare(backend, parts.mail(SAMPLE, "ann@customers.example", headers={}, **{name: value}))
    except AnymailError:
        return False
    return True


def _prepare(backend: Any, message: EmailMultiAlternatives) -> None:
    payload = backend.build_message_payload(message, backend.send_defaults)
    told = payload.get_request_params(backend.api_url)
    prepared = requests.Request(**told).prepare()
    backend.create_session().get_adapter(prepared.url)


def _lacking(service: Service, said: str) -> str:
    """Anymail names Django's settings; ours are named without the service's name before them."""
    prefix = str(service.kind.esp_name).upper().replace(" ", "_")
    named = re.search(rf"ANYMAIL = \{{'{prefix}_(\w+)'", said)
    return f'it lacks the setting "{named[1].lower()}"' if named else "its settings can't be used"
