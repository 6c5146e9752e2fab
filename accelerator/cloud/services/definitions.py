"""Services as the environment names them: MAIL_SERVICES, a JSON object. Read by the settings; needs no anymail."""

import json
import re
from dataclasses import dataclass, field

from accelerator.protocol import SERVICE_NAME

# What a service may be told of every message. Not who receives it: one recipient is one call.
DEFAULTS = frozenset({"envelope_sender", "esp_extra", "metadata", "tags"})
# Settings of anymail's that would hide an outcome or print messages with their addresses and our key.
NOT_OURS = frozenset(
    {"debug_api_requests", "fail_silently", "ignore_recipient_status", "timeout", "requests_timeout"}
)
BACKEND = re.compile(r"[a-z][a-z0-9_]*")
# What a webhook is called with (HTTP Basic, RFC 7617): whoever knows it can bounce anybody whose message he has seen.
SHORTEST_PASSWORD = 16
LOGIN = re.compile(rf"[^:\s]+:\S{{{SHORTEST_PASSWORD},}}")

EXAMPLE = '{"postmark": {"backend": "postmark", "server_token": "file:/run/secrets/postmark"}}'


class DefinitionInvalid(ValueError):
    """MAIL_SERVICES can't be understood; the text says where, and quotes no secret."""


@dataclass(frozen=True)
class Definition:
    """One service: its name, anymail's name of its backend, that backend's settings, headers for every message, and the
    settings of the webhook at which it tells what became of messages (none: it does not).
    """

    name: str
    backend: str
    settings: dict[str, object] = field(default_factory=dict, repr=False)
    headers: dict[str, str] = field(default_factory=dict)
    webhook: dict[str, object] = field(default_factory=dict, repr=False)


def parse(text: str) -> dict[str, Definition]:
    """By name; none for an empty text. Raises DefinitionInvalid."""
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        raise DefinitionInvalid(f"MAIL_SERVICES is no JSON; write for example {EXAMPLE}") from None
    if not isinstance(found, dict):
        raise DefinitionInvalid(f"MAIL_SERVICES is no JSON object; write for example {EXAMPLE}")
    return {name: _definition(name, told) for name, told in found.items()}


def _definition(name: str, told: object) -> Definition:
    if not re.fullmatch(SERVICE_NAME, name):
        raise DefinitionInvalid(
            "MAIL_SERVICES has a name that is not of letters a to z, digits and hyphens (40 at most)"
        )
    of = f'The service "{name}" of MAIL_SERVICES'
    if not isinstance(told, dict):
        raise DefinitionInvalid(f"{of} is no object; write for example {EXAMPLE}")
    backend = told.get("backend")
    if not isinstance(backend, str) or not BACKEND.fullmatch(backend):
        raise DefinitionInvalid(
            f'{of} needs a "backend": one of django-anymail, for example "postmark" or "mailgun"'
        )
    if refused := NOT_OURS & set(told):
        raise DefinitionInvalid(f'{of} may not have "{min(refused)}", which the Cloud decides itself')
    _check_defaults(of, told.get("send_defaults", {}))
    headers = told.get("headers", {})
    if not isinstance(headers, dict) or not all(_is_header(*one) for one in headers.items()):
        raise DefinitionInvalid(f'{of} has "headers" that are no names and values of header lines')
    webhook = told.get("webhook", {})
    if not isinstance(webhook, dict) or (webhook and not _is_login(webhook.get("webhook_secret"))):
        raise DefinitionInvalid(
            f'{of} has a "webhook" without a "webhook_secret" of the form "user:password" (the password'
            f" {SHORTEST_PASSWORD} characters or more), or file:/path"
        )
    rest = {key: value for key, value in told.items() if key not in ("backend", "headers", "webhook")}
    return Definition(name, backend, rest, headers, webhook)


def _check_defaults(of: str, defaults: object) -> None:
    if not isinstance(defaults, dict) or set(defaults) - DEFAULTS:
        allowed = ", ".join(sorted(DEFAULTS))
        raise DefinitionInvalid(
            f'{of} has "send_defaults" with more than {allowed}: a call has one recipient'
        )


def _is_login(value: object) -> bool:
    return isinstance(value, str) and (value.startswith("file:") or bool(LOGIN.fullmatch(value)))


def _is_header(name: str, value: object) -> bool:
    return bool(re.fullmatch(r"[!-9;-~]+", name)) and isinstance(value, str) and value.isprintable()
