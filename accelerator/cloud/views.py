"""The API for the dashboard; README.md tells the contract, /v1/openapi.json publishes it."""

import json
import logging
import time
import uuid
from typing import Annotated, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, InternalError, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from ninja import NinjaAPI, Query
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser

from accelerator import failpoints, protocol
from accelerator.cloud import (
    complaining,
    events,
    health,
    hits,
    intake,
    listing,
    releasing,
    reporting,
    restoring,
    senders,
    signing,
    suppressing,
    tasks,
)
from accelerator.cloud.models import Intent, Mailing, Suppression
from accelerator.marks import Restored

logger = logging.getLogger(__name__)

ARROW = "application/vnd.apache.arrow.stream"
# ninja reads bodies by their types; this one is bytes, so its place in the OpenAPI document is written by hand.
ARROW_BODY = {
    "requestBody": {"required": True, "content": {ARROW: {"schema": {"type": "string", "format": "binary"}}}}
}


class StrictJson(Parser):
    """JSON as RFC 8259 has it: NaN and Infinity are not JSON."""

    def parse_body(self, request: HttpRequest) -> dict[str, object]:
        document: dict[str, object] = json.loads(request.body, parse_constant=_no_json)
        return document


def _no_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


api = NinjaAPI(
    title="Accelerator Cloud",
    version="1",
    description="Renders and sends mailings. Every request is signed; see accelerator/cloud/README.md.",
    auth=signing.authenticate,
    docs_url=None,
    docs_decorator=require_safe,
    parser=StrictJson(),
)


class StoredBatch(protocol.Answer):
    """What the Cloud holds of a batch."""

    number: int
    sha256: str


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; what it depends on is another question."""
    return HttpResponse("ok", content_type="text/plain")


# --- mailings -------------------------------------------------------------------------------------------


@api.put("/mailings/{key}", response=protocol.MailingStatus)
def put_mailing(
    request: HttpRequest, key: uuid.UUID, document: protocol.MailingRequest
) -> protocol.MailingStatus:
    """Accept a mailing and give it its Request ID; the same document again changes nothing."""
    mailing = intake.accept(key, document)
    logger.info(
        "mailing %s: %s batches, %s records", mailing.request_id, len(document.batches), document.records
    )
    return reporting.status(mailing)


@api.get("/mailings/{key}", response=protocol.MailingStatus)
def get_mailing(request: HttpRequest, key: uuid.UUID) -> protocol.MailingStatus:
    """Where the mailing stands."""
    return reporting.status(_mailing(key))


@api.put("/mailings/{key}/batches/{number}", response=StoredBatch, openapi_extra=ARROW_BODY)
def put_batch(request: HttpRequest, key: uuid.UUID, number: int) -> StoredBatch:
    """Store one batch; sending begins with the first. The same bytes again change nothing."""
    stored = intake.store_batch(key, number, request.body)
    if stored.due:
        tasks.wake()
    return StoredBatch(number=number, sha256=stored.sha256)


@api.put("/mailings/{key}/control", response=protocol.MailingStatus)
def put_control(
    request: HttpRequest, key: uuid.UUID, wish: protocol.ControlRequest
) -> protocol.MailingStatus:
    """Run, pause or cancel. The answer is the acknowledgement: from here on no send intent is committed."""
    with transaction.atomic():
        mailing = intake.control(key, wish)
        answer = reporting.status(mailing)
        failpoints.reached("apply.before")
    failpoints.reached("apply.after")
    logger.info("mailing %s: control %s, %s", mailing.request_id or key, answer.seq, answer.desired)
    if answer.desired == protocol.Desired.RUN:
        tasks.wake_all()
    return answer


@api.put("/mailings/{key}/rate", response=protocol.MailingStatus)
def put_rate(request: HttpRequest, key: uuid.UUID, rate: protocol.RateRequest) -> protocol.MailingStatus:
    """Change how fast the mailing may go, running or not; nobody is contacted twice or left out by it."""
    mailing = intake.change_rate(key, rate)
    logger.info(
        "mailing %s: rate %s, %s an hour", mailing.request_id or key, mailing.rate_seq, rate.rate_per_hour
    )
    if mailing.desired == protocol.Desired.RUN:
        tasks.wake_all()
    return reporting.status(mailing)


@api.get("/mailings/{key}/recipients", response=protocol.RecipientPage)
def get_recipients(
    request: HttpRequest,
    key: uuid.UUID,
    outcome: str,
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=listing.PAGE_LIMIT)] = 100,
) -> protocol.RecipientPage:
    """The recipients of one outcome, in pages."""
    return listing.recipients(_mailing(key), outcome, after, limit)


@api.get("/mailings/{key}/events", response=protocol.EventPage)
def get_events(
    request: HttpRequest,
    key: uuid.UUID,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=events.PAGE_LIMIT)] = 1_000,
) -> protocol.EventPage:
    """What happened to recipients behind a position: in order, without gaps, and the same at every reading."""
    mailing = _mailing(key)
    hits.tell(mailing.key)
    return events.page(mailing.key, after, limit)


# --- recipients of whom nobody can know ------------------------------------------------------------------


@api.get("/mailings/{key}/unknowns", response=protocol.Unknowns)
def get_unknowns(request: HttpRequest, key: uuid.UUID) -> protocol.Unknowns:
    """How many there are, how many of them may be tried again, and what stands in the way."""
    return releasing.report(_mailing(key))


@api.put("/mailings/{key}/releases/{act}", response=protocol.Released)
def put_release(
    request: HttpRequest, key: uuid.UUID, act: uuid.UUID, wish: protocol.ReleaseRequest
) -> protocol.Released:
    """Try them again: a person's act, who knows that somebody may get the message twice. The same act is done once."""
    _mailing(key)
    released = releasing.release(key, act, wish.why, wish.expected)
    tasks.wake_all()
    return released


