"""Lists of recipients: whom nobody will contact any more."""

from accelerator.protocol import RecipientPage
from tests.contract.caller import Caller, Submission, refusal


def listed(cloud: Caller, submission: Submission, outcome: str, limit: int = 2) -> list[tuple[str, str, str]]:
    found = []
    after: str | None = ""
    while after is not None:
        response = cloud.get(f"{submission.path}/recipients?outcome={outcome}&limit={limit}&after={after}")
        page = RecipientPage.model_validate_json(response.content)
        found += [(one.recipient_id, one.address, one.outcome) for one in page.recipients]
        after = page.next
    return found


def test_after_a_cancel_what_was_transferred_is_listed_as_not_sent(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    submission.transfer(cloud, 0)
    assert listed(cloud, submission, "not_sent") == []
    assert submission.control(cloud, "cancel").counts.not_sent == 3
    assert listed(cloud, submission, "not_sent") == [
        (str(number), f"customer{number}@nowhere.invalid", "not_sent") for number in range(3)
    ]
    assert listed(cloud, submission, "delivered") == []


def test_what_has_no_list_is_refused(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    assert refusal(cloud.get(f"{submission.path}/recipients?outcome=waiting")) == (422, "invalid")
    assert refusal(cloud.get(f"{submission.path}/recipients?outcome=delivered&after=x")) == (422, "invalid")
