"""Where an address or a secret must never be: in the broker, in the logs, in the paths of requests."""

import base64
import contextlib
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import redis

BROKER = "broker.txt"

# Settings whose values nobody may see: whole, or in a list of whole ones; of keys with a name ("id:secret") the secret.
SECRET = re.compile(r"SECRET|KEY|TOKEN|PASSWORD")
NAMED = ("CLOUD_KEY", "CLOUD_KEYS")
SHORTEST = 6  # what is shorter stands everywhere
# What may be an address, or hold one, in other letters.
BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,}={0,2}")
# What looks like an address, percent-encoded too, any number of times. Names of workers (asks@host) have no dot behind
# the @, but for those of the mailboxes that Celery makes for them.
ADDRESS = re.compile(
    r"[\w.+-]+(?:@|%(?:25)*40)(?![\w-]+\.celery\.pidbox)(?P<domain>[\w-]+(?:\.[\w-]+)+)", re.IGNORECASE
)


def secrets(told: dict[str, str]) -> dict[str, str]:
    """The house's secrets by name."""
    found = {}
    for name, value in told.items():
        if SECRET.search(name):
            parts = [part.strip() for part in value.split(",")]
            parts = [part.partition(":")[2] for part in parts] if name in NAMED else parts
        else:
            parts = passwords(value)
        for number, part in enumerate((part for part in parts if len(part) >= SHORTEST), 1):
            found[name if number == 1 else f"{name} ({number})"] = part
    return found


def passwords(value: str) -> list[str]:
    """That of a URL, as it stands there and as it is meant."""
    with contextlib.suppress(ValueError):
        password = urlsplit(value).password or ""
        return sorted({password, unquote(password)})
    return []


def unwrapped(text: str) -> str:
    """The text, and what it holds in base64 wherever that is text."""
    words = {match[0] for match in BASE64.finditer(text)}
    words |= {part for word in words for part in word.split("/") if len(part) > SHORTEST}
    return "\n".join([text, *filter(None, map(_decoded, sorted(words)))])


def _decoded(word: str) -> str:
    """Of both alphabets (RFC 4648), with padding or without; empty if it is no text."""
    word = word.rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    with contextlib.suppress(ValueError):
        return base64.b64decode(word + "=" * (-len(word) % 4)).decode()
    return ""


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
    """Every key of the broker with what it holds; nothing while it is away."""
    found: list[str] = []
    for url in sorted({told["REDIS_URL"], told["CLOUD_REDIS_URL"]}):
        with (
            contextlib.suppress(redis.RedisError, OSError),
            redis.Redis.from_url(url, socket_timeout=5) as client,
        ):
            for key in client.scan_iter():
                found += [_text(key), *map(_text, _values(client, key))]
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


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def note_broker(folder: Path, told: dict[str, str], seen: set[str]) -> None:
    """Keep what the broker holds now and was not seen before."""
    new = [text for text in broker(told) if text not in seen]
    seen.update(new)
    if new:
        with (folder / BROKER).open("a") as file:
            file.write("\n".join(new) + "\n")
