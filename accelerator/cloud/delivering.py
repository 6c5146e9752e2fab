"""Sends: leases a batch, commits intents a window at a time, hands the messages over, records what came of them.

No message's final dot is sent before its intent is committed, and an intent that nothing was sent for is taken
back when the mailing is paused, the mail server goes away, or this process is to end.
"""

import contextlib
import datetime
import functools
import logging
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from email.utils import format_datetime
from typing import cast

from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, connection
from structlog.contextvars import bound_contextvars

from accelerator import failpoints, leases, rendering
from accelerator.cloud import (
    carriers,
    dispatching,
    dkim,
    domains,
    draining,
    guarding,
    ledger,
    locking,
    preparing,
    restoring,
    smtp,
)
from accelerator.cloud.entries import Attempt, Outcome
from accelerator.cloud.models import Batch, Intent
from accelerator.cloud.replies import GIVEN_UP, Result, Verdict
from accelerator.cloud.waiting import Waiting
from accelerator.cloud.window import Window
from accelerator.marks import MarkUnusable, Restored

logger = logging.getLogger(__name__)

# A transaction that PostgreSQL ended because we froze in it is an InternalError.
DATABASE_AWAY = (OperationalError, InterfaceError, InternalError)
# Connection lost, transaction ended, deadlock, no room, lock not to be had, shutting down (PostgreSQL, appendix A).
AWAY_STATES = ("08", "25P", "40", "53", "55P03", "57P")
# Seconds: between two looks whether the mailing is still to be sent, the longest wait for a rate inside a step,
# and how long outcomes are kept for a database that is away (and for how long by a process that is to end).
LOOK_EVERY = 0.2
WAIT_INSIDE = 0.5
PATIENCE = 300.0
LAST_PATIENCE = 5.0
# Records that are written down as unknown in one transaction.
LOST_AT_ONCE = 1_000
# What a mailing waits for when a sender could not look at the high-water mark.
NO_CHILD = "The Cloud cannot start the process that renders messages; an admin finds out why in the log"
BLIND = "The Cloud cannot tell whether its database is complete; an admin finds out why in the log"
# A message that leaves the line cut, or the server busy, so often is put off like any other temporary refusal.
STUMBLES = 3
# A batch that we fail at so often, by a mistake of ours, stops its mailing.
MISTAKES = 3
# So many messages in a row of whom nobody knows let the mailing wait: a line that breaks after every dot would use up
# all its recipients. More than three, because single addresses break lines, too.
DOUBTS = 20

UNTOUCHED = (Verdict.AWAY, Verdict.BUSY, Verdict.CUT, Verdict.REFUSED)

_stumbles: Counter[tuple[int, int]] = Counter()
_mistakes: Counter[int] = Counter()


def work() -> bool:
    """Take steps until nothing is due or the time of one is over; False if there was nothing at all."""
    ends_at = time.monotonic() + settings.SENDING_STEP
    steps = 0
    while time.monotonic() < ends_at and step():
        steps += 1
    return steps > 0


def step() -> bool:
    """Send from the batch that is next, for a limited time; False if none is due."""
    if draining.asked():
        return False
    with draining.busy():
        batch = dispatching.take()
        if batch is None:
            return False
        with bound_contextvars(key=str(batch.mailing_id), batch=batch.number):
            failpoints.reached("take.after")
            send_from(batch)
    return True


def send_from(batch: Batch) -> None:
    """One step on a batch that is ours. Raises what was a mistake, or the database's being away."""
    seq = guarding.wish(batch.mailing_id)
    try:
        Sender(batch, seq).run()
        _mistakes.pop(batch.pk, None)
    except leases.LeaseLost:
        # Somebody else decides about what we had in flight: it is unknown to them, and so it is called.
        logger.warning("batch %s: another sender took over", batch)
        carriers.hang_up()
    except Restored as error:
        restoring.notice(error)
        carriers.hang_up()
    except MarkUnusable as error:
        # Nobody can say whether this database is older than what was sent: nothing is, until an admin has mended it.
        logger.critical("%s Nobody is contacted until then.", error)
        guarding.hold(batch.mailing_id, BLIND)
    except dkim.KeyUnusable as error:
        logger.critical("%s. Nobody is contacted until then.", error)
        guarding.hold(
            batch.mailing_id, f"{error}, and nothing is sent unsigned by mistake: an admin mends that"
        )
    except rendering.NoChild as error:
        # Nothing is wrong with the mailing: the machine has no room for one more process now.
        logger.critical("%s Nobody is contacted until then.", error)
        guarding.hold(batch.mailing_id, NO_CHILD)
    except Exception as error:
        if not away(error):
            give_up(batch, seq, error)
        raise


