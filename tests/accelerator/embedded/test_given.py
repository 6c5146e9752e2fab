"""An address that cannot work is named in a sentence, without its password; one that can passes."""

from pathlib import Path

import pytest

from accelerator.embedded import given
from accelerator.embedded.valkey import Valkey


@pytest.mark.parametrize(
    "url", ["http://x", "relay", "smtp://", "smtp://:25", "smtp://host:port", "smtp://host:0", "smtp://[::1"]
)
@pytest.mark.parametrize("name", ["SMTP_URL", "EMAIL_URL"])
def test_what_names_no_mail_server_is_refused(name: str, url: str) -> None:
    with pytest.raises(given.UselessAddress, match=f"{name} is .* names no mail server"):
        given.check({name: url})


@pytest.mark.parametrize(
    "url", ["smtp://localhost:1", "smtps://me:hush@relay", "smtp+tls://me%40x:hush@[::1]:587", "SMTP://RELAY"]
)
def test_a_mail_server_may_be_away(url: str) -> None:
    given.check({"SMTP_URL": url, "EMAIL_URL": url})


def test_notices_may_go_to_the_terminal_but_mailings_may_not() -> None:
    given.check({"EMAIL_URL": "consolemail://"})
    with pytest.raises(given.UselessAddress):
        given.check({"SMTP_URL": "consolemail://"})


@pytest.mark.parametrize("url", ["http://x", "cache", "redis://host:port"])
@pytest.mark.parametrize("name", ["REDIS_URL", "CLOUD_REDIS_URL"])
def test_what_is_no_redis_address_is_refused(name: str, url: str) -> None:
    with pytest.raises(given.UselessAddress, match=f"{name} is .* no address of a Redis or Valkey server"):
        given.check({name: url})


@pytest.mark.parametrize(
    "url", ["redis://me:hush@127.0.0.1:1/0", "rediss://:hush@127.0.0.1:1", "unix:///no/where"]
)
def test_a_redis_that_does_not_answer_is_refused(url: str) -> None:
    with pytest.raises(given.UselessAddress, match=r"cannot be used: .* Start the server") as refused:
        given.check({"REDIS_URL": url})
    assert "hush" not in str(refused.value)


def test_a_redis_that_answers_passes_but_not_with_a_database_it_lacks(data: Path) -> None:
    server = Valkey(data)
    server.start()
    try:
        given.check({"REDIS_URL": server.url(), "CLOUD_REDIS_URL": f"{server.url()}?db=1"})
        with pytest.raises(given.UselessAddress, match="DB index is out of range"):
            given.check({"REDIS_URL": f"{server.url()}?db=99"})
    finally:
        server.stop()
