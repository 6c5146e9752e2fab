"""Spam complaints: of people the Cloud has written to, and of nobody else."""

import pytest

from tests.contract.caller import Caller, Submission, refusal


@pytest.mark.parametrize(
    "complaint",
    [
        {"request_id": "02-nobody", "address": "customer1@nowhere.invalid"},
        {"link": "https://links.example/u/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
        {},
    ],
)
def test_a_complaint_that_names_nobody_is_refused_without_saying_whom(
    cloud: Caller, complaint: dict[str, str]
) -> None:
    response = cloud.call("POST", "/v1/complaints", {"complaints": [complaint]})
    assert refusal(response) == (422, "invalid")
    assert "nowhere.invalid" not in response.text


def test_who_was_not_written_to_cannot_complain(cloud: Caller) -> None:
    submission = Submission()
    request_id = submission.submit(cloud).request_id
    submission.transfer(cloud)
    complaint = {"request_id": request_id, "address": "customer1@nowhere.invalid"}
    assert refusal(cloud.call("POST", "/v1/complaints", {"complaints": [complaint]})) == (422, "invalid")
