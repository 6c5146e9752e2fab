"""The checker catches what it is there for: evidence of a good run, and each promise broken in it once."""

import pytest

from tests.faults import checker
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
