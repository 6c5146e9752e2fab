"""Takes addresses and secrets out of what is printed: a terminal's output is copied into tickets and logs."""

from urllib.parse import unquote, urlsplit

from django.conf import settings

from accelerator import logs

# Shorter secrets stand in too many words to be looked for.
SHORTEST = 6


def discreet(text: str) -> str:
    """The text on one line, without addresses, credentials, and secrets of the settings."""
    for secret in _secrets():
        text = text.replace(secret, "***")
    return " ".join(str(logs.redact(logs.CREDENTIALS.sub("", text))).split())


def _secrets() -> list[str]:
    """What nobody may read, the longest first: one may stand within another."""
    found = [
        str(settings.DATABASES["default"].get("PASSWORD") or ""),
        settings.EMAIL_HOST_PASSWORD or "",
        settings.CLOUD_KEY.partition(":")[2],
        settings.SECRET_KEY,
        settings.METRICS_TOKEN,
        _password(settings.REDIS_URL),
        _password(settings.CLOUD_URL),
    ]
    return sorted((secret for secret in found if len(secret) >= SHORTEST), key=len, reverse=True)


def _password(url: str) -> str:
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""
