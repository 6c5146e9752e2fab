"""The door: what people may do with Jobs. Pages, admin and the command line come in here and nowhere else."""

import uuid
from dataclasses import dataclass
from functools import partial

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models.functions import Now

from accelerator import failpoints, leases
from accelerator.marks import Restored
from jobs import granting, lifecycle, rating, restoring, sentences, states, tasks
from jobs.models import Ask, GeneralPause, Job, JobInstructions, Step, Warehouse, account_key, mark
from jobs.stages import shared
from jobs.states import Cause, State, Wish


class AskRefused(Exception):
    """The Ask is not possible now; the text is for the person who asked."""


@dataclass(frozen=True)
class Acknowledgement:
    """An Ask was stored: the row, and the message for the person."""

    ask: Ask
    message: str


def create(instructions: JobInstructions, *, account: Group, warehouse: Warehouse, by: User) -> Job:
    """A new Job, Initializing; workers are woken when the caller's transaction commits."""
    with transaction.atomic():
        own = instructions.model_copy(update={"account": account_key(account)})
        job = Job.objects.create(
            name=instructions.campaign,
            account=account,
            warehouse=warehouse,
            instructions_document=own.model_dump(),
        )
        lifecycle.begin(job, by=by)
        _wake(job)
    return job


def read_supplemental(warehouse: Warehouse, sql: str) -> dict[str, object]:
    """What the SELECT of a Campaign's Supplemental Data gives now, as a Job would have it. Raises WarehouseError."""
    return shared.read(warehouse, sql)


def pending(job: Job) -> Ask | None:
    """The Ask that waits for the Cloud, if any."""
    return job.asks.filter(outcome=Ask.Outcome.PENDING).select_related("by").first()


def offers(job: Job) -> tuple[Wish, ...]:
    """What may be asked of the Job now."""
    waiting = pending(job)
    return states.offers(State(job.state), Wish(waiting.wish) if waiting else None)


def ask(job: Job, wish: Wish, *, by: User, seen: int, why: str = "") -> Acknowledgement:
    """Store a person's Ask and acknowledge it. Raises AskRefused.

    1. The Job is locked: the Ask races fairly with the freeze and with other people.
    2. `seen` is the version the person saw; on any other the Ask is stale and refused. The same Ask of the same
       person again is acknowledged again, and stored once.
    3. Only what is offered may be asked.
    4. Before the freeze the Ask is granted here; after it, when the Cloud has acknowledged.
    """
    try:
        return _ask(job, wish, by=by, seen=seen, why=why)
    except Restored as error:
        restoring.notice(error)
        raise AskRefused(sentences.RESTORED) from None


def hold_everything(error: Restored) -> None:
    """The database is older than what was done with it."""
    restoring.notice(error)


def held() -> str:
    """Why nothing may be launched now; empty if it may."""
    return sentences.HELD if restoring.under_review() else ""


def _ask(job: Job, wish: Wish, *, by: User, seen: int, why: str) -> Acknowledgement:
    with transaction.atomic():
        locked = Job.objects.select_for_update(of=("self",)).get(pk=job.pk)
        again = locked.asks.filter(number=locked.last_ask, wish=wish, by=by, seen_version=seen).first()
        if again is not None:  # the second click of a double click
            return Acknowledgement(again, sentences.acknowledged(wish, _at_once(again)))
        if locked.version != seen:
            closed = locked.transitions.filter(cause=Cause.FREEZE, number__gt=seen).exists()
            raise AskRefused(sentences.stale(locked, wish, window_closed=closed))
        waiting = pending(locked)
        asked = Wish(waiting.wish) if waiting else None
        if wish not in states.offers(State(locked.state), asked):
            raise AskRefused(sentences.not_offered(locked, wish, asked))
        stored = _store(locked, wish, by=by, why=why)
    return Acknowledgement(stored, sentences.acknowledged(wish, _at_once(stored)))


def ask_if_offered(pk: uuid.UUID, wish: Wish, *, by: User, why: str, general: GeneralPause) -> bool:
    """The same of one of many Jobs, whatever its state is by now; False if it is not offered.

    A pause of everything withdraws a resume that waits for the Cloud, too. Raises Restored.
    """
    with transaction.atomic():
        locked = Job.objects.select_for_update(of=("self",)).get(pk=pk)
        waiting = pending(locked)
        asked = Wish(waiting.wish) if waiting else None
        offered = wish in states.offers(State(locked.state), asked)
        if not offered and (wish, asked) != (Wish.PAUSE, Wish.RESUME):
            return False
        _store(locked, wish, by=by, why=why, general=general)
    return True


def _store(job: Job, wish: Wish, *, by: User, why: str, general: GeneralPause | None = None) -> Ask:
    """Store an Ask about a locked Job, and grant it at once before the freeze."""
    stored = granting.store(job, wish, by=by, why=why.strip()[:500], general=general)
    if job.before_freeze:
        granting.grant(job, stored)
        if wish is Wish.RESUME:
            _begin_anew(job)
    failpoints.reached("ask.before")
    transaction.on_commit(partial(failpoints.reached, "ask.after"))
    _wake(job)
    return stored


