"""The mail server of EMAIL_URL, which notification mails leave through: everything short of a mail."""

import smtplib
import ssl

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.smtp import EmailBackend

from accelerator.doctor import Finding, attention, broken, ok

NAME = "mail server"
PATIENCE = 5
GREETED = 250


def look() -> list[Finding]:
    backend = get_connection(timeout=PATIENCE) if "smtp" in settings.EMAIL_BACKEND else None
    if not isinstance(backend, EmailBackend):
        return [
            attention(
                NAME, "EMAIL_URL names no mail server: notification mails reach nobody. Name one there."
            )
        ]
    place = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        backend.open()
        code = backend.connection.ehlo()[0] if backend.connection else 0
    # What the server said is not repeated: it may hold the user's address.
    except smtplib.SMTPAuthenticationError as error:
        return [
            broken(
                NAME, f"{place} refuses our log-in ({error.smtp_code}). Correct the password of EMAIL_URL."
            )
        ]
    except smtplib.SMTPNotSupportedError:
        return [
            broken(
                NAME,
                f"{place} lacks what EMAIL_URL asks for: STARTTLS (smtp+tls://), or a log-in. Correct it.",
            )
        ]
    except ssl.SSLError as error:
        return [
            broken(NAME, f"{place} can't be talked to over TLS ({error.reason}). Look at its certificate.")
        ]
    except (OSError, smtplib.SMTPException) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        return [
            broken(
                NAME,
                f"{place} can't be reached ({why}). Notification mails wait, and leave once it answers: start it, or "
                "correct EMAIL_URL.",
            )
        ]
    finally:
        backend.close()
    if code != GREETED:
        return [
            broken(NAME, f"{place} answers, but not to EHLO ({code}). Is EMAIL_URL a mail server's address?")
        ]
    return [ok(NAME, f"{place} answers{_how()}.")]


def _how() -> str:
    tls = " over TLS" if settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL else ""
    return tls + (", and takes our log-in" if settings.EMAIL_HOST_USER else "")
