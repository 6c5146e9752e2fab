"""Requests to the Cloud that the dashboard did not sign, over a socket and as bytes: no client would send most of them.

`tests/contract/test_signatures.py` says what any Cloud answers to a client that makes a mistake; here is an attacker,
who has seen a signed request, and may send whatever he likes.
"""

import json
import threading
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest

from accelerator import protocol
from accelerator.protocol import HEADER_KEY, HEADER_NONCE, HEADER_SIGNATURE, HEADER_TIME
from tests import plain
from tests.contract.caller import Caller
from tests.contract.conftest import cloud_address, cloud_database
from tests.security.forgeries import ALTERED, PATH, Alter, Captured, signed

__all__ = ["cloud_address", "cloud_database"]


@pytest.fixture(scope="module")
def cloud(cloud_address: tuple[str, list[str]]) -> Iterator[Caller]:
    """The dashboard: it has a key."""
    url, keys = cloud_address
    with httpx.Client(base_url=url, timeout=30, verify=plain.TRUSTS_NOBODY) as client:
        yield Caller(client, protocol.Key.parse(keys[0]))


@pytest.fixture
def captured(cloud: Caller, cloud_address: tuple[str, list[str]]) -> Captured:
    address = f"{uuid.uuid4().hex}@nowhere.invalid"
    body = json.dumps({"addresses": [address]}).encode()
    return Captured(cloud, place(cloud_address[0]), address, body, signed(cloud, "POST", PATH, body))


def place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED)
def test_whatever_is_not_signed_as_it_stands_is_refused(captured: Captured, alter: Alter) -> None:
    method, path = captured.method, captured.path
    status = alter(captured)
    assert status == 0 or 400 <= status < 500
    assert not captured.happened()
    # The request as it was captured is as good as before: no forgery has used up its nonce.
    captured.method, captured.path = method, path
    assert captured.send() == 200
    assert captured.happened()


# --- what is repeated -----------------------------------------------------------------------------------


def test_of_twenty_copies_at_once_exactly_one_passes(captured: Captured) -> None:
    barrier, statuses = threading.Barrier(20), []

    def send() -> None:
        barrier.wait(20)
        statuses.append(captured.send())

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(statuses) == [200] + [401] * 19
    assert captured.happened()


@pytest.mark.parametrize("spelling", [b"+%b", b"0%b", b" %b ", b"%b.", b"%b\t"])
def test_another_spelling_of_the_time_makes_no_new_request(captured: Captured, spelling: bytes) -> None:
    assert captured.send() == 200
    at = dict(captured.headers)[HEADER_TIME]
    assert captured.send(headers=captured.swapped(HEADER_TIME, spelling % at)) == 401


@pytest.mark.parametrize("header", [HEADER_NONCE, HEADER_SIGNATURE, HEADER_KEY])
def test_another_spelling_of_what_was_signed_makes_no_new_request(captured: Captured, header: str) -> None:
    assert captured.send() == 200
    value = dict(captured.headers)[header]
    for other in (value.swapcase(), value + b"=", b" " + value, value + b"\t", b'"' + value + b'"'):
        assert captured.send(headers=captured.swapped(header, other)) == 401


def test_a_refused_document_uses_up_its_nonce_too(captured: Captured) -> None:
    """Or a request that failed could be sent again by somebody else once it would work."""
    captured.body = b'{"addresses": []}'
    captured.headers = signed(captured.cloud, "POST", PATH, captured.body)
    assert captured.send() == 422
    assert captured.send() == 401


# --- every endpoint -------------------------------------------------------------------------------------


def endpoints(cloud: Caller) -> list[tuple[str, str]]:
    """Method and path of everything that the published contract names."""
    published = cloud.client.get("/v1/openapi.json").json()["paths"]
    fill = {"{key}": str(uuid.uuid4()), "{number}": "0"}
    found = []
    for path, methods in published.items():
        for name, value in fill.items():
            path = path.replace(name, value)
        found += [(method.upper(), path) for method in methods]
    return found


def test_every_endpoint_of_the_contract_refuses_who_did_not_sign_for_it(cloud: Caller) -> None:
    known = endpoints(cloud)
    assert len(known) >= 12
    stranger = Caller(cloud.client, protocol.Key(cloud.key.id, "wrong"))
    elsewhere = cloud.sign("GET", "/v1/elsewhere", b"")
    for method, path in known:
        for headers in (
            {},
            stranger.sign(method, path, b""),
            elsewhere,
            {"Authorization": f"Bearer {cloud.key.id}"},
        ):
            refused = cloud.call(method, path, headers=headers)
            assert (refused.status_code, refused.json()["error"]) == (401, "signature"), (method, path)


def test_a_refusal_repeats_nothing_of_what_was_sent(captured: Captured) -> None:
    captured.headers = captured.swapped(HEADER_SIGNATURE, b"f" * 64)
    headers = {name: value.decode() for name, value in captured.headers}
    answer = captured.cloud.call("POST", PATH, body=captured.body, headers=headers)
    assert answer.status_code == 401
    headers.pop(HEADER_TIME)
    for secret in (captured.address, *headers.values(), captured.cloud.key.secret):
        assert secret not in answer.text
