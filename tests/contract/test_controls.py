"""Run, pause, cancel: the latest wish counts, a cancel is final, and a wish may come before its mailing."""

import pytest

from accelerator.protocol import Desired, MailingState
from tests.contract.caller import Caller, Submission, answer, refusal


def test_a_control_is_acknowledged_with_its_seq_and_the_counts(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    submission.transfer(cloud, 0)
    status = submission.control(cloud, "pause", seq=7)
    assert (status.seq, status.desired, status.state) == (7, Desired.PAUSE, MailingState.PAUSED)
    assert (status.counts.transferred, status.counts.waiting) == (3, 3)


def test_a_lower_or_equal_seq_changes_nothing(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    submission.control(cloud, "pause", seq=5)
    for seq in (5, 4, 0):
        status = submission.control(cloud, "run", seq=seq)
        assert (status.seq, status.desired) == (5, Desired.PAUSE)
    assert submission.control(cloud, "cancel", seq=4).desired == Desired.PAUSE


def test_the_same_control_again_gives_the_same_answer(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    assert submission.control(cloud, "pause", seq=3) == submission.control(cloud, "pause", seq=3)


def test_a_control_before_the_mailing_is_stored(cloud: Caller) -> None:
    submission = Submission()
    status = submission.control(cloud, "pause", seq=2)
    assert (status.state, status.request_id, status.seq) == (MailingState.UNKNOWN, None, 2)
    assert answer(cloud.get(submission.path)).state == MailingState.UNKNOWN
    accepted = answer(cloud.put(submission.path, submission.document()))
    assert (accepted.state, accepted.seq) == (MailingState.PAUSED, 2)
    submission.transfer(cloud, 0)
    status = answer(cloud.get(submission.path))
    assert (status.state, status.counts.waiting) == (MailingState.PAUSED, 3)


def test_the_first_control_may_have_seq_0(cloud: Caller) -> None:
    submission = Submission()
    assert submission.control(cloud, "pause", seq=0).desired == Desired.PAUSE


def test_after_a_stored_cancel_the_mailing_is_gone(cloud: Caller) -> None:
    submission = Submission()
    status = submission.control(cloud, "cancel")
    assert (status.state, status.request_id) == (MailingState.UNKNOWN, None)
    assert refusal(cloud.put(submission.path, submission.document())) == (410, "cancelled")
    assert refusal(submission.transfer(cloud, 0)) == (410, "cancelled")
    assert answer(cloud.get(submission.path)).request_id is None


def test_a_cancel_is_final(cloud: Caller) -> None:
    submission = Submission()
    request_id = submission.submit(cloud).request_id
    submission.transfer(cloud, 0)
    status = submission.control(cloud, "cancel", seq=8)
    assert status.state == MailingState.CANCELLED
    assert (status.counts.not_sent, status.counts.waiting) == (3, 0)
    for desired in ("run", "pause"):
        status = submission.control(cloud, desired, seq=submission.seq + 1)
        assert (status.state, status.desired, status.seq) == (
            MailingState.CANCELLED,
            Desired.CANCEL,
            submission.seq,
        )
    assert refusal(submission.transfer(cloud, 1)) == (410, "cancelled")
    assert refusal(submission.transfer(cloud, 0)) == (410, "cancelled")
    assert refusal(cloud.put(submission.path, submission.document())) == (410, "cancelled")
    assert answer(cloud.get(submission.path)).request_id == request_id


@pytest.mark.parametrize(
    "wish",
    [
        {"desired": "run"},
        {"seq": 1},
        {"seq": "1", "desired": "run"},
        {"seq": -1, "desired": "run"},
        {"seq": 1.5, "desired": "run"},
        {"seq": 2**63, "desired": "run"},
        {"seq": 1, "desired": "explode"},
        {"seq": 1, "desired": "run", "rate_per_hour": "100"},
        {"seq": 1, "desired": "run", "rate_per_hour": -1},
        {"seq": 1, "desired": "run", "surprise": 1},
    ],
)
def test_a_control_is_strictly_typed(cloud: Caller, wish: dict[str, object]) -> None:
    submission = Submission()
    assert refusal(cloud.put(f"{submission.path}/control", wish)) == (422, "invalid")
    assert refusal(cloud.get(submission.path)) == (404, "unknown")


def test_a_rate_may_be_set_and_lifted(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    for rate in (1000, 0, None):
        submission.seq += 1
        wish = {"seq": submission.seq, "desired": "pause", "rate_per_hour": rate}
        assert answer(cloud.put(f"{submission.path}/control", wish)).seq == submission.seq


def test_rates_hold_from_when_they_are_changed(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    submission.control(cloud, "pause", seq=1)
    for seq, rate, by_domain in ((3, 1000, {"slow.example": 7}), (2, 5, {}), (3, 5, {}), (4, 0, {})):
        wish = {"seq": seq, "rate_per_hour": rate, "domain_rates": by_domain}
        status = answer(cloud.put(f"{submission.path}/rate", wish))
        in_force = (4, 0, {}) if seq == 4 else (3, 1000, {"slow.example": 7})
        assert (status.rate_seq, status.rate_per_hour, status.domain_rates) == in_force
        assert status.state == MailingState.PAUSED
        assert status.seq == 1


@pytest.mark.parametrize(
    "wish",
    [
        {"rate_per_hour": 1},
        {"seq": 1, "rate_per_hour": -1},
        {"seq": 1, "domain_rates": {"slow.example": 0}},
        {"seq": 1, "domain_rates": {"SLOW.example": 1}},
        {"seq": 1, "domain_rates": {"slow": 1}},
        {"seq": 1, "surprise": 1},
    ],
)
def test_rates_are_strictly_typed(cloud: Caller, wish: dict[str, object]) -> None:
    submission = Submission()
    submission.submit(cloud)
    assert refusal(cloud.put(f"{submission.path}/rate", wish)) == (422, "invalid")
