"""Transferring batches: the bytes that the manifest names, any number of times, and no others."""

import pyarrow as pa

from accelerator import protocol
from tests.contract.caller import Caller, Submission, answer, refusal, table


def test_a_batch_is_counted_once_however_often_it_comes(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    for _ in range(3):
        response = submission.transfer(cloud, 0)
        assert response.status_code == 200
        assert response.json() == {"number": 0, "sha256": protocol.digest(submission.batches[0])}
    assert answer(cloud.get(submission.path)).counts.transferred == 3


def test_batches_come_in_any_order(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    submission.transfer(cloud, 1)
    assert answer(cloud.get(submission.path)).counts.transferred == 2
    submission.transfer(cloud, 0)
    assert answer(cloud.get(submission.path)).counts.transferred == 5


def test_other_bytes_conflict_before_and_after_the_right_ones(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    path = f"{submission.path}/batches/0"
    for _ in range(2):
        other = cloud.call("PUT", path, body=protocol.encode_batch(table(3, first=100)))
        assert refusal(other) == (409, "conflict")
        cut = cloud.call("PUT", path, body=submission.batches[0][:-1])
        assert refusal(cut) == (409, "conflict")
        submission.transfer(cloud, 0)
    assert answer(cloud.get(submission.path)).counts.transferred == 3


def test_a_batch_that_the_manifest_does_not_name_is_unknown(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    for number in ("2", "99999999999"):
        response = cloud.call("PUT", f"{submission.path}/batches/{number}", body=submission.batches[0])
        assert refusal(response) == (404, "unknown")


def test_a_batch_must_be_what_the_manifest_and_the_instructions_say(cloud: Caller) -> None:
    no_email = protocol.encode_batch(table(3).drop_columns(["email"]))
    numbers = protocol.encode_batch(pa.table({"customer": ["1"], "email": [1]}))
    for data in (b"no arrow at all", no_email, numbers):
        submission = Submission(batches=[protocol.encode_batch(table(1))])
        submission.control(cloud, "pause")
        entry = {"number": 0, "records": 1, "size": len(data), "sha256": protocol.digest(data)}
        answer(cloud.put(submission.path, submission.document(batches=[entry])))
        response = cloud.call("PUT", f"{submission.path}/batches/0", body=data)
        assert refusal(response) == (422, "invalid")
        assert answer(cloud.get(submission.path)).counts.transferred == 0


def test_the_records_are_counted_not_believed(cloud: Caller) -> None:
    submission = Submission(batches=[protocol.encode_batch(table(3))])
    data = submission.batches[0]
    submission.control(cloud, "pause")
    entry = {"number": 0, "records": 4, "size": len(data), "sha256": protocol.digest(data)}
    answer(cloud.put(submission.path, submission.document(batches=[entry])))
    response = submission.transfer(cloud, 0)
    assert refusal(response) == (422, "invalid")
    assert "3 records" in response.json()["detail"]


def test_a_batch_without_its_mailing_is_unknown_even_after_a_control(cloud: Caller) -> None:
    submission = Submission()
    submission.control(cloud, "pause")
    assert refusal(submission.transfer(cloud, 0)) == (404, "unknown")
