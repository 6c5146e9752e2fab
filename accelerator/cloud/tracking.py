"""The pages behind the links in mails: the open pixel, clicks, unsubscribing. Open to everybody who has a link.

Nothing is answered before it is recorded, except that a click is redirected in any case: nobody is stranded.
"""

import base64
import functools
import logging
import re
from collections.abc import Callable
from urllib.parse import quote

import idna
from django.db import Error, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from accelerator import failpoints, protocol
from accelerator.cloud import events, ledger, links, machines, objecting, restoring
from accelerator.cloud.models import Intent, Objection

logger = logging.getLogger(__name__)

# One transparent pixel.
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "X-Robots-Tag": "noindex",
}

View = Callable[[HttpRequest, str], HttpResponse]


def link(*methods: str) -> Callable[[View], View]:
    """The manners of every link. No cookie, no login, no CSRF token: the link itself is what proves who asks."""

    def decorate(view: View) -> View:
        @never_cache
        @functools.wraps(view)
        def answer(request: HttpRequest, token: str) -> HttpResponse:
            try:
                response = (
                    view(request, token) if request.method in methods else HttpResponseNotAllowed(methods)
                )
            except links.TokenInvalid:
                response = _page(request, "unknown", status=404)
            except Error as error:
                # Nothing is promised that was not recorded; mail programs try again.
                logger.error("%s could not be recorded: %s", view.__name__, _brief(error))  # noqa: TRY400
                response = _page(request, "later", status=503)
            response["X-Robots-Tag"] = "noindex"
            # Django would log the paths of refusals, and a click's has in it where it leads.
            response._has_been_logged = True  # type: ignore[attr-defined]
            return response

        return answer

    return decorate


@link("GET", "HEAD")
def opened(request: HttpRequest, token: str) -> HttpResponse:
    """The open pixel was loaded."""
    _record(request, protocol.EventKind.OPEN, links.recipient(links.read(links.OPEN, token)))
    return HttpResponse(GIF, content_type="image/gif")


@link("GET", "HEAD")
def clicked(request: HttpRequest, token: str) -> HttpResponse:
    """On to where the link leads; that is signed, so it cannot be made to lead anywhere else."""
    reading = links.read(links.CLICK, token)
    try:
        _record(request, protocol.EventKind.CLICK, links.recipient(reading), reading.link)
    except links.TokenInvalid:
        logger.warning(
            "a click was redirected that nobody is known for: is this database older than the mail?"
        )
    except Error as error:
        logger.error("a click was redirected and could not be recorded: %s", _brief(error))  # noqa: TRY400
    return HttpResponse(status=302, headers={"Location": location(reading.url)})


@link("GET", "HEAD", "POST")
def unsubscribed(request: HttpRequest, token: str) -> HttpResponse:
    """A page with a button; only its POST, or a mail program's, unsubscribes (RFC 8058, section 3.2)."""
    reading = links.read(links.UNSUBSCRIBE, token)
    try:
        intent = links.recipient(reading)
    except links.TokenInvalid:
        # We wrote the link, so there was somebody: this database is older than the mail. Not to be lost as "unknown".
        return _page(request, "later", status=503)
    if request.method != "POST":
        return _page(request, "done" if objecting.stands(intent) else "ask", reach=objecting.reach(intent))
    if restoring.minding(lambda: objecting.record([intent], Objection.Kind.UNSUBSCRIBE)):
        logger.info(
            "mailing %s: unsubscribed by link, batch %s position %s",
            intent.mailing_id,
            intent.batch.number,
            intent.position,
        )
    return _page(request, "done", reach=objecting.reach(intent))


def _record(
    request: HttpRequest, kind: protocol.EventKind, intent: Intent, number: int | None = None
) -> None:
    if intent.is_forgotten:  # its mailing's time is over, and nobody counts any more
        return
    happening = events.Happening(
        kind=kind,
        batch=intent.batch.number,
        record=intent.position,
        recipient_id=intent.recipient_id,
        machine=machines.is_machine(request.method, request.headers),
    )
    if number is not None:
        happening["link"] = number
    with transaction.atomic():
        ledger.prove([intent], by_person=not happening["machine"])
        events.append(intent.mailing_id, [happening])
    failpoints.reached("hit.after")


def _page(request: HttpRequest, what: str, status: int = 200, reach: str = "") -> HttpResponse:
    response = render(request, "cloud/unsubscribe.html", {"what": what, "reach": reach}, status=status)
    for name, value in PAGE_HEADERS.items():
        response[name] = value
    if status == 503:
        response["Retry-After"] = "60"
    return response


def _brief(error: Error) -> str:
    """What is wrong, without the details, which may quote a row."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


# --- where clicks lead ----------------------------------------------------------------------------------

# What browsers take out of a URL, at its ends and everywhere (URL Standard, section 4.4).
ENDS = "".join(map(chr, range(0x21)))
NOWHERE = re.compile("[\t\n\r]")
HOST = re.compile(r"(?<=://)([^/?#\\]*@)?([^/?#\\:]*)")
UNSAFE = re.compile(r"[^\x21-\x7e]+|[\"<>]")


def location(url: str) -> str:
    """The URL of an href as a header can hold it: the same as a browser would ask for, spelled in ASCII."""
    url = HOST.sub(_ascii_host, NOWHERE.sub("", url.strip(ENDS)), count=1)
    return UNSAFE.sub(lambda found: quote(found[0], safe=""), url)


def _ascii_host(found: re.Match[str]) -> str:
    user, host = found[1] or "", found[2]
    try:
        return user + (host if host.isascii() else idna.encode(host, uts46=True).decode())
    except UnicodeError:
        return found[0]
