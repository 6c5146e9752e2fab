"""The line to the mail server that this process keeps open from one batch to the next."""

from urllib.parse import urlsplit

from django.conf import settings

from accelerator.cloud.smtp import Connection, Server, Timeouts

_kept: Connection | None = None


def connection() -> Connection:
    """The kept line, or a new one. Raises smtp.ServerAway or smtp.ServerRefuses."""
    global _kept
    if _kept is None or not _kept.alive():
        _kept = None
        timeouts = Timeouts(
            settings.SMTP_CONNECT_TIMEOUT, settings.SMTP_REPLY_TIMEOUT, settings.SMTP_ACCEPTANCE_TIMEOUT
        )
        name = urlsplit(settings.CLOUD_PUBLIC_URL).hostname or "localhost"
        _kept = Connection(Server.parse(settings.SMTP_URL), timeouts, name=name)
    return _kept


def hang_up() -> None:
    """Close the kept line, whatever state it is in."""
    global _kept
    kept, _kept = _kept, None
    if kept is not None:
        kept.close(politely=True)