@api.put("/senders/{sender}/gone", response=protocol.Changed)
def put_gone(request: HttpRequest, sender: int, wish: protocol.ReleaseRequest) -> protocol.Changed:
    """A person says that a process is gone, with its machine. Refused where it is seen to live."""
    if not senders.declare(sender, wish.why):
        raise intake.Conflict("This process lives, as its machine sees it: stop it there first.")
    return protocol.Changed(changed=1)


# --- suppressions ---------------------------------------------------------------------------------------


@api.get("/suppressions", response=protocol.SuppressionPage)
def get_suppressions(
    request: HttpRequest,
    account: protocol.Account = "",
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=listing.PAGE_LIMIT)] = 100,
) -> protocol.SuppressionPage:
    """The suppression list of an account, or everybody's, in pages; the cursor is no address, because addresses stay
    out of URLs.
    """
    rows = suppressing.page(after, limit, account)
    return protocol.SuppressionPage(
        suppressions=[_suppressed(row) for row in rows], next=rows[-1].pk if len(rows) == limit else None
    )


@api.post("/suppressions/search", response=protocol.SuppressionPage)
def find_suppressions(request: HttpRequest, document: protocol.Addresses) -> protocol.SuppressionPage:
    """Which of these addresses are on that list. They come in a body, because addresses stay out of URLs."""
    return protocol.SuppressionPage(
        suppressions=[_suppressed(row) for row in suppressing.find(document.addresses, document.account)]
    )


@api.post("/suppressions", response=protocol.Changed)
def add_suppressions(request: HttpRequest, document: protocol.Addresses) -> protocol.Changed:
    """Put addresses on the list: no intent is committed for them from now on, by a mailing that it holds for."""
    return protocol.Changed(
        changed=suppressing.add(document.addresses, reason=suppressing.ADDED, account=document.account)
    )


@api.delete("/suppressions", response=protocol.Changed)
def remove_suppressions(request: HttpRequest, document: protocol.Addresses) -> protocol.Changed:
    """Take addresses off that list; what stands on another stays there."""
    return protocol.Changed(changed=suppressing.remove(document.addresses, document.account))


