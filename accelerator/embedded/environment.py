"""What each of our processes is told: addresses, keys and folders, as environment variables."""

import json
import os
import secrets
import shlex
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from accelerator.embedded import CannotStart, databases
from accelerator.embedded.ports import Ports
from accelerator.embedded.postgres import Postgres
from accelerator.embedded.valkey import Valkey

CHECKOUT = Path(__file__).resolve().parents[2]
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on


class UnreadableKeys(CannotStart):
    pass


MADE: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "CLOUD_SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "CLOUD_KEY": lambda: f"{secrets.token_hex(4)}:{secrets.token_urlsafe(32)}",
    "METRICS_TOKEN": lambda: secrets.token_urlsafe(32),
}
# Those that were there from the beginning: a file without one of them is damaged.
NEEDED = {"SECRET_KEY", "CLOUD_SECRET_KEY", "CLOUD_KEY"}


def keys(data: Path) -> dict[str, str]:
    """This installation's secrets: made at the first start, kept for all later ones; what is new is added."""
    file = data / "keys.json"
    kept = read_keys(file) if file.exists() else {}
    made = {name: make() for name, make in MADE.items() if name not in kept}
    if made:
        write_privately(file, json.dumps(kept | made, indent=2) + "\n")
    return {name: (kept | made)[name] for name in MADE}


def read_keys(file: Path) -> dict[str, str]:
    try:
        kept = {name: str(value) for name, value in json.loads(file.read_text()).items()}
        if kept.keys() >= NEEDED:
            return kept
        raise KeyError(*NEEDED - kept.keys())
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise UnreadableKeys(
            f"The secrets of this installation, {file}, cannot be read. Restore the file. (Without "
            "it, links in mails that were sent stop working. If none matters, move it away and start again.)"
        ) from error


def write_privately(file: Path, text: str) -> None:
    """All or nothing, and never readable for others."""
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.rename(file)


def addresses(given: Mapping[str, str], host: str, ports: Ports) -> dict[str, str]:
    """Where people and our processes find each other, unless `given` says otherwise."""
    mail = f"smtp://127.0.0.1:{ports.smtp}"
    hosts = ["localhost", "127.0.0.1", "[::1]"]
    hosts += [socket.gethostname()] if host in ANY_ADDRESS else [host]
    defaults = {
        "PUBLIC_URL": f"http://localhost:{ports.web}",
        "ALLOWED_HOSTS": ",".join(dict.fromkeys(hosts)),
        "CLOUD_URL": f"http://127.0.0.1:{ports.cloud}",
        "CLOUD_PUBLIC_URL": f"http://localhost:{ports.cloud}",
        "SMTP_URL": mail,
        "EMAIL_URL": mail,
    }
    return {name: given.get(name) or default for name, default in defaults.items()}


def servers(given: Mapping[str, str], postgres: Postgres | None, valkey: Valkey | None) -> dict[str, str]:
    """Addresses of the databases: on our own servers, or the given ones where ours do not run."""
    if postgres is None:
        dashboard = given["DATABASE_URL"]
        cloud = databases.beside(dashboard, databases.CLOUD)
    else:
        dashboard, cloud = postgres.url(databases.DASHBOARD), postgres.url(databases.CLOUD)
    redis = valkey.url() if valkey else given["REDIS_URL"]
    return {
        "DATABASE_URL": dashboard,
        "CLOUD_DATABASE_URL": given.get("CLOUD_DATABASE_URL") or cloud,
        "REDIS_URL": redis,
        "CLOUD_REDIS_URL": given.get("CLOUD_REDIS_URL") or redis,
    }


def secrets_of(given: Mapping[str, str], data: Path) -> dict[str, str]:
    made = keys(data)
    chosen = {name: given.get(name) or value for name, value in made.items()}
    return chosen | {"CLOUD_KEYS": given.get("CLOUD_KEYS") or chosen["CLOUD_KEY"]}


def note(data: Path, variables: Mapping[str, str]) -> None:
    """For other commands beside a running `up`: `set -a; . .data/environment; set +a`."""
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in sorted(variables.items())]
    write_privately(data / "environment", "".join(lines))
