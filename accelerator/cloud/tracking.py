"""The pages behind the links in mails: the open pixel, clicks, unsubscribing. Open to everybody who has a link.

Nothing is answered before it is kept, except that a click is redirected in any case: nobody is stranded. A hit is kept
without the database too (`hits`); an unsubscribe is not, because it has to hold from now on.
"""

import base64
import functools
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import idna
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from accelerator.cloud import hits, links, machines, objecting, restoring
from accelerator.cloud.hits.keeping import brief
from accelerator.cloud.models import Hit, Objection

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
            except (Error, hits.NotKept) as error:
                # Nothing is promised that is not kept; mail programs try again.
                logger.error("%s could not be kept: %s", view.__name__, brief(error))  # noqa: TRY400
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
    return _follow(request, links.OPEN, token)


@link("GET", "HEAD")
def clicked(request: HttpRequest, token: str) -> HttpResponse:
    """On to where the link leads; that is signed, so it cannot be made to lead anywhere else."""
    return _follow(request, links.CLICK, token)


@link("GET", "HEAD")
def trapped(request: HttpRequest, token: str) -> HttpResponse:
    """A link that nobody sees was followed: what else that machine does is no person's doing."""
    return _follow(request, links.TRAP, token)


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


# What is done with a link of each kind.
KINDS = {links.OPEN: Hit.Kind.OPEN, links.CLICK: Hit.Kind.CLICK, links.TRAP: Hit.Kind.TRAP}


@dataclass(frozen=True)
class Answer:
    """What whoever follows a link gets."""

    status: int
    headers: dict[str, str]
    content: bytes = b""


def follow(kind: str, token: str, *, machine: bool) -> Answer:
    """Keep what was done with a link of that kind (`KINDS`). Raises links.TokenInvalid, hits.NotKept, Error."""
    reading = links.read(kind, token)
    number = reading.link if kind == links.CLICK else None
    machine = machine or kind == links.TRAP
    try:
        hits.keep(hits.Visit(reading.batch_pk, reading.position, KINDS[kind], number, machine))
    except hits.NotKept as error:
        if kind != links.CLICK:
            raise
        logger.error("a click was redirected and could not be kept: %s", brief(error))  # noqa: TRY400
    if kind == links.CLICK:
        return Answer(302, {"Content-Type": "text/html; charset=utf-8", "Location": location(reading.url)})
    if kind == links.OPEN:
        return Answer(200, {"Content-Type": "image/gif"}, GIF)
    return Answer(200, {"Content-Type": "text/plain"})


def _follow(request: HttpRequest, kind: str, token: str) -> HttpResponse:
    answer = follow(
        kind,
        token,
        machine=machines.is_machine(request.method, request.headers, request.META.get("REMOTE_ADDR", "")),
    )
    return HttpResponse(answer.content, status=answer.status, headers=answer.headers)


def _page(request: HttpRequest, what: str, status: int = 200, reach: str = "") -> HttpResponse:
    response = render(request, "cloud/unsubscribe.html", {"what": what, "reach": reach}, status=status)
    for name, value in PAGE_HEADERS.items():
        response[name] = value
    if status == 503:
        response["Retry-After"] = "60"
    return response


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
