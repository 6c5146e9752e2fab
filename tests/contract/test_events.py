"""The log of events: nothing before anybody was contacted, and only for mailings that there are."""

import uuid

import pytest

from accelerator.protocol import EventPage
from tests.contract.caller import Caller, Submission, refusal


def test_a_mailing_that_contacted_nobody_has_an_empty_log(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    submission.transfer(cloud)
    response = cloud.get(f"{submission.path}/events?after=0&limit=10")
    assert response.status_code == 200
    assert EventPage.model_validate_json(response.content) == EventPage(events=[], last=0)


def test_a_position_that_was_not_given_yet_has_nothing_behind_it(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    page = EventPage.model_validate_json(cloud.get(f"{submission.path}/events?after=1000").content)
    assert page == EventPage(events=[], last=0)


def test_an_unknown_mailing_has_no_log(cloud: Caller) -> None:
    assert refusal(cloud.get(f"/v1/mailings/{uuid.uuid4()}/events")) == (404, "unknown")


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "limit=1000000", f"after={2**63}"])
def test_what_is_no_position_is_refused(cloud: Caller, query: str) -> None:
    submission = Submission()
    submission.submit(cloud)
    assert refusal(cloud.get(f"{submission.path}/events?{query}")) == (422, "invalid")


def test_a_log_is_told_to_nobody_without_a_key(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    assert refusal(cloud.call("GET", f"{submission.path}/events", headers={})) == (401, "signature")
