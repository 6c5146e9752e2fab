"""A mailing and its recipients: submitted over the contract as the dashboard does it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from accelerator.protocol import Counts, MailingState, MailingStatus
from tests.contract.caller import Caller, Submission, answer
from tests.faults.evidence import Record
from tests.soak import people

BATCH = 1_000
TEMPLATE = {
    "subject": "{{ first_name }}, {{ 1000 // points }} points",
    "html": '<p>Dear {{ first_name }}, see <a href="https://shop.example/">what is new</a>.</p>'
    '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>',
    "text": "Dear {{ first_name }}, see what is new.\n{{ unsubscribe_url }}\n",
}


@dataclass
class Sent:
    """Its recipients, by the place that each has in the manifest; what the Cloud said of it last."""

    addresses: Sequence[str]
    tag: str
    size: int = BATCH
    submission: Submission = field(init=False)
    status: MailingStatus = field(init=False)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.submission = Submission(people.batches(self.addresses, self.size))

    @property
    def key(self) -> uuid.UUID:
        return uuid.UUID(self.submission.key)

    @property
    def sender(self) -> str:
        """Nobody else's: by it the receiver's record is put to this mailing."""
        return f"{self.tag}@soak.example"

    @property
    def records(self) -> list[Record]:
        return [
            Record(number // self.size, number % self.size, str(number), address)
            for number, address in enumerate(self.addresses)
        ]

    @property
    def seconds(self) -> float:
        return (self.ended - self.began).total_seconds()

    @property
    def cancelled(self) -> bool:
        return self.status.state == MailingState.CANCELLED

    def submit(self, cloud: Caller) -> None:
        """All of it is transferred before anybody is contacted."""
        listed = [address for address in self.addresses if people.word(address) == "listed"]
        if listed:
            assert cloud.call("POST", "/v1/suppressions", {"addresses": listed}).status_code == 200
        sender = {"from_name": "Soak", "from_address": self.sender}
        self.status = self.submission.hand_over(cloud, sender=sender, template=TEMPLATE)

    def look(self, cloud: Caller) -> Counts:
        self.status = answer(cloud.get(self.submission.path))
        return self.status.counts
