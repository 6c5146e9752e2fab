"""Submitting a mailing: once or many times, rightly and wrongly."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from accelerator import protocol
from accelerator.protocol import MailingState
from tests.contract.caller import Caller, Submission, answer, refusal


def test_a_mailing_gets_a_request_id(cloud: Caller) -> None:
    submission = Submission()
    status = submission.submit(cloud)
    assert re.fullmatch(r"02-[a-z2-7]{26}", status.request_id or "")
    assert status.key == submission.key
    assert status.counts == protocol.Counts()


def test_the_same_document_again_gives_the_same_request_id(cloud: Caller) -> None:
    submission = Submission()
    first = submission.submit(cloud)
    document = submission.document()
    again = answer(cloud.put(submission.path, dict(reversed(document.items()))))
    assert again.request_id == first.request_id


def test_the_same_document_at_once_gives_one_request_id(cloud: Caller) -> None:
    submission = Submission()
    submission.control(cloud, "pause")
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: cloud.put(submission.path, submission.document()), range(10)))
    assert len({answer(response).request_id for response in answers}) == 1


def test_two_mailings_have_two_request_ids(cloud: Caller) -> None:
    assert Submission().submit(cloud).request_id != Submission().submit(cloud).request_id


def test_another_document_for_the_same_key_conflicts(cloud: Caller) -> None:
    submission = Submission()
    first = submission.submit(cloud)
    response = cloud.put(submission.path, submission.document(supplemental={"banner": "another"}))
    assert refusal(response) == (409, "conflict")
    assert answer(cloud.get(submission.path)).request_id == first.request_id


def test_an_unknown_key_is_not_found(cloud: Caller) -> None:
    path = f"/v1/mailings/{uuid.uuid4()}"
    assert refusal(cloud.get(path)) == (404, "unknown")
    assert refusal(cloud.get(f"{path}/recipients?outcome=unknown")) == (404, "unknown")
    assert refusal(cloud.call("PUT", f"{path}/batches/0", body=b"bytes")) == (404, "unknown")


def test_a_template_that_does_not_compile_is_told_where(cloud: Caller) -> None:
    submission = Submission()
    template = {"subject": "Hello", "html": "<p>\n{% if %}</p>", "text": "Hello"}
    response = cloud.put(submission.path, submission.instructions(template=template))
    assert refusal(response) == (422, "invalid")
    assert "html of the template does not compile at line 2" in response.json()["detail"]
    assert refusal(cloud.get(submission.path)) == (404, "unknown")


@pytest.mark.parametrize("size", [protocol.SUPPLEMENTAL_LIMIT, protocol.SUPPLEMENTAL_LIMIT + 1])
def test_supplemental_data_has_a_limit(cloud: Caller, size: int) -> None:
    submission = Submission()
    submission.control(cloud, "pause")
    frame = len('{"data":""}')
    document = submission.document(
        supplemental={"data": "é" * ((size - frame) // 2) + "x" * ((size - frame) % 2)}
    )
    response = cloud.put(submission.path, document)
    if size > protocol.SUPPLEMENTAL_LIMIT:
        assert refusal(response) == (413, "too_large")
    else:
        assert answer(response).request_id


@pytest.mark.parametrize(
    "sender",
    [
        {"from_name": "Alice", "from_address": "no address"},
        {"from_name": "Alice", "from_address": "a@b.example\r\nBcc: everybody@c.example"},
        {"from_name": "Alice", "from_address": "a@b.example", "reply_to": "<a@b.example>"},
    ],
)
def test_a_sender_that_mail_cannot_come_from_is_refused(cloud: Caller, sender: dict[str, str]) -> None:
    submission = Submission()
    assert refusal(cloud.put(submission.path, submission.instructions(sender=sender))) == (422, "invalid")


@pytest.mark.parametrize("service", ["nonsense-that-nobody-has", "No Name", "a" * 41, "x\n", 7])
def test_a_service_that_the_cloud_does_not_know_is_refused(cloud: Caller, service: object) -> None:
    submission = Submission()
    assert refusal(cloud.put(submission.path, submission.instructions(service=service))) == (422, "invalid")


def test_the_mail_server_may_be_named_by_nothing_and_is_the_same_mailing(cloud: Caller) -> None:
    submission = Submission()
    earlier = answer(cloud.put(submission.path, submission.document())).request_id
    assert answer(cloud.put(submission.path, submission.instructions(service=""))).request_id == earlier


def test_a_manifest_names_each_batch_once(cloud: Caller) -> None:
    submission = Submission()
    batches = submission.document()["batches"]
    assert isinstance(batches, list)
    document = submission.document(batches=[batches[0], batches[1] | {"number": 0}])
    assert refusal(cloud.put(submission.path, document)) == (422, "invalid")
    assert refusal(cloud.put(submission.path, submission.document(batches=[]))) == (422, "invalid")


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "1"},
        {"version": 1.5},
        {"version": 2},
        {"supplemental": []},
        {"batches": None},
        {"surprise": True},
    ],
)
def test_types_are_strict(cloud: Caller, changes: dict[str, object]) -> None:
    submission = Submission()
    response = cloud.put(submission.path, submission.document(**changes))
    assert refusal(response) == (422, "invalid")
    assert refusal(cloud.get(submission.path)) == (404, "unknown")


def test_types_inside_are_strict_too(cloud: Caller) -> None:
    submission = Submission()
    for wrong in ({"rate_per_hour": "100"}, {"rate_per_hour": True}, {"rate_per_hour": 0}, {"name": 7}):
        assert refusal(cloud.put(submission.path, submission.instructions(**wrong))) == (422, "invalid"), (
            wrong
        )
    batches = submission.document()["batches"]
    assert isinstance(batches, list)
    for entry in ({"records": "3"}, {"records": 0}, {"sha256": "short"}, {"number": -1}):
        document = submission.document(batches=[batches[0] | entry])
        assert refusal(cloud.put(submission.path, document)) == (422, "invalid"), entry


def test_a_refusal_repeats_nothing_of_the_document(cloud: Caller) -> None:
    submission = Submission()
    sender = {"from_name": "Alice", "from_address": 7, "reply_to": ["bob@secret.example"]}
    response = cloud.put(submission.path, submission.instructions(sender=sender))
    assert refusal(response) == (422, "invalid")
    assert "secret.example" not in response.text


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"version": NaN}', b"[" * 100_000])
def test_what_is_no_json_is_refused(cloud: Caller, body: bytes) -> None:
    response = cloud.call("PUT", Submission().path, body=body)
    assert response.status_code in (400, 422)
    assert refusal(response)[1] in ("malformed", "invalid")


def test_any_json_may_be_supplemental_data(cloud: Caller) -> None:
    submission = Submission()
    submission.control(cloud, "pause")
    strange = {"nul": "\0", "emoji": "🍂", "deep": {"a": [1, 2.5, None, True, {"b": []}]}, "big": 10**30}
    first = answer(cloud.put(submission.path, submission.document(supplemental=strange)))
    again = answer(cloud.put(submission.path, submission.document(supplemental=strange)))
    assert first.request_id == again.request_id


def test_a_finished_transfer_waits_for_the_resume(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    for number in (0, 1):
        assert submission.transfer(cloud, number).status_code == 200
    status = answer(cloud.get(submission.path))
    assert status.state == MailingState.PAUSED
    assert status.counts == protocol.Counts(transferred=5, waiting=5)


def test_recipients_are_listed_by_outcome_in_pages(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    for outcome in ("delivered", "bounced", "suppressed", "render_errors", "unknown", "deferred"):
        response = cloud.get(f"{submission.path}/recipients?outcome={outcome}&limit=2")
        assert protocol.RecipientPage.model_validate_json(response.content) == protocol.RecipientPage(
            recipients=[]
        )
    for query in ("outcome=waiting", "outcome=unknown&limit=0", "outcome=unknown&after=nonsense", "limit=2"):
        assert refusal(cloud.get(f"{submission.path}/recipients?{query}")) == (422, "invalid"), query


def test_nobody_is_released_where_nobody_is_unknown(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    submission.transfer(cloud, 0)
    found = cloud.get(f"{submission.path}/unknowns").json()
    assert (found["unknown"], found["releasable"], found["senders"]) == (0, 0, [])
    wish = {"why": "nobody knows"}
    path = f"{submission.path}/releases/{uuid.uuid4()}"
    assert refusal(cloud.put(path, wish)) == (409, "conflict")
    assert refusal(cloud.put(path, {})) == (422, "invalid")
    unheard = Submission()
    assert refusal(cloud.put(f"{unheard.path}/releases/{uuid.uuid4()}", wish)) == (404, "unknown")
    assert refusal(cloud.get(f"{unheard.path}/unknowns")) == (404, "unknown")
