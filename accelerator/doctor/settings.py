"""Keys and addresses of the settings: what can be seen without asking anybody."""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http.request import validate_host

from accelerator.doctor import Finding, attention, broken, ok
from accelerator.protocol import Key

# Django's own measure (check security.W009).
SHORTEST_KEY = 50
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def look() -> list[Finding]:
    return [_secret_key(), _debug(), _public_url(), _cloud_key()]


def _secret_key() -> Finding:
    name = "secret key"
    try:
        key = str(settings.SECRET_KEY)
    except ImproperlyConfigured:  # what Django says to an empty one
        return broken(
            name, "SECRET_KEY is not set: nobody can log in. Give it a long random text, and keep it."
        )
    if len(key) < SHORTEST_KEY or len(set(key)) < 5:
        return attention(name, f"SECRET_KEY is short; make it {SHORTEST_KEY} random characters or more.")
    return ok(name, "SECRET_KEY is set.")


def _debug() -> Finding:
    if settings.DEBUG:
        return attention("debug", "DEBUG is on: error pages show settings and data. Set DEBUG=false.")
    return ok("debug", "DEBUG is off.")


def _public_url() -> Finding:
    name = "public address"
    parts = urlsplit(settings.PUBLIC_URL)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        return broken(name, "PUBLIC_URL is no http(s):// address: links in mails lead nowhere. Correct it.")
    if not validate_host(f"[{host}]" if ":" in host else host, settings.ALLOWED_HOSTS):
        return broken(
            name, f"PUBLIC_URL names {host}, but ALLOWED_HOSTS does not: its pages answer 400. Add it there."
        )
    if parts.scheme == "http" and host not in LOCAL:
        return attention(
            name,
            f"PUBLIC_URL is http://{host}: passwords travel in the clear. Put the dashboard behind TLS, and write https://.",
        )
    return ok(name, f"PUBLIC_URL is {settings.PUBLIC_URL}.")


def _cloud_key() -> Finding:
    name = "cloud key"
    if not settings.CLOUD_KEY:
        return broken(
            name, "CLOUD_KEY is not set: no Job reaches the Cloud. Set it to one of the Cloud's CLOUD_KEYS."
        )
    try:
        Key.parse(settings.CLOUD_KEY)
    except ValueError:
        return broken(name, 'CLOUD_KEY is written "id:secret", and this one is not. Correct it.')
    return ok(name, "CLOUD_KEY is set.")
