"""`compose.yaml`, as it is written: what each service runs, and what it is told."""

import re
import shlex
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[1]
FILE = REPOSITORY / "compose.yaml"
# Variables of the file itself, which no settings read.
OF_ITS_OWN = {
    "POSTGRES_PASSWORD",
    "CLOUD_POSTGRES_PASSWORD",
    "VALKEY_PASSWORD",
    "WEB_ADDRESS",
    "CLOUD_ADDRESS",
    "RETURNS_ADDRESS",
    "PRIVATE_ADDRESS",
}

Services = dict[str, dict[str, Any]]


def services() -> Services:
    """All, by name, with what they take over from the head of the file."""
    found: Services = yaml.safe_load(FILE.read_text())["services"]
    return found


def command(service: dict[str, Any]) -> list[str]:
    """What it runs, word by word; empty where its image says so."""
    said = service.get("command", [])
    return shlex.split(said) if isinstance(said, str) else [str(word) for word in said]


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1] if name in words[:-1] else ""


def application(service: dict[str, Any]) -> str:
    """The Celery application whose worker or beat it runs, if it runs one."""
    words = command(service)
    return option(words, "-A") if words[:1] == ["celery"] else ""


def consumed(chosen: Services, of: str) -> set[str]:
    """The queues of a Celery application that some worker takes."""
    workers = [command(one) for one in chosen.values() if application(one) == of]
    return {queue for words in workers if "worker" in words for queue in option(words, "--queues").split(",")}


def asked_for() -> set[str]:
    """Variables whose value the file takes from `.env`."""
    return set(re.findall(r"\$\{(\w+)", FILE.read_text()))


def ours(chosen: Services) -> Services:
    """Those that run our image."""
    return {name: one for name, one in chosen.items() if "build" in one}


def volumes() -> set[str]:
    return set(yaml.safe_load(FILE.read_text())["volumes"])
