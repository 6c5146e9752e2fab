"""The mailing's row and who locks it how: intents share it, controls have it alone. Always before a batch's row."""

import datetime
import json
import uuid
from dataclasses import dataclass

from django.db import connection
from django.db.backends.utils import CursorWrapper

from accelerator.cloud.models import Mailing
from accelerator.protocol import Desired


@dataclass(frozen=True)
class Standing:
    """What is wanted of a mailing, true until the transaction that read it ends."""

    seq: int  # of the wish that it follows
    desired: str
    stopped_code: str
    held_code: str
    rate_per_hour: int
    domain_rates: dict[str, int]
    restored: bool
    account: str  # whose suppression list holds, beside everybody's
    now: datetime.datetime  # of the transaction, by the database's clock

    @property
    def may_send(self) -> bool:
        return self.desired == Desired.RUN and not self.stopped_code and not self.restored

    @property
    def is_cancelled(self) -> bool:
        return self.desired == Desired.CANCEL

    @property
    def is_due(self) -> bool:
        """Whether a sender finds something to do: to send, or to say of whom nothing can be known."""
        return self.may_send or self.restored

    @property
    def word(self) -> str:
        """For the log."""
        return self.stopped_code or ("restored" if self.restored else f"asked to {self.desired}")


SHARE = """
SELECT seq, desired, stopped_code, held_code, coalesce(rate_per_hour, 0), domain_rates, restored_at IS NOT NULL,
    account, now()
FROM cloud_mailing WHERE key = %s AND request_id IS NOT NULL FOR SHARE
"""


def share(key: uuid.UUID) -> Standing | None:
    """Read the accepted mailing and keep controls out until the transaction ends; None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(SHARE, [key])
        return standing(cursor)


def standing(cursor: CursorWrapper) -> Standing | None:
    """What SHARE found."""
    row = cursor.fetchone()
    if row is None:
        return None
    seq, desired, stopped, held, rate, domain_rates, restored, account, now = row
    return Standing(seq, desired, stopped, held, rate, json.loads(domain_rates), restored, account, now)


def alone(key: uuid.UUID) -> Mailing:
    """The mailing's row, made if need be; nobody else reads its standing until the transaction ends."""
    Mailing.objects.bulk_create([Mailing(key=key)], ignore_conflicts=True)
    return Mailing.objects.defer("instructions", "supplemental").select_for_update().get(key=key)
