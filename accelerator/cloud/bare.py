"""Sends a mailing's messages without the ledger, so that a benchmark can say what the ledger costs:

    DJANGO_SETTINGS_MODULE=accelerator.cloud.settings python -m accelerator.cloud.bare KEY PART PARTS

Nothing else runs it. One process sends the batches whose number is PART modulo PARTS, and says how many messages were
accepted, and when it began and ended (seconds of CLOCK_MONOTONIC), as JSON. Nobody keeps book here, so it sends to no
address that a person could have: only to those of .example (RFC 2606, section 3).
"""

import json
import sys
import time
import uuid
from email.utils import formatdate

import django

WINDOW = 200
NOBODY = ".example"


def main(key: uuid.UUID, part: int, parts: int) -> dict[str, float]:
    """Send this process's part of the mailing."""
    from django.conf import settings

    from accelerator.cloud import lines, preparing, smtp
    from accelerator.cloud.models import Batch
    from accelerator.cloud.replies import Verdict

    prepared = preparing.mailing(key)
    accepted, began = 0, 0.0

    def take(_message: smtp.Message, result: object, _line: smtp.Line) -> None:
        nonlocal accepted
        accepted += getattr(result, "verdict", None) is Verdict.DELIVERED

    while len(connected := lines.ready(settings.SMTP_LINES, lambda: True)) < settings.SMTP_LINES:
        time.sleep(0.05)
    for batch in Batch.objects.filter(mailing_id=key).order_by("number"):
        if batch.number % parts != part:
            continue
        table = preparing.records(batch)
        for first in range(0, batch.records, WINDOW):
            chosen = [(position, 0) for position in range(first, min(first + WINDOW, batch.records))]
            found = preparing.attempts(
                prepared, batch, table, chosen, lines.extensions(connected), formatdate()
            )
            began = began or time.monotonic()
            messages = [smtp.Message(one.sender, one.envelope, one.message) for one in found if one.message]
            if not all(message.recipient.endswith(NOBODY) for message in messages):
                raise SystemExit(
                    "Without the ledger nobody real is contacted: all addresses must end in .example."
                )
            waiting = iter(messages)
            smtp.post(connected, lambda waiting=waiting: next(waiting, None), take)  # type: ignore[misc]
    return {"accepted": accepted, "began": began, "ended": time.monotonic()}


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(uuid.UUID(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))  # noqa: T201
