"""Records who wants no more mail: once per recipient and kind, with what follows from it, in one transaction."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from django.db import connection, transaction

from accelerator import failpoints
from accelerator.cloud import events, ledger, suppressing
from accelerator.cloud.models import Intent, Mailing, Objection, Suppression, mark

REASONS = {
    Objection.Kind.UNSUBSCRIBE: suppressing.UNSUBSCRIBED,
    Objection.Kind.COMPLAINT: suppressing.COMPLAINED,
}

# In one order: two transactions that object for the same recipients wait for each other in one direction only.
FIRST_OF_ITS_KIND = """
INSERT INTO cloud_objection (batch_id, position, kind)
SELECT batch_id, position, %s FROM unnest(%s::bigint[], %s::int[]) AS recipient (batch_id, position)
ORDER BY batch_id, position
ON CONFLICT DO NOTHING RETURNING batch_id, position
"""


def record(intents: Iterable[Intent], kind: Objection.Kind) -> int:
    """Put the recipients on the suppression list that the rule names, tell of those that are new; how many they are.

    The intents come with their batches and have address keys. Any number of times with one effect. Of a mailing that is
    forgotten nothing is told; on the list is then what stands for the address.
    """
    recipients = {(intent.batch_id, intent.position): intent for intent in intents}
    with transaction.atomic(), connection.cursor() as cursor:
        batches, positions = [batch for batch, _ in recipients], [position for _, position in recipients]
        cursor.execute(FIRST_OF_ITS_KIND, [kind, batches, positions])
        new = [recipients[record] for record in cursor.fetchall()]
        told = [intent for intent in new if not intent.is_forgotten]
        # Before the list: a sender, too, locks its batch first.
        ledger.prove(told, by_person=True)
        suppressing.by_rule(_keys(recipients.values()), reason=REASONS[kind])
        for mailing, happenings in _by_mailing(told, kind).items():
            events.append(mailing, happenings)
        mark.rise()
        failpoints.reached("objection.before")
    failpoints.reached("objection.after")
    return len(new)


def stands(intent: Intent) -> bool:
    """Whether the recipient has unsubscribed and was not taken off the suppression lists since."""
    unsubscribed = Objection.objects.filter(
        batch_id=intent.batch_id, position=intent.position, kind=Objection.Kind.UNSUBSCRIBE
    )
    listed = Suppression.objects.filter(
        address_key=intent.address_key or "", account__in=[suppressing.EVERYBODY, _account(intent)]
    )
    return unsubscribed.exists() and listed.exists()


def reach(intent: Intent) -> suppressing.Reach:
    """Who writes no more to the recipient once they have unsubscribed."""
    chosen = suppressing.list_of(suppressing.UNSUBSCRIBED, _account(intent))
    return suppressing.Reach.EVERYBODY if chosen == suppressing.EVERYBODY else suppressing.Reach.ACCOUNT


def _account(intent: Intent) -> str:
    return Mailing.objects.values_list("account", flat=True).get(pk=intent.mailing_id)


def _keys(intents: Iterable[Intent]) -> dict[UUID, list[str]]:
    found = defaultdict(list)
    for intent in intents:
        if intent.address_key:
            found[intent.mailing_id].append(intent.address_key)
    return found


def _by_mailing(intents: Iterable[Intent], kind: Objection.Kind) -> dict[UUID, list[events.Happening]]:
    found = defaultdict(list)
    for intent in intents:
        found[intent.mailing_id].append(
            events.Happening(
                kind=kind, batch=intent.batch.number, record=intent.position, recipient_id=intent.recipient_id
            )
        )
    return found
