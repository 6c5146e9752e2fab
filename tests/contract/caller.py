"""A client of the Cloud that can also do everything wrong, and mailings to submit with it."""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx2 as httpx
import pyarrow as pa

from accelerator import protocol

Json = dict[str, object]


@dataclass
class Caller:
    """Signs what it sends; `headers` may be replaced and the body exchanged after signing."""

    client: httpx.Client
    key: protocol.Key

    def call(
        self,
        method: str,
        path: str,
        document: object = None,
        *,
        body: bytes | None = None,
        at: int | None = None,
        headers: Mapping[str, str] | None = None,
        sent_body: bytes | None = None,
    ) -> httpx.Response:
        if body is None:
            body = b"" if document is None else json.dumps(document).encode()
        if headers is None:
            headers = self.sign(method, path, body, at=at)
        return self.client.request(
            method, path, content=body if sent_body is None else sent_body, headers=dict(headers)
        )

    def sign(self, method: str, path: str, body: bytes, *, at: int | None = None) -> dict[str, str]:
        return protocol.sign(self.key, method, path, body, at=int(time.time()) if at is None else at)

    def get(self, path: str) -> httpx.Response:
        return self.call("GET", path)

    def put(self, path: str, document: object) -> httpx.Response:
        return self.call("PUT", path, document)


def table(count: int = 3, first: int = 0) -> pa.Table:
    numbers = range(first, first + count)
    return pa.table(
        {
            "customer": [str(number) for number in numbers],
            "email": [f"customer{number}@nowhere.invalid" for number in numbers],
            "first_name": ["Zoë"] * count,
        }
    )


@dataclass
class Submission:
    """A mailing that nobody sent yet: its key, its document and its batches."""

    batches: list[bytes] = field(
        default_factory=lambda: [protocol.encode_batch(table(3)), protocol.encode_batch(table(2, first=3))]
    )
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    seq: int = 0

    @property
    def path(self) -> str:
        return f"/v1/mailings/{self.key}"

    def document(self, **changes: object) -> Json:
        """The body of the PUT, valid unless `changes` say otherwise."""
        document: Json = {
            "version": 1,
            "instructions": {
                "name": "Autumn sale",
                "sender": {"from_name": "Alice", "from_address": "news@shop.example"},
                "template": {
                    "subject": "Hello {{ first_name }}",
                    "html": "<p>Hello {{ first_name }}</p>",
                    "text": "Hello {{ first_name }}",
                },
                "recipient_id_column": "customer",
                "email_column": "email",
            },
            "batches": [
                {
                    "number": number,
                    "records": protocol.decode_batch(data).num_rows,
                    "size": len(data),
                    "sha256": protocol.digest(data),
                }
                for number, data in enumerate(self.batches)
            ],
            "supplemental": {},
        }
        return document | changes

    def instructions(self, **changes: object) -> Json:
        """A document whose instructions differ in these."""
        document = self.document()
        instructions = document["instructions"]
        assert isinstance(instructions, dict)
        return document | {"instructions": instructions | changes}

    def submit(self, cloud: Caller) -> protocol.MailingStatus:
        """Accepted, and paused before, so that no Cloud ever contacts anybody for these tests."""
        self.control(cloud, "pause")
        return answer(cloud.put(self.path, self.document()))

    def hand_over(self, cloud: Caller, **changes: object) -> protocol.MailingStatus:
        """All of it is transferred before it is let go; `changes` of the instructions."""
        self.control(cloud, "pause")
        answer(cloud.put(self.path, self.instructions(**changes)))
        for number in range(len(self.batches)):
            transferred = self.transfer(cloud, number)
            assert transferred.status_code == 200, transferred.text
        return self.control(cloud, "run")

    def transfer(self, cloud: Caller, number: int = 0) -> httpx.Response:
        return cloud.call("PUT", f"{self.path}/batches/{number}", body=self.batches[number])

    def control(self, cloud: Caller, desired: str, seq: int | None = None) -> protocol.MailingStatus:
        self.seq = self.seq + 1 if seq is None else seq
        return answer(cloud.put(f"{self.path}/control", {"seq": self.seq, "desired": desired}))


def answer(response: httpx.Response) -> protocol.MailingStatus:
    assert response.status_code == 200, response.text
    return protocol.MailingStatus.model_validate_json(response.content)


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Status and error code; every refusal says in a sentence what is wrong."""
    said = response.json()
    assert said["detail"]
    return response.status_code, said["error"]
