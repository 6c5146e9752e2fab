"""Lists recipients by what came of them, in pages: from the ledger, and from the bytes for those it has no row of."""

from collections.abc import Iterator

from accelerator import protocol
from accelerator.cloud import intake, replies
from accelerator.cloud.models import Batch, BatchBytes, Intent, Mailing
from accelerator.protocol import Desired, Recipient

# Outcomes with rows in the ledger; who waits is still bytes, and is listed once it is sure that it stays there.
OUTCOMES = ("delivered", "bounced", "suppressed", "render_errors", "unknown", "deferred")
NOT_SENT = "not_sent"
PAGE_LIMIT = 1_000

Place = tuple[int, int]  # a batch's id and a position in it


class PageInvalid(ValueError):
    """An outcome that has no list, or a cursor that no page gave."""


class Forgotten(intake.Refused):
    """The mailing's time is over, and nobody knows any more who its recipients were."""

    status, code = 410, "forgotten"


def recipients(mailing: Mailing, outcome: str, after: str, limit: int) -> protocol.RecipientPage:
    """A page of recipients of one outcome, in the order of the batches. Raises PageInvalid, Forgotten."""
    if mailing.forgotten_at is not None:
        raise Forgotten("Who the recipients were is not kept any more: the time of this mailing is over.")
    begin = _cursor(after)
    if outcome == NOT_SENT:
        rows = _not_sent(mailing, begin)
    elif outcome in OUTCOMES:
        rows = _in_ledger(mailing, outcome, begin, limit + 1)
    else:
        names = ", ".join((*OUTCOMES, NOT_SENT))
        raise PageInvalid(f"Recipients are listed by one of these outcomes: {names}.")
    page: list[Recipient] = []
    place = begin
    for here, recipient in rows:
        if len(page) == limit:
            return protocol.RecipientPage(recipients=page, next=f"{place[0]}.{place[1]}")
        page.append(recipient)
        place = here
    return protocol.RecipientPage(recipients=page)


def _in_ledger(mailing: Mailing, outcome: str, begin: Place, most: int) -> Iterator[tuple[Place, Recipient]]:
    if outcome == Intent.State.DEFERRED and mailing.desired == Desired.CANCEL:
        return  # they are not sent
    # Batches whose tally promises at least one row: the others are not looked at.
    batches = Batch.objects.filter(mailing=mailing, pk__gte=begin[0], **{f"{outcome}__gt": 0})
    for pk in batches.order_by("pk").values_list("pk", flat=True):
        rows = Intent.objects.filter(batch_id=pk, state=outcome)
        if pk == begin[0]:
            rows = rows.filter(position__gt=begin[1])
        for row in rows.order_by("position")[:most]:
            yield (pk, row.position), _recipient(row)


def _not_sent(mailing: Mailing, begin: Place) -> Iterator[tuple[Place, Recipient]]:
    """After a cancel: what was not begun, and what was refused for now and is not tried again."""
    if mailing.desired != Desired.CANCEL:
        return
    columns = protocol.Instructions.model_validate_json(
        Mailing.objects.values_list("instructions", flat=True).get(key=mailing.key)
    )
    for batch in Batch.objects.filter(mailing=mailing, received_at__isnull=False, pk__gte=begin[0]).order_by(
        "pk"
    ):
        if batch.records == sum(getattr(batch, name) for name in OUTCOMES) + batch.in_flight - batch.deferred:
            continue
        first = begin[1] + 1 if batch.pk == begin[0] else 0
        here = Intent.objects.filter(batch=batch, position__gte=first)
        begun = set(here.exclude(state=Intent.State.DEFERRED).values_list("position", flat=True))
        deferred = {row.position: row for row in here.filter(state=Intent.State.DEFERRED)}
        table = protocol.decode_batch(
            bytes(BatchBytes.objects.values_list("data", flat=True).get(batch=batch))
        )
        for position in range(first, batch.records):
            if position in deferred:
                yield (
                    (batch.pk, position),
                    _recipient(deferred[position]).model_copy(update={"outcome": NOT_SENT}),
                )
            elif position not in begun:
                names = (columns.recipient_id_column, columns.email_column)
                recipient_id, address = (str(table.column(name)[position].as_py() or "") for name in names)
                yield (
                    (batch.pk, position),
                    Recipient(
                        recipient_id=recipient_id, address=address, outcome=NOT_SENT, reply="not attempted"
                    ),
                )


def _cursor(text: str) -> Place:
    batch, _, position = (text or "0.0").partition(".")
    if (
        not (batch.isascii() and batch.isdigit() and position.isascii() and position.isdigit())
        or len(text) > 28
    ):
        raise PageInvalid("The cursor is none that a page gave.")
    if int(batch) >= 2**63 or int(position) >= 2**31:
        raise PageInvalid("The cursor is none that a page gave.")
    return int(batch), int(position)


def _recipient(row: Intent) -> Recipient:
    bounce = replies.bounce(row.code, row.reply) if row.state == Intent.State.BOUNCED else None
    return Recipient(
        recipient_id=row.recipient_id,
        address=row.address,
        outcome=row.state,
        code=row.code,
        reply=row.reply,
        at=protocol.iso(row.settled_at) if row.settled_at else "",
        category=bounce.category if bounce else "",
        hard=bool(bounce and bounce.hard),
    )
