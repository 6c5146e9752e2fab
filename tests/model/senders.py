"""accelerator/cloud/delivering.py and ledger.py, transaction by transaction, up to the mail server's reply.

A window that goes on too long, a process told to end, a mail server that is away: all of them take back what was
committed and not begun, so one step ("put off") stands for them. When a temporary refusal is due again is left to
chance: at once, or later.
"""

from collections.abc import Iterator

from tests.model import parts
from tests.model.parts import Effect, Job, Mailing, Record, Rules, Sender


def claims(job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """dispatching.take(): leases.claim() of a batch that is due and free."""
    for batch in sorted(mailing.due):
        leased = mailing._replace(leased=mailing.leased | {batch})
        sender = Sender(batch, "take stock", valid=True)
        if batch not in mailing.leased:
            did = f"sender: claimed batch {batch}"
            yield Effect(did, job, leased, sender, fences=frozenset({f"batch {batch}"}))
        elif rules.mutant == "claim-without-lock":
            yield Effect(f"sender: claimed batch {batch}, though held", job, leased, sender)


def run(sender: Sender, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """Everything this sender may do next."""
    yield from STEPS[sender.at](sender, job, mailing, rules)


def take_stock(sender: Sender, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """ledger.take_stock(): what an earlier sender left in flight is unknown from now on."""
    if not _proved(sender, rules):
        yield _lost(sender, job, mailing, "ledger.take_stock")
        return
    for recipient in rules.of(sender.batch):
        intent = mailing.intents[recipient]
        if intent in parts.IN_FLIGHT:
            retry = parts.WAITING if intent == parts.FLYING else parts.DEFERRED
            orphan = retry if rules.mutant == "retry-of-an-unknown" else parts.UNKNOWN
            mailing = _write(mailing, recipient, orphan)
    pending = tuple(
        Record(recipient, first=mailing.intents[recipient] == parts.WAITING)
        for recipient in rules.of(sender.batch)
        if mailing.intents[recipient] in (parts.WAITING, parts.DEFERRED)
    )
    then = sender._replace(at="commit" if pending else "let go", pending=pending)
    if rules.mutant == "intent-without-the-lock":
        then = then._replace(reads=mailing.may_send)
    yield Effect("ledger.take_stock", job, mailing, then, void=not sender.valid)


def commit(sender: Sender, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """ledger.commit(): outcomes so far, then the next intents, while the mailing may send."""
    if not _proved(sender, rules):
        yield _lost(sender, job, mailing, "ledger.commit")
        return
    void = not sender.valid
    after = _renewed(_record(mailing, sender.known, rules), sender)
    may_send = sender.reads if rules.mutant == "intent-without-the-lock" else mailing.may_send
    if not may_send:
        stopped = sender._replace(at="let go", known=(), follows=True)
        yield Effect("ledger.commit: it may not send", job, after, stopped, void=void)
        return
    chosen, later = sender.pending[: rules.window], sender.pending[rules.window :]
    written = []
    for record in chosen:
        if after.intents[record.recipient] == (parts.WAITING if record.first else parts.DEFERRED):
            written.append(record)
            if rules.mutant != "intent-after-the-dot":
                intent = parts.FLYING if record.first else parts.RETRYING
                after = _write(after, record.recipient, intent)
    did = f"ledger.commit: intents for {_named(tuple(written))}"
    sending = sender._replace(pending=later, open=tuple(written), known=(), follows=True)
    yield Effect(did, job, after, _next(sending), void=void)
    # The database took it and was gone before it said so: everything of the window is taken back (Sender.run).
    unsure = sender._replace(at="settle", pending=later, open=chosen)
    yield Effect(f"{did}, unheard", job, after, unsure, kind="fault", cost="losses", void=void)


def begin(sender: Sender, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """Sender.may_go_on(): a look before the next message; and between two of a window, now and then none."""
    yield from _stopped(sender, job, mailing, rules)
    first, *rest = sender.open
    begun = sender._replace(at="hand over", open=tuple(rest), begun=(first,))
    if not _proved(sender, rules):
        yield _lost(sender, job, mailing, "ledger.look")
    elif mailing.may_send:
        yield Effect(f"sender: begins with {_named((first,))}", job, mailing, begun)
    else:
        yield Effect("ledger.look: it may not send", job, mailing, sender._replace(at="settle"))
        if sender.known or rules.mutant == "intent-without-the-lock":
            yield Effect(f"sender: begins with {_named((first,))}, without a look", job, mailing, begun)


def hand_over(sender: Sender, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """smtp.post(), of one message: the final dot, and every reply that may come of it, none among them."""
    recipient = sender.begun[0].recipient
    accepted = _accept(mailing, recipient)
    who = _named(sender.begun)

    def after(outcome: str) -> Sender:
        return _next(sender._replace(begun=(), known=(*sender.known, (recipient, outcome))))

    yield Effect(f"dot: {who} is accepted", job, accepted, after(parts.DELIVERED))
    for outcome, what, cost in (
        (parts.BOUNCED, "refused", "bounces"),
        (parts.DEFERRED, "refused for now", "deferrals"),
    ):
        yield Effect(f"dot: {who} is {what}", job, mailing, after(outcome), kind="fault", cost=cost)
    for state, what in ((accepted, "accepted"), (mailing, "not accepted")):
        cut = state._replace(excused=state.excused | {recipient})
        did = f"dot: {who} is {what}, the line is cut"
        outcome = parts.DEFERRED if rules.mutant == "retry-of-a-lost-reply" else parts.UNKNOWN
        yield Effect(did, job, cut, after(outcome), kind="fault", cost="cuts")
    put_off = sender._replace(at="settle", open=(*sender.begun, *sender.open), begun=())
    yield Effect(f"before the dot: {who} is put off", job, mailing, put_off, kind="fault")
    did = f"before the dot: the mail server refuses us; guarding.stop, {who} is put off"
    yield from _stop(sender, put_off, job, mailing, rules, did)


def _stopped(sender: Sender, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """guarding.check_outcomes(): too many refusals, or render errors."""
    yield from _stop(sender, sender, job, mailing, rules, "guarding.check_outcomes: too many refusals")


def _stop(
    sender: Sender, then: Sender, job: Job, mailing: Mailing, rules: Rules, did: str
) -> Iterator[Effect]:
    """guarding.stop() asks for no lease, but for the wish under which the sender met the reason."""
    if not mailing.stopped and (sender.follows or rules.mutant == "stop-of-an-old-wish"):
        stopped = mailing._replace(stopped=True)
        yield Effect(did, job, stopped, then, kind="fault", cost="stops", void=not sender.follows)


def settle(sender: Sender, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """ledger.settle(): outcomes are recorded, and intents taken back that nothing was sent for."""
    if not _proved(sender, rules):
        yield _lost(sender, job, mailing, "ledger.settle")
        return
    after = _renewed(_record(mailing, sender.known, rules), sender)
    for record in sender.open:
        intent = after.intents[record.recipient]
        if intent in parts.IN_FLIGHT:
            back = parts.WAITING if intent == parts.FLYING else parts.DEFERRED
            after = _write(after, record.recipient, back)
    then = sender._replace(at="let go", pending=(*sender.open, *sender.pending), open=(), known=())
    yield Effect("ledger.settle", job, after, then, void=not sender.valid)


def let_go(sender: Sender, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """ledger.let_go(): due again if something is pending, or will be, and wanted."""
    if not _proved(sender, rules):
        yield _lost(sender, job, mailing, "ledger.let_go")
        return
    yield from _stopped(sender, job, mailing, rules)
    deferred = any(mailing.intents[recipient] == parts.DEFERRED for recipient in rules.of(sender.batch))
    again = mailing.may_send and (bool(sender.pending) or deferred)
    row = {sender.batch}
    after = mailing._replace(
        due=mailing.due | row if again else mailing.due - row, leased=mailing.leased - row
    )
    did = "ledger.let_go" + (", due again" if again else "")
    yield Effect(did, job, after, None, void=not sender.valid)


STEPS = {
    "take stock": take_stock,
    "commit": commit,
    "begin": begin,
    "hand over": hand_over,
    "settle": settle,
    "let go": let_go,
}


def _next(sender: Sender) -> Sender:
    if sender.open:
        return sender._replace(at="begin")
    if sender.pending:
        return sender._replace(at="commit")
    return sender._replace(at="settle" if sender.known else "let go")


def _proved(sender: Sender, rules: Rules) -> bool:
    return sender.valid or rules.mutant == "completion-without-epoch"


def _lost(sender: Sender, job: Job, mailing: Mailing, did: str) -> Effect:
    return Effect(f"{did}: the lease is lost", job, mailing, None)


def _renewed(mailing: Mailing, sender: Sender) -> Mailing:
    return mailing._replace(leased=mailing.leased | {sender.batch})


def _record(mailing: Mailing, known: tuple[tuple[int, str], ...], rules: Rules) -> Mailing:
    """entries.record(): only of what is in flight."""
    for recipient, outcome in known:
        if mailing.intents[recipient] in parts.IN_FLIGHT or rules.mutant == "intent-after-the-dot":
            mailing = _write(mailing, recipient, outcome)
    return mailing


def _write(mailing: Mailing, recipient: int, intent: str) -> Mailing:
    intents = tuple(intent if index == recipient else was for index, was in enumerate(mailing.intents))
    return mailing._replace(intents=intents)


def _accept(mailing: Mailing, recipient: int) -> Mailing:
    accepted = tuple(was + (index == recipient) for index, was in enumerate(mailing.accepted))
    return mailing._replace(accepted=accepted)


def _named(records: tuple[Record, ...]) -> str:
    return " and ".join(f"recipient {record.recipient}" for record in records) or "nobody"
