"""A token by a client's secret, had from a small server as it is had from a service."""

import base64
import threading
from collections.abc import Iterator

import pytest

from jobs.warehouses.databricks import oauth
from tests.jobs.warehouses import answering
from tests.jobs.warehouses.answering import Asked

SECRET = "s3cret-of-a-principal"


class Tokens:
    """Gives a new token each time, that is good for so many seconds; or refuses."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.seconds: object = 3600
        self.status = 200

    def answer(self, asked: Asked) -> tuple[int, object]:
        self.asked.append(asked)
        if self.status != 200:
            # A service may repeat what it was sent.
            return self.status, {"error": "invalid_client", "error_description": f"not with {SECRET}"}
        return 200, {"access_token": f"token-{len(self.asked)}", "expires_in": self.seconds}


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def provider(tokens: Tokens) -> Iterator[oauth.ClientCredentials]:
    with answering.server(tokens.answer) as port:
        yield oauth.ClientCredentials(f"http://127.0.0.1:{port}/oidc/v1/token", "principal", SECRET)


def test_it_asks_for_a_token_as_rfc_6749_says(tokens: Tokens, provider: oauth.ClientCredentials) -> None:
    assert provider()() == {"Authorization": "Bearer token-1"}
    [asked] = tokens.asked
    assert asked.method == "POST"
    assert asked.form == {"grant_type": ["client_credentials"], "scope": ["all-apis"]}
    sent = base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()
    assert sent == f"principal:{SECRET}"


def test_it_keeps_the_token_while_it_is_good(tokens: Tokens, provider: oauth.ClientCredentials) -> None:
    assert provider.headers() == provider.headers()
    assert len(tokens.asked) == 1


def test_it_asks_again_before_the_token_ends(tokens: Tokens, provider: oauth.ClientCredentials) -> None:
    tokens.seconds = oauth.EARLY - 1
    assert provider.headers() != provider.headers()
    assert len(tokens.asked) == 2


def test_threads_that_want_one_at_once_ask_for_one(tokens: Tokens, provider: oauth.ClientCredentials) -> None:
    found: list[dict[str, str]] = []
    threads = [threading.Thread(target=lambda: found.append(provider.headers())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"Authorization": "Bearer token-1"}] * 8
    assert len(tokens.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_a_refusal_is_said_without_the_secret(
    tokens: Tokens, provider: oauth.ClientCredentials, status: int
) -> None:
    tokens.status = status
    with pytest.raises(oauth.Refused, match=f"HTTP {status}") as caught:
        provider.headers()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    tokens.status = 200
    assert provider.headers() == {"Authorization": "Bearer token-2"}


def test_an_answer_that_is_no_token_is_said(tokens: Tokens, provider: oauth.ClientCredentials) -> None:
    tokens.seconds = "soon"
    with pytest.raises(oauth.Refused, match="no token could be had"):
        provider.headers()
    tokens.seconds = None
    with pytest.raises(oauth.Refused, match="no token could be had"):
        provider.headers()


def test_a_server_that_is_not_there_is_said() -> None:
    with pytest.raises(oauth.Refused, match="ConnectError"):
        oauth.ClientCredentials("http://127.0.0.1:1/token", "principal", SECRET).headers()