# --- complaints and health ------------------------------------------------------------------------------


@api.post("/complaints", response=protocol.Changed)
def add_complaints(request: HttpRequest, document: protocol.Complaints) -> protocol.Changed:
    """Take in spam complaints: each is an event of its mailing once, and nobody who complained is contacted again."""
    return protocol.Changed(changed=complaining.complain(document.complaints))


@api.get("/health", response=protocol.CloudHealth)
def get_health(request: HttpRequest) -> protocol.CloudHealth:
    """How the Cloud is, part by part, and its clock."""
    return health.status()


# --- refusals -------------------------------------------------------------------------------------------


@api.exception_handler(protocol.SignatureInvalid)
def not_signed(request: HttpRequest, error: protocol.SignatureInvalid) -> HttpResponse:
    """401; for a wrong time the Cloud's own, so that the client can sign again."""
    codes = {protocol.ClockSkewed: "clock", signing.Replayed: "replayed"}
    return _refusal(401, codes.get(type(error), "signature"), str(error), time=int(time.time()))


@api.exception_handler(intake.Refused)
def refused(request: HttpRequest, error: intake.Refused) -> HttpResponse:
    """Refusals say in a sentence what is wrong."""
    return _refusal(error.status, error.code, str(error))


@api.exception_handler(OperationalError)
@api.exception_handler(InterfaceError)
@api.exception_handler(InternalError)
def database_busy(request: HttpRequest, error: Exception) -> HttpResponse:
    """Nothing was changed: the database is away, or somebody held a lock for too long."""
    logger.error("%s %s: %s", request.method, request.path, type(error).__name__, exc_info=error)
    connection.close()
    response = _refusal(
        503, "busy", "The Cloud's database is busy or away; nothing was changed. Repeat the request."
    )
    response["Retry-After"] = "5"
    return response


@api.exception_handler(Restored)
def restored(request: HttpRequest, error: Restored) -> HttpResponse:
    """This request showed it; everything is held now, and nothing else was changed."""
    restoring.notice(error)
    response = _refusal(
        503,
        "restored",
        "The Cloud's database was restored from an older copy; all is held for review. Repeat this.",
    )
    response["Retry-After"] = "1"
    return response


@api.exception_handler(RequestDataTooBig)
def too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    """A body over the cap is not read."""
    return _refusal(413, "too_large", "The body is larger than this Cloud takes.")


@api.exception_handler(ValidationError)
def not_valid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Names the fields and what is wrong with them, never what was in them: that may be an address."""
    wrong = "; ".join(
        f"{'.'.join(str(step) for step in one['loc'][1:])}: {one['msg']}" for one in error.errors[:10]
    )
    return _refusal(422, "invalid", wrong)


@api.exception_handler(listing.PageInvalid)
@api.exception_handler(protocol.AddressInvalid)
@api.exception_handler(complaining.ComplaintUnknown)
def not_usable(request: HttpRequest, error: ValueError) -> HttpResponse:
    """A parameter that is well-formed and means nothing."""
    return _refusal(422, "invalid", str(error))


@api.exception_handler(HttpError)
def not_json(request: HttpRequest, error: HttpError) -> HttpResponse:
    """What ninja itself refuses: a body that is no JSON."""
    return _refusal(error.status_code, "malformed", str(error))


def _refusal(status: int, code: str, detail: str, **more: object) -> JsonResponse:
    return JsonResponse({"error": code, "detail": detail, **more}, status=status)


def _suppressed(row: Suppression) -> protocol.SuppressedAddress:
    """Where a seal stands for the address, it is not told: whoever has it can look for it."""
    address = "" if Intent.is_seal(row.address_key) else row.address_key
    return protocol.SuppressedAddress(
        address=address, reason=row.reason, at=protocol.iso(row.at), account=row.account
    )


def _mailing(key: uuid.UUID) -> Mailing:
    mailing = reporting.find(key)
    if mailing is None:
        raise intake.UnknownMailing("No mailing is known under this key.")
    return mailing
