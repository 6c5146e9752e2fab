"""The checker catches what it is there for: evidence of a good run, and each promise broken in it once."""

from dataclasses import replace

import pytest

from tests.faults import checker
from tests.faults.evidence import Told
from tests.faults.scenes import scene
from tests.faults.wrong_contacts import CONTACTS, Doctor
from tests.faults.wrong_stories import STORIES

WRONGS = CONTACTS + STORIES


def test_a_good_run_has_no_violation() -> None:
    assert checker.violations(scene().evidence) == []


@pytest.mark.parametrize(
    ("invariant", "said", "doctor"), [pytest.param(n, said, how, id=what) for n, what, said, how in WRONGS]
)
def test_it_says_what_is_wrong(invariant: int, said: str, doctor: Doctor) -> None:
    it = scene()
    doctor(it)
    found = [str(violation) for violation in checker.violations(it.evidence)]
    assert [one for one in found if one.startswith(f"invariant {invariant}, ") and said in one], found


@pytest.mark.parametrize("told", [True, False])
def test_a_message_that_came_back_may_have_been_accepted(told: bool) -> None:
    """Whether the dashboard heard of it, or had ended before."""
    it = scene()
    it.returned()
    it.contact(1, state="bounced")
    it.cloud.pieces[0].tallies["delivered"] -= 1
    it.cloud.pieces[0].tallies["bounced"] += 1
    said = Told(14, "bounced", 0, 1, "R1", "5.2.2", "mailbox_full")
    it.cloud.log[-1:] = [said, replace(it.cloud.log[-1], position=15)]
    if told:
        it.sent.events.append(said)
        it.sent.cursor += 1
        it.sent.counts["delivered"] -= 1
        it.sent.counts["bounced"] += 1
        it.sent.tallies |= {("soft_bounces", ""): (1, 1), ("soft_bounces", "mailbox_full"): (1, 1)}
    assert checker.violations(it.evidence) == []


def test_one_death_does_not_explain_what_two_jobs_lost() -> None:
    it = scene()
    it.evidence.jobs.append(it.another())
    found = [violation for violation in checker.violations(it.evidence) if violation.invariant == 7]
    assert [violation.job for violation in found] == [None]
    assert "4 are unknown beside the cuts, in 2 windows" in found[0].seen


def test_every_invariant_it_stands_for_is_broken_here() -> None:
    assert {invariant for invariant, *_ in WRONGS} == {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14}


def test_a_violation_shows_no_address() -> None:
    for *_, doctor in WRONGS:
        it = scene()
        doctor(it)
        for violation in checker.violations(it.evidence):
            assert "@" not in str(violation)
            assert "%40" not in str(violation)


def test_messages_of_two_jobs_with_one_sender_are_told_apart_by_their_ids() -> None:
    it = scene()
    it.cancelled.sender = it.sent.sender
    it.sign()
    assert checker.violations(it.evidence) == []
