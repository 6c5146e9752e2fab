"""Where an address or a secret must never be: in the broker, in the logs, in the paths of requests."""

import base64
import contextlib
import re
from pathlib import Path

import redis

BROKER = "broker.txt"

SECRETS = ("SECRET_KEY", "CLOUD_SECRET_KEY", "METRICS_TOKEN")
KEYS = ("CLOUD_KEY", "CLOUD_KEYS")
# What looks like an address, percent-encoded too. Names of workers (asks@host) have no dot behind the @, but for
# those of the mailboxes that Celery makes for them.
ADDRESS = re.compile(
    r"[\w.+-]+(?:@|%40)(?![\w-]+\.celery\.pidbox)(?P<domain>[\w-]+(?:\.[\w-]+)+)", re.IGNORECASE
)


def secrets(told: dict[str, str]) -> dict[str, str]:
    """The house's secrets by name."""
    found = {name: told[name] for name in SECRETS if told.get(name)}
    for name in KEYS:
        for key in told.get(name, "").split(","):
            if ":" in key:
                found[name] = key.partition(":")[2]
    return found


def read(folder: Path, told: dict[str, str]) -> dict[str, str]:
    """Everything that was written where neither may be."""
    kept = folder / BROKER
    found = {"the broker": "\n".join([kept.read_text() if kept.exists() else "", *broker(told)])}
    for name in ("up.log.1", "up.log", "postgres.log", "valkey.log"):
        path = folder / name
        if path.exists():
            found[name] = path.read_text(errors="replace")
    return found


def broker(told: dict[str, str]) -> list[str]:
    """Every key of the broker with what it holds, bodies of messages decoded; nothing while it is away."""
    found: list[str] = []
    for url in sorted({told["REDIS_URL"], told["CLOUD_REDIS_URL"]}):
        with (
            contextlib.suppress(redis.RedisError, OSError),
            redis.Redis.from_url(url, socket_timeout=5) as client,
        ):
            for key in client.scan_iter():
                found += [_text(key), *(_opened(_text(value)) for value in _values(client, key))]
    return found


def _values(client: "redis.Redis", key: object) -> list[object]:
    name = _text(key)
    match _text(client.type(name)):
        case "list":
            return [*client.lrange(name, 0, -1)]
        case "hash":
            return [part for pair in client.hgetall(name).items() for part in pair]
        case "set":
            return [*client.smembers(name)]
        case "zset":
            return [*client.zrange(name, 0, -1)]
        case _:
            return [client.get(name)]


def _opened(text: str) -> str:
    """A message with its body, which is base64."""
    found = re.findall(r'"body": "([A-Za-z0-9+/=]+)"', text)
    with contextlib.suppress(ValueError):
        return " ".join([text, *(base64.b64decode(body).decode(errors="replace") for body in found)])
    return text


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def note_broker(folder: Path, told: dict[str, str], seen: set[str]) -> None:
    """Keep what the broker holds now and was not seen before."""
    new = [text for text in broker(told) if text not in seen]
    seen.update(new)
    if new:
        with (folder / BROKER).open("a") as file:
            file.write("\n".join(new) + "\n")
