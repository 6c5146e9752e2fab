"""The mailing: people of whom most are accepted, and some meet each other end there is."""

from functools import cached_property

import pyarrow as pa

from accelerator import protocol
from tests.contract.caller import Caller, Submission, answer

# Of a hundred people, by what becomes of them (tests.mail); all others are accepted, after a moment.
FATES = {7: "reject", 23: "defer", 41: "suppressed", 59: "luckless", 83: "rejectdata"}
BATCH = 250
TEMPLATE = {
    "subject": "Hello {{ first_name }}",
    "html": "<p>Hello {{ first_name }}, your number is {{ 10 // luck }}</p>",
    "text": "Hello {{ first_name }}, your number is {{ 10 // luck }}",
}


class Mailing:
    """So many people, in batches that several senders share."""

    def __init__(self, recipients: int) -> None:
        self.recipients = recipients
        self.addresses = [address(number) for number in range(recipients)]

    @cached_property
    def submission(self) -> Submission:
        table = pa.table(
            {
                "customer": [str(number) for number in range(self.recipients)],
                "email": self.addresses,
                "first_name": ["Zoë"] * self.recipients,
                "luck": [0 if who.startswith("luckless") else 5 for who in self.addresses],
            }
        )
        starts = range(0, self.recipients, BATCH)
        return Submission([protocol.encode_batch(table.slice(start, BATCH)) for start in starts])

    def send(self, cloud: Caller) -> None:
        """Hand it over and let it go."""
        withheld = [who for who in self.addresses if who.startswith("suppressed")]
        added = cloud.call("POST", "/v1/suppressions", {"addresses": withheld, "account": ""})
        assert added.status_code == 200, added.text
        self.submission.hand_over(cloud, template=TEMPLATE)

    def status(self, cloud: Caller) -> protocol.MailingStatus:
        return answer(cloud.get(self.submission.path))

    def unknowns(self, cloud: Caller) -> protocol.Unknowns:
        return protocol.Unknowns.model_validate_json(cloud.get(f"{self.submission.path}/unknowns").content)


def address(number: int) -> str:
    return f"{FATES.get(number % 100, 'slow')}{number}@customers.example"
