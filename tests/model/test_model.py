"""The reduced model keeps every promise and takes every edge, its mutants are caught, and forgetting loses nothing."""

import sys
from dataclasses import replace

import pytest

from jobs.states import TRANSITIONS, State
from tests.model import invariants, mutants, parts
from tests.model.__main__ import main
from tests.model.configurations import REDUCED
from tests.model.parts import Job, Mailing, Rules
from tests.model.search import Edge, Search

# Each promise, asked alone, and a mutant that breaks it.
BROKEN_BY = {
    "A worker past its lease, or a person with an old page, changes nothing.": "completion-without-epoch",
    "States move only along the drawn edges.": "freeze-without-compare-and-set",
    "Terminal states stay.": "freeze-without-compare-and-set",
    "Numbers, versions and positions never fall.": "control-without-number",
    "An accepted cancel is final.": "cancel-that-can-be-taken-back",
    "No intent is committed while the mailing may not send.": "intent-without-the-lock",
    "After the Cloud acknowledged a pause or cancel, only intents that it counted are accepted.": (
        "intent-without-the-lock"
    ),
    "Each recipient is accepted at most once.": "retry-of-an-unknown",
    "Nothing of a Job that is not frozen is at the Cloud or the receiver.": "submission-before-the-freeze",
    "A Job cancelled during extraction, or failed in it, has contacted nobody and has no Request ID.": (
        "submission-after-cancel"
    ),
    "An Extraction Cancel and a failed extraction mail exactly one notice, anything else none.": (
        "mail-at-every-cancel"
    ),
    "No two Asks are pending.": "ask-beside-ask",
    "A Paused Job that nobody asks anything of is not being sent.": "grant-without-acknowledgement",
    "A Job that failed after the freeze is cancelled at the Cloud.": "cancel-without-compare-and-set",
    "A Completed Job contacts nobody any more, and has told of everybody.": "end-without-calling-off",
    "A Failed Job that asks no more has been told of everybody.": "end-with-somebody-in-flight",
    "What was extracted for nobody is deleted.": "pause-that-leaves-files",
    "In Collecting everybody was attempted.": "progress-when-fetched",
    "Each recipient is in the class that says what the receiver knows.": "retry-of-a-lost-reply",
    "Unknown is only who was in the hands of a sender that died or lost its lease, or of a line that was cut.": (
        "claim-without-lock"
    ),
    "Only a Job that rests is deleted.": "delete-of-anything",
    "With faults over, every Job comes to rest without a person, or is Paused.": "job-read-before-the-claim",
}


def test_within_the_reduced_bounds_every_promise_is_kept_and_every_drawn_edge_is_taken() -> None:
    taken: set[Edge] = set()
    for rules in REDUCED:
        found = Search(rules).run()
        assert not found.broken, "\n".join([found.broken, *found.trace])
        taken |= found.edges
    assert taken == TRANSITIONS


@pytest.mark.parametrize("name", mutants.MUTANTS)
def test_a_mutant_is_caught(name: str) -> None:
    found = Search(mutants.rules(name)).run()
    sys.stdout.write(f"{name}: {found.broken}\n")
    assert found.broken
    assert found.trace


@pytest.mark.parametrize("promise", BROKEN_BY)
def test_a_promise_can_be_broken(promise: str) -> None:
    found = Search(replace(mutants.rules(BROKEN_BY[promise]), promise=promise)).run()
    assert found.broken == promise


def test_every_promise_has_a_mutant_that_breaks_it() -> None:
    assert set(BROKEN_BY) == set(invariants.all_sentences())


def test_what_breaks_a_promise_is_told_step_by_step_and_fails_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--mutant", "freeze-without-compare-and-set"]) == 1
    told = capsys.readouterr().out
    assert "BROKEN: States move only along the drawn edges." in told
    assert "   3  initializing.freeze" in told


def test_a_job_that_nobody_disturbs_is_completed_with_everybody_contacted() -> None:
    search = Search(Rules("undisturbed", {}))
    assert not search.run().broken
    ends = {(job.state, mailing.intents) for job, mailing in search.standings(ends=True)}
    assert ends == {(State.COMPLETED, (parts.DELIVERED, parts.DELIVERED))}


def test_what_is_forgotten_leads_nowhere_else() -> None:
    bounds = {"asks": 1, "expiries": 1}
    forgetful, plain = (
        Search(Rules("forgetful or not", bounds, batches=(1,), plain=plain)) for plain in (False, True)
    )
    for search in (forgetful, plain):
        assert not search.run().broken
    assert {_seen(*one) for one in forgetful.standings()} == {_seen(*one) for one in plain.standings()}
    assert len(forgetful.worlds) < len(plain.worlds)


def _seen(job: Job, mailing: Mailing) -> tuple[object, ...]:
    """What a person or a receiver sees of it: all but numbers, leases and who may be in doubt."""
    of_job = (job.state, job.paused_from, job.frozen, job.request_id, job.transferred, job.cursor, job.window)
    of_asks = (tuple(ask.wish for ask in job.pending), job.failure, job.notices, job.notice, job.mails)
    of_mailing = (mailing.known, mailing.request_id, mailing.desired, mailing.stopped, mailing.received)
    return *of_job, *of_asks, *of_mailing, mailing.intents, mailing.accepted
