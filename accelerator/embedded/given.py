"""The addresses a person gave: looked at before anything starts, so that "ready" means it can work."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import redis

from accelerator.embedded import CannotStart
from accelerator.embedded.databases import first_line, without_password

RELAYS = ("smtp", "smtps", "smtp+tls")
# The dashboard's notices may also go nowhere in particular.
MAIL = {"SMTP_URL": RELAYS, "EMAIL_URL": (*RELAYS, "smtp+ssl")}
NO_HOST = {"SMTP_URL": (), "EMAIL_URL": ("consolemail", "filemail", "memorymail", "dummymail")}


class UselessAddress(CannotStart):
    pass


def check(given: Mapping[str, str]) -> None:
    """A mail server that is away only delays mail, so nobody asks for it here."""
    for name in MAIL:
        if url := given.get(name):
            check_mail(name, url)
    for name in ("REDIS_URL", "CLOUD_REDIS_URL"):
        if url := given.get(name):
            check_redis(name, url)


def check_mail(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        useful = parts.scheme in NO_HOST[name] or bool(
            parts.scheme in MAIL[name] and parts.hostname and parts.port != 0
        )
    except ValueError:
        useful = False
    if not useful:
        raise UselessAddress(
            f'{name} is "{shown(url)}", which names no mail server. Write it smtp://, smtps:// or '
            f"smtp+tls://user:password@host:port, or leave {name} out to use the demo mail receiver."
        )


def check_redis(name: str, url: str) -> None:
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5) as connection:
            connection.ping()
    except ValueError as error:
        raise UselessAddress(
            f'{name} is "{shown(url)}", which is no address of a Redis or Valkey server. Write it '
            "redis://user:password@host:port/0, rediss:// (with TLS) or unix:///path, or leave it out."
        ) from error
    except (redis.RedisError, OSError) as error:
        raise UselessAddress(
            f"The Redis or Valkey server {shown(url)} cannot be used: {first_line(error)}. Start the server, "
            f"correct {name}, or leave it out to use one of our own."
        ) from error


def shown(url: str) -> str:
    try:
        return without_password(url)
    except ValueError:
        return url.rpartition("@")[2]