class SizeRefused(Exception):
    """The size is not confirmed; the text is for the person who wanted to."""


def confirm_size(job: Job, *, by: User, size: int) -> str:
    """Let a Job go on whose Audience is far from its last size; the message for the person. Raises SizeRefused.

    1. The Job is locked: it races fairly with a Pause, a Cancel and other people.
    2. `size` is what the person saw; any other than what the Job waits for is refused. The same of the same person
       again is acknowledged again.
    3. The extraction starts again from the beginning: whoever held it is fenced off.
    """
    try:
        return _confirm_size(job, by=by, size=size)
    except Restored as error:
        restoring.notice(error)
        raise SizeRefused(sentences.RESTORED) from None


def _confirm_size(job: Job, *, by: User, size: int) -> str:
    with transaction.atomic():
        locked = Job.objects.select_for_update(of=("self",)).get(pk=job.pk)
        again = (locked.size_found, locked.size_confirmed, locked.size_confirmed_by_id) == (None, size, by.pk)
        if again and locked.state == State.INITIALIZING:  # the second click of a double click
            return sentences.size_confirmed(size)
        if not locked.awaits_confirmation or locked.size_found != size:
            raise SizeRefused(sentences.size_not_confirmable(locked, size))
        Job.objects.filter(pk=job.pk).update(
            size_confirmed=size, size_confirmed_by=by, size_confirmed_at=Now()
        )
        _begin_anew(locked)
        leases.wake(locked.steps.filter(kind=Step.Kind.INITIALIZING))
        mark.rise()
        failpoints.reached("confirm.before")
        transaction.on_commit(partial(failpoints.reached, "confirm.after"))
        _wake(locked)
    return sentences.size_confirmed(size)


class RateRefused(Exception):
    """The rate can't be changed so; the text is for the person who wanted it."""


def change_rate(job: Job, rate: rating.Rate, *, by: User, seen: int, why: str = "") -> str:
    """Store how fast a Job may go from now on; the message that acknowledges it. Raises RateRefused.

    `seen` is the number of the last change that the person saw: two who change it at once do not overwrite each other
    unseen. The same of the same person again is acknowledged again, and stored once. Asks are left as they are.
    """
    try:
        with transaction.atomic():
            locked = Job.objects.select_for_update(of=("self",)).get(pk=job.pk)
            if refusal := rating.refusal(locked):
                raise RateRefused(refusal)
            last = rating.last_number(locked)
            again = locked.rate_changes.filter(number=seen + 1, by=by).first()
            if again is None or last != again.number or rating.of(again) != rate:
                if last != seen:
                    raise RateRefused(
                        "Somebody has changed the rate since you opened this page. Above is what it is now; "
                        "what you typed is still below."
                    )
                rating.store(locked, rate, by=by, why=why.strip()[:500])
            failpoints.reached("rating.before")
            transaction.on_commit(partial(failpoints.reached, "rating.after"))
            _wake(locked)
    except Restored as error:
        restoring.notice(error)
        raise RateRefused(sentences.RESTORED) from None
    return f"Rate asked: {rate}. {rating.outlook(locked)}"


class DeleteRefused(Exception):
    """The Job can't be deleted now; the text is for the person who wanted it."""


def delete(job: Job, *, by: User) -> None:
    """Take a Job that rests out of the interface, for good. Its ledger and its links in mails live on.

    Raises DeleteRefused.
    """
    at_rest = Job.objects.filter(pk=job.pk, state__in=states.TERMINAL, deleted_at=None)
    if not at_rest.update(deleted_at=Now(), deleted_by=by):
        raise DeleteRefused(sentences.not_deletable(Job.objects.get(pk=job.pk)))
    failpoints.reached("deleted.after")


def cancel_warning(job: Job) -> list[str]:
    """What a cancel would and would not stop at this moment, as sentences."""
    advice = sentences.large_job(job)
    return sentences.cancel_warning(job) + ([advice] if advice else [])


def size_question(job: Job) -> str:
    """Why the Job waits for somebody to confirm its size; empty if it does not."""
    return sentences.size_question(job)


def _begin_anew(job: Job) -> None:
    """What an extraction had found is void: none of it is kept."""
    Job.objects.filter(pk=job.pk).update(
        size_found=None,
        extracting=0,
        extracting_bytes=0,
        extraction_started_at=None,
        troubles=0,
        dropped_missing=0,
        dropped_invalid=0,
        dropped_duplicate=0,
        dropped_file="",
    )


def _at_once(ask: Ask) -> bool:
    """Whether the Ask was granted as it was stored, before the freeze."""
    return ask.outcome == Ask.Outcome.GRANTED and states.before_freeze(
        State(ask.seen_state), State.INITIALIZING
    )


def _wake(job: Job) -> None:
    transaction.on_commit(partial(tasks.wake, job.pk), robust=True)
