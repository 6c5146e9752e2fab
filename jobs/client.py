"""CloudClient: the only HTTP to the Cloud. Signs every request; tells "not reached" from "refused"."""

import ssl
import time
import uuid
from collections.abc import Callable
from functools import cache
from typing import TypeVar
from urllib.parse import urlencode

import httpx2
from django.conf import settings
from pydantic import ValidationError

from accelerator import protocol
from accelerator.protocol import (
    Addresses,
    Changed,
    CloudHealth,
    Complaints,
    ControlRequest,
    EventPage,
    MailingRequest,
    MailingStatus,
    RateRequest,
    RecipientPage,
    Released,
    ReleaseRequest,
    SuppressionPage,
    Unknowns,
)
from jobs.models import Job

# Seconds: to connect, for an answer that a worker waits for, and for one that a person waits for in a page.
CONNECT, LONGEST, PATIENCE = 5.0, 30.0, 8.0

Answer = TypeVar("Answer", bound=protocol.Answer)


class CloudUnreachable(Exception):
    """The Cloud did not answer, or not now; the same request may be sent again."""


class CloudRefused(Exception):
    """The Cloud understood and said no. `status` is HTTP's, `code` the Cloud's word, the text its sentence."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        self.status, self.code = status, code
        super().__init__(sentence)


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities of this machine: to read them costs 30 ms of CPU, so it is done once in a process."""
    return httpx2.create_ssl_context(trust_env=False)