def away(error: Exception) -> bool:
    """Whether the database will be back; what it says to a statement that it does not take is no such error."""
    state = getattr(error.__cause__, "sqlstate", None) or AWAY_STATES[0]
    return isinstance(error, DATABASE_AWAY) and state.startswith(AWAY_STATES)


def give_up(batch: Batch, seq: int, error: Exception) -> None:
    """Count a mistake of ours; after a few a person must look, because nobody else notices."""
    _mistakes[batch.pk] += 1
    if _mistakes[batch.pk] < MISTAKES:
        return
    del _mistakes[batch.pk]
    guarding.stop(
        batch.mailing_id,
        seq,
        guarding.INTERNAL,
        f"Something went wrong inside the Cloud {MISTAKES} times at batch {batch.number}"
        f" ({type(error).__name__}); an admin finds it in the log. Resume to try again.",
    )


@functools.lru_cache(maxsize=8)
def _window(_mailing: uuid.UUID) -> Window:
    """It goes on from one batch of a mailing to the next: what fits is known, and small windows cost more."""
    return Window()


class Sender:
    """One step on one batch, from the stock-taking to letting go."""

    def __init__(self, batch: Batch, seq: int) -> None:
        self.batch = batch
        self.seq = seq  # of the wish that was followed last
        self.mailing = preparing.mailing(batch.mailing_id)
        self.carrier = carriers.of(self.mailing.instructions.service)
        self.name = f"{self.mailing.request_id} batch {batch.number}"
        self.ends_at = time.monotonic() + settings.SENDING_STEP
        self.looked_at = 0.0
        self.renewed_at = time.monotonic()
        self.pending = Waiting(())
        self.outcomes: list[Outcome] = []  # known, not recorded yet
        self.open: list[Attempt] = []  # committed, not begun
        self.window = _window(batch.mailing_id)
        self.cuts = 0
        self.over = False  # nothing more is to be begun
        self.wait_reason = ""  # why the mailing has to wait
        self.stop_code = self.stop_reason = ""  # why a person has to look
        self.granted: locking.Standing | None = None  # as the last window was
        self.doubts = 0  # messages in a row that are unknown
        self.refusals = guarding.Refusals()
        self.held = False  # as the last window found it
        self.clear = False  # somebody was answered for since
        self.doubtful = False  # refusals or render errors were recorded and not looked at yet
        self.why = "all attempted"

    def run(self) -> None:
        stock = ledger.take_stock(self.batch)
        fresh = ((n, 0) for n in range(self.batch.records) if n not in stock.taken)
        self.pending = Waiting([*stock.retries, *fresh])
        if stock.orphans:
            logger.warning("%s: an earlier sender left %s unknown", self.name, stock.orphans)
        begun = len(self.pending)
        try:
            if stock.restored:
                self.lose()
            elif self.pending and self.may_go_on():
                self.table = preparing.records(self.batch)
                self.follow(stock.rates)
                while self.pending and self.has_time() and self.send_window():
                    pass
        except leases.LeaseLost:
            raise
        except Exception as error:
            if not away(error):
                # A mistake of ours: what is known is recorded all the same, what was not begun is taken back.
                self.settle()
                raise
            self.why = "the database went away"
        self.settle()
        self.check()
        self.tell()
        if self.wait_reason:
            guarding.hold(self.batch.mailing_id, self.wait_reason)
        ledger.let_go(self.batch, pending=self.pending.free, waiting=self.pending.domains)
        logger.info(
            "%s: %s settled, %s left: %s", self.name, begun - len(self.pending), len(self.pending), self.why
        )

    def lose(self) -> None:
        """Nobody knows of these whether they were sent to; they are written down as such, and not sent to."""
        self.why = "held for review"
        table = preparing.records(self.batch)
        while self.pending and self.has_time():
            chosen = self.pending.next(LOST_AT_ONCE)
            try:
                ledger.lose(self.batch, preparing.addressed(self.mailing, table, chosen))
            except BaseException:
                self.put_back(chosen)
                raise

    def has_time(self) -> bool:
        if draining.asked():
            return self.end("the worker ends")
        if time.monotonic() > self.ends_at:
            return self.end("others have their turn")
        return True

    def end(self, why: str) -> bool:
        """False, for those who say that the step is over by returning it."""
        self.why, self.over = why, True
        return False

    # --- one window ---------------------------------------------------------------------------------------

    def send_window(self) -> bool:
        """Compose, commit, send; False if the step is over."""
        try:
            connected = self.carrier.ready(self.window, len(self.pending), self.may_wait)
        except smtp.ServerAway as error:
            return self.hold(str(error))
        except smtp.ServerRefuses as error:
            return self.stop(guarding.REFUSES, str(error))
        if not connected:
            return not self.over and self.hold(f"{self.carrier} has not answered yet")
        room = domains.room(self.rates, self.pending.domains)
        chosen = self.pending.next(self.window.size, room)
        if not chosen:
            return self.end("the receiving domains' rates are used up")
        date = format_datetime(datetime.datetime.now(datetime.UTC))
        attempts = preparing.attempts(
            self.mailing, self.batch, self.table, chosen, self.carrier.extensions(connected), date
        )
        # Until the commit is known, all of them may be in the ledger, and nothing was sent.
        self.open = attempts
        grant = ledger.commit(self.batch, self.outcomes, attempts)
        self.renewed_at = time.monotonic()
        self.seq, self.granted = grant.standing.seq, grant.standing
        self.outcomes, self.open = [], grant.sendable
        if not grant.standing.may_send:
            self.put_back((attempt.position, attempt.tries) for attempt in attempts)
            return self.end(grant.standing.word)
        self.leave(grant)
        if grant.standing.held_code and self.clear:
            guarding.clear_hold(self.batch.mailing_id)
        self.held = bool(grant.standing.held_code) and not self.clear
        self.clear = False
        self.doubtful |= any(attempt.state == Intent.State.RENDER_ERRORS for attempt in attempts)
        self.check()
        return self.send_open(connected) and self.wait_for_rate(grant)

    def send_open(self, connected: Sequence[smtp.Line]) -> bool:
        """Send the committed intents, a few at a time; False if the step is over."""
        self.window.begin()
        committed, self.over = len(self.open), False
        self.carrier.post(
            connected,
            self.next_message,
            self.take,
            pulse=self.pulse,
            hurried=self.is_over,
            fatal=leases.LeaseLost,
        )
        self.window.end(committed - len(self.open))
        if self.open:
            self.settle()
        return not self.over

    def is_over(self) -> bool:
        return self.over

    def next_message(self) -> smtp.Message | None:
        """The next of the window; None if there is none, or nobody is to be contacted now."""
        if self.over or not self.open or self.window.overdue or not self.may_go_on():
            return None
        attempt = self.open.pop(0)
        return smtp.Message(attempt.sender, attempt.envelope, attempt.message, attempt)

    def take(self, message: smtp.Message, result: Result, line: smtp.Line) -> None:
        """What became of a message."""
        failpoints.reached("reply.after")
        attempt = cast("Attempt", message.about)
        if result.verdict in UNTOUCHED:
            self.take_untouched(attempt, result, line)
            return
        self.outcomes.append(outcome(attempt, result))
        _stumbles.pop((self.batch.pk, attempt.position), None)
        self.doubtful |= result.verdict is Verdict.BOUNCED
        began = self.granted.now if self.granted else None
        if self.refusals.note(result, domains.of_address(attempt.key or ""), began):
            self.stop(guarding.ALL_REFUSED, self.refusals.sentence)
        if result.verdict is Verdict.UNKNOWN:
            self.doubts += 1
            if self.doubts >= DOUBTS:
                self.hold(
                    f"{self.carrier} broke off after each of the last {self.doubts} messages, and nobody knows whether"
                    " it took them"
                )
        else:
            self.cuts = self.doubts = 0
            self.clear |= self.held

    def take_untouched(self, attempt: Attempt, result: Result, line: smtp.Line) -> None:
        """The message did not get through, and certainly not to the recipient: it goes back as it was."""
        said = f"{result.code} {result.reply}".strip()
        if self.over:
            self.open.insert(0, attempt)
            return
        if result.verdict is Verdict.REFUSED:
            self.open.insert(0, attempt)
            self.stop(guarding.REFUSES, f"{self.carrier} refuses the sender: {said}")
            return
        if result.verdict is Verdict.AWAY:
            self.open.insert(0, attempt)
            self.hold(f"{self.carrier} takes no messages now ({said})")
            return
        stumbles = _stumbles[self.batch.pk, attempt.position] = _stumbles[self.batch.pk, attempt.position] + 1
        if stumbles < STUMBLES:
            self.open.insert(0, attempt)
        else:
            del _stumbles[self.batch.pk, attempt.position]
            self.outcomes.append(
                outcome(attempt, Result(Verdict.DEFERRED, result.code or "4.4.2", result.reply))
            )
        self.cuts += 1
        # A server that has had enough of a line may well take another.
        had_enough = result.verdict is Verdict.CUT or line.accepted
        if not had_enough or self.cuts >= STUMBLES:
            self.hold(f"{self.carrier} takes no messages now ({said})")

    def may_wait(self) -> bool:
        """While a line is being opened."""
        self.pulse()
        return not self.over and time.monotonic() < self.ends_at

    def may_go_on(self) -> bool:
        """Before each message: whether this process is to end, and now and then whether the mailing still runs."""
        if draining.asked():
            return self.end("the worker ends")
        if time.monotonic() < self.looked_at + LOOK_EVERY:
            return True
        self.looked_at = time.monotonic()
        self.renew()
        return ledger.look(self.batch) or self.end("paused")

    def pulse(self) -> None:
        """While the mail server makes us wait, the batch stays ours, and a pause is heeded."""
        with contextlib.suppress(*DATABASE_AWAY):
            self.renew()
            if not self.over:
                self.may_go_on()

    def renew(self) -> None:
        if time.monotonic() > self.renewed_at + settings.SENDING_LEASE / 3:
            leases.renew(self.batch, seconds=settings.SENDING_LEASE)
            self.renewed_at = time.monotonic()

    def wait_for_rate(self, grant: ledger.Grant) -> bool:
        """Wait here if it is not long; else the pace keeps the batch from being begun too early."""
        wait = grant.wait - self.window.elapsed
        if grant.wait:
            self.window.size = min(self.window.size, max(1, len(grant.sendable)))
        if wait > WAIT_INSIDE:
            return self.end("the rate is used up")
        draining.pause(wait)
        return True

    # --- the end of it ------------------------------------------------------------------------------------

    def leave(self, grant: ledger.Grant) -> None:
        """Keep to the rates, which may be others now, with what they leave for later."""
        for attempt in grant.later:
            domain = domains.of_address(attempt.key or "")
            if grant.rates is not None and grant.rates.limited(domain):
                self.pending.learn(attempt.position, domain)
        self.put_back((attempt.position, attempt.tries) for attempt in grant.later)
        if grant.rates is not None and grant.rates.own != self.rates.own:
            self.follow(grant.rates)

    def follow(self, rates: domains.Rates) -> None:
        """Whoever waits for a receiving domain with a rate waits apart."""
        self.rates = rates
        column = self.table.column(self.mailing.instructions.email_column)
        self.pending.sort(domains.of_records(column, rates) if rates else {})

    def put_back(self, records: Iterable[tuple[int, int]]) -> None:
        self.pending.put_back(records)

    def settle(self) -> None:
        """Record what is known and take back what was not begun, however long the database is away."""
        withdrawn, self.open = self.open, []
        self.put_back((attempt.position, attempt.tries) for attempt in withdrawn)
        begun = time.monotonic()
        while self.outcomes or withdrawn:
            try:
                ledger.settle(self.batch, self.outcomes, withdrawn, self.granted)
                self.outcomes, withdrawn = [], []
            except DATABASE_AWAY:
                connection.close()
                # Where it was away for long, the pool would let us wait for as long again.
                connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL has one
                if time.monotonic() > begun + (LAST_PATIENCE if draining.asked() else PATIENCE):
                    raise
                logger.warning("%s: the database is away; %s outcomes wait", self.name, len(self.outcomes))
                time.sleep(0.5)

    def check(self) -> None:
        """After refusals and render errors: whether there are too many of them."""
        if self.doubtful:
            self.doubtful = False
            guarding.check_outcomes(self.batch.mailing_id, self.seq)
            self.looked_at = 0.0

    def hold(self, reason: str) -> bool:
        self.wait_reason = reason
        return self.end("the mail server is away")

    def stop(self, code: str, reason: str) -> bool:
        """Once it is known that the batch is still ours (`tell`)."""
        self.stop_code, self.stop_reason = code, reason
        return self.end("the mail server refuses")

    def tell(self) -> None:
        """What was met while the batch was ours, and nobody else would meet. Raises leases.LeaseLost."""
        if not (self.stop_reason or self.clear):
            return
        ledger.settle(self.batch, [], [])
        if self.stop_reason:
            if self.stop_code == guarding.ALL_REFUSED:
                self.refusals.take_back(self.batch.mailing_id)
            guarding.stop(self.batch.mailing_id, self.seq, self.stop_code, self.stop_reason)
        if self.clear:
            guarding.clear_hold(self.batch.mailing_id)


def outcome(attempt: Attempt, result: Result) -> Outcome:
    """A verdict as the ledger has it. A temporary refusal is due again, or has been tried often enough."""
    if result.verdict is not Verdict.DEFERRED:
        return Outcome(attempt.position, result.verdict.value, result.code, result.reply)
    if attempt.tries < len(settings.RETRY_DELAYS):
        again_in = settings.RETRY_DELAYS[attempt.tries].total_seconds()
        return Outcome(attempt.position, Intent.State.DEFERRED, result.code, result.reply, again_in)
    return Outcome(attempt.position, Intent.State.BOUNCED, result.code, f"{GIVEN_UP}{result.reply}")
