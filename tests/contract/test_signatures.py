"""Who may talk to the Cloud: signed by a known key, for this very request, at this time, once."""

import time

import pytest

from accelerator import protocol
from tests.contract.caller import Caller, Submission, answer, refusal


def test_health_and_the_contract_itself_are_public(cloud: Caller) -> None:
    assert cloud.client.get("/healthz").status_code == 200
    published = cloud.client.get("/v1/openapi.json")
    assert published.status_code == 200
    paths = published.json()["paths"]
    for path in ("", "/batches/{number}", "/control", "/recipients", "/events"):
        assert f"/v1/mailings/{{key}}{path}" in paths


def test_an_unsigned_request_is_refused(cloud: Caller) -> None:
    submission = Submission()
    for method, path in (
        ("GET", submission.path),
        ("PUT", submission.path),
        ("PUT", f"{submission.path}/batches/0"),
        ("PUT", f"{submission.path}/control"),
        ("GET", f"{submission.path}/recipients?outcome=unknown"),
        ("GET", "/v1/suppressions"),
        ("POST", "/v1/suppressions"),
        ("DELETE", "/v1/suppressions"),
        ("POST", "/v1/suppressions/search"),
        ("POST", "/v1/complaints"),
        ("GET", "/v1/health"),
        ("GET", f"{submission.path}/events"),
    ):
        response = cloud.call(method, path, headers={})
        assert refusal(response) == (401, "signature")
        assert abs(response.json()["time"] - time.time()) < 60


def test_an_unknown_key_or_a_wrong_secret_is_refused(cloud: Caller) -> None:
    path = Submission().path
    for key in (protocol.Key("nobody", cloud.key.secret), protocol.Key(cloud.key.id, "wrong")):
        assert refusal(Caller(cloud.client, key).get(path)) == (401, "signature")


def test_a_signature_is_for_one_method_path_query_and_body(cloud: Caller) -> None:
    submission = Submission()
    path = f"{submission.path}/control"
    body = b'{"seq":1,"desired":"pause"}'
    headers = cloud.sign("PUT", path, body)
    other_path = f"{Submission().path}/control"
    wrong = [
        cloud.call("PUT", path, body=body, headers=headers, sent_body=body.replace(b"pause", b"run")),
        cloud.call("PUT", other_path, body=body, headers=headers),
        cloud.call("PUT", f"{path}?more=1", body=body, headers=headers),
        cloud.call("GET", submission.path, headers=cloud.sign("PUT", submission.path, b"")),
    ]
    assert [refusal(response) for response in wrong] == [(401, "signature")] * 4
    assert refusal(cloud.get(submission.path)) == (404, "unknown")
    # None of the wrong uses spent the nonce of the right one.
    assert cloud.call("PUT", path, body=body, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "off", [-protocol.CLOCK_TOLERANCE - 30, protocol.CLOCK_TOLERANCE + 30, -(40 * 86400)]
)
def test_a_wrong_clock_is_told_the_time_and_may_sign_again(cloud: Caller, off: int) -> None:
    submission = Submission()
    submission.submit(cloud)
    response = cloud.call("GET", submission.path, at=int(time.time()) + off)
    assert refusal(response) == (401, "clock")
    again = cloud.call("GET", submission.path, at=response.json()["time"])
    assert answer(again).key == submission.key


def test_only_an_authentic_request_learns_that_its_clock_is_wrong(cloud: Caller) -> None:
    stranger = Caller(cloud.client, protocol.Key(cloud.key.id, "wrong"))
    assert refusal(stranger.call("GET", Submission().path, at=0)) == (401, "signature")


def test_a_small_difference_of_clocks_is_tolerated(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    for off in (-protocol.CLOCK_TOLERANCE + 60, protocol.CLOCK_TOLERANCE - 60):
        assert cloud.call("GET", submission.path, at=int(time.time()) + off).status_code == 200


def test_a_replay_is_refused(cloud: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    path = f"{submission.path}/control"
    body = b'{"seq":9,"desired":"pause"}'
    headers = cloud.sign("PUT", path, body)
    assert cloud.call("PUT", path, body=body, headers=headers).status_code == 200
    for _ in range(2):
        assert refusal(cloud.call("PUT", path, body=body, headers=headers)) == (401, "replayed")


def test_both_keys_are_valid_and_have_their_own_nonces(cloud: Caller, cloud_by_second_key: Caller) -> None:
    submission = Submission()
    submission.submit(cloud)
    nonce = "shared-by-chance-" + submission.key
    for caller in (cloud, cloud_by_second_key):
        headers = protocol.sign(caller.key, "GET", submission.path, b"", at=int(time.time()), nonce=nonce)
        assert caller.call("GET", submission.path, headers=headers).status_code == 200


@pytest.mark.parametrize("header", [protocol.HEADER_NONCE, protocol.HEADER_TIME, protocol.HEADER_SIGNATURE])
@pytest.mark.parametrize("value", ["", "x" * 500, "1e9", "-1"])
def test_nonsense_in_a_header_is_refused(cloud: Caller, header: str, value: str) -> None:
    path = Submission().path
    headers = cloud.sign("GET", path, b"") | {header: value}
    assert refusal(cloud.call("GET", path, headers=headers)) == (401, "signature")