@cache
def _nobody() -> ssl.SSLContext:
    """Over plain HTTP nobody shows a certificate; whoever did all the same would not be believed."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class CloudClient:
    """A kept connection to one Cloud."""

    def __init__(
        self,
        url: str,
        key: protocol.Key,
        *,
        transport: httpx2.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._http = httpx2.Client(
            base_url=url,
            timeout=httpx2.Timeout(LONGEST, connect=CONNECT),
            transport=transport,
            trust_env=False,
            verify=_nobody() if httpx2.URL(url).scheme == "http" else _trusted(),
        )
        self._key = key
        self._clock = clock
        self._skew = 0  # seconds that the Cloud's clock is ahead of ours

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def submit(self, job_id: uuid.UUID, request: MailingRequest) -> MailingStatus:
        """Instructions and manifest; idempotent. The answer carries the Request ID."""
        return self._ask("PUT", f"/v1/mailings/{job_id}", MailingStatus, request.model_dump_json().encode())

    def put_batch(self, job_id: uuid.UUID, number: int, data: bytes) -> None:
        """One batch's bytes; the same bytes again are welcome."""
        self._send(
            "PUT", f"/v1/mailings/{job_id}/batches/{number}", data, "application/vnd.apache.arrow.stream"
        )

    def control(self, job_id: uuid.UUID, request: ControlRequest) -> MailingStatus:
        """Say what the mailing is to do; the answer is the acknowledgement with exact counts."""
        return self._ask(
            "PUT", f"/v1/mailings/{job_id}/control", MailingStatus, request.model_dump_json().encode()
        )

    def rate(self, job_id: uuid.UUID, request: RateRequest) -> MailingStatus:
        """Say how fast the mailing may go; the answer tells what is in force."""
        return self._ask(
            "PUT", f"/v1/mailings/{job_id}/rate", MailingStatus, request.model_dump_json().encode()
        )

    def status(self, job_id: uuid.UUID) -> MailingStatus:
        """State and counts."""
        return self._ask("GET", f"/v1/mailings/{job_id}", MailingStatus)

    def unknowns(self, job_id: uuid.UUID) -> Unknowns:
        """Recipients of whom nobody can know, and what stands in the way of another try."""
        return self._ask("GET", f"/v1/mailings/{job_id}/unknowns", Unknowns, timeout=PATIENCE)

    def release(self, job_id: uuid.UUID, act: uuid.UUID, request: ReleaseRequest) -> Released:
        """Have them tried again; the same act is done once."""
        path, body = f"/v1/mailings/{job_id}/releases/{act}", request.model_dump_json().encode()
        return self._ask("PUT", path, Released, body, timeout=PATIENCE)

    def gone(self, sender: int, request: ReleaseRequest) -> Changed:
        """Say that a process of the Cloud's is gone, with its machine."""
        path, body = f"/v1/senders/{sender}/gone", request.model_dump_json().encode()
        return self._ask("PUT", path, Changed, body, timeout=PATIENCE)

    def recipients(self, job_id: uuid.UUID, outcome: str, after: str = "", limit: int = 100) -> RecipientPage:
        """A page of the recipients of one outcome."""
        query = urlencode({"outcome": outcome, "after": after, "limit": limit})
        path = f"/v1/mailings/{job_id}/recipients?{query}"
        return self._ask("GET", path, RecipientPage, timeout=PATIENCE)

    def events(self, job_id: uuid.UUID, after: int, limit: int = 1_000) -> EventPage:
        """The events behind a position, in order."""
        query = urlencode({"after": after, "limit": limit})
        return self._ask("GET", f"/v1/mailings/{job_id}/events?{query}", EventPage)

    def complain(self, document: Complaints) -> Changed:
        """Hand in spam complaints; how many were new."""
        return self._ask("POST", "/v1/complaints", Changed, document.model_dump_json().encode())

    def suppressions(self, after: int = 0, limit: int = 100, account: str = "") -> SuppressionPage:
        """A page of an account's suppression list, or everybody's."""
        query = urlencode({"account": account, "after": after, "limit": limit})
        return self._ask("GET", f"/v1/suppressions?{query}", SuppressionPage, timeout=PATIENCE)

    def find_suppressed(self, document: Addresses) -> SuppressionPage:
        """Which of these addresses are on a list; in a body, because addresses stay out of URLs."""
        body = document.model_dump_json().encode()
        return self._ask("POST", "/v1/suppressions/search", SuppressionPage, body, timeout=PATIENCE)

    def suppress(self, document: Addresses) -> Changed:
        """Put addresses on a list; how many were new."""
        body = document.model_dump_json().encode()
        return self._ask("POST", "/v1/suppressions", Changed, body, timeout=PATIENCE)

    def unsuppress(self, document: Addresses) -> Changed:
        """Take addresses off a list; how many were on it."""
        body = document.model_dump_json().encode()
        return self._ask("DELETE", "/v1/suppressions", Changed, body, timeout=PATIENCE)

    def health(self) -> CloudHealth:
        """How the Cloud is, part by part, and its clock."""
        return self._ask("GET", "/v1/health", CloudHealth)

    def _ask(
        self, method: str, path: str, answer: type[Answer], body: bytes = b"", *, timeout: float = LONGEST
    ) -> Answer:
        response = self._send(method, path, body, "application/json", timeout)
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as error:
            raise CloudUnreachable("The Cloud answered something that is not of the contract.") from error

    def _send(
        self, method: str, path: str, body: bytes, kind: str, timeout: float = LONGEST
    ) -> httpx2.Response:
        response = self._once(method, path, body, kind, timeout)
        if response.status_code == 401:
            told = _word(response, "time")
            if isinstance(told, int):  # our clock is off: sign again by the Cloud's
                self._skew = told - int(self._clock())
                response = self._once(method, path, body, kind, timeout)
        if response.is_success:
            return response
        sentence = str(_word(response, "detail") or f"The Cloud answered {response.status_code}.")
        # What passes by itself (overload, a proxy's error, a key being rotated) is not a refusal of this Job.
        if response.status_code in (401, 403, 408, 429) or response.status_code >= 500:
            raise CloudUnreachable(sentence)
        raise CloudRefused(response.status_code, str(_word(response, "error") or ""), sentence)

    def _once(self, method: str, path: str, body: bytes, kind: str, timeout: float) -> httpx2.Response:
        request = self._http.build_request(
            method,
            path,
            content=body,
            headers={"Content-Type": kind},
            timeout=httpx2.Timeout(timeout, connect=CONNECT),
        )
        signed = request.url.raw_path.decode()
        at = int(self._clock()) + self._skew
        request.headers.update(protocol.sign(self._key, method, signed, body, at=at))
        try:
            return self._http.send(request)
        except httpx2.HTTPError as error:
            raise CloudUnreachable(f"The Cloud at {self._http.base_url} can't be reached.") from error


@cache
def cloud() -> CloudClient:
    """This process's client for the Cloud of the settings."""
    return CloudClient(settings.CLOUD_URL, protocol.Key.parse(settings.CLOUD_KEY))


def recipients(job: Job, outcome: str, after: str = "") -> RecipientPage:
    """A page of a Job's recipients of one outcome, asked of the Cloud. Raises CloudUnreachable, CloudRefused."""
    return cloud().recipients(job.pk, outcome, after)


def _word(response: httpx2.Response, name: str) -> object:
    try:
        document = response.json()
    except ValueError:
        return None
    return document.get(name) if isinstance(document, dict) else None
