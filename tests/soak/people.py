"""Whom the soak sends to: by the word that an address begins with, how many, and where each must come to rest."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from accelerator import protocol

RETRIES = 2


@dataclass(frozen=True)
class Fate:
    """Where a recipient comes to rest, told with one of these (code, category); `share` of a thousand.

    `accepted`: so many messages lie at the receiver. `refused`: so often it said no; None: how often it met others'
    cuts instead, nobody can say.
    """

    share: int
    state: str
    told: tuple[tuple[str, str], ...] = ()
    hard: bool = False
    accepted: int = 0
    refused: int | None = 0


def _delivered(share: int, refused: int = 0) -> Fate:
    return Fate(share, "delivered", accepted=1, refused=refused)


def _given_up(share: int, *told: tuple[str, str], refused: int | None = RETRIES + 1) -> Fate:
    return Fate(share, "bounced", told, refused=refused)


# A message that finds the server busy, or its line cut, three times is put off with what it found last.
BUSY = (("4.3.2", "system"), ("4.4.2", "unreachable"))

# The rest of the thousand are ok.
FATES = {
    "ok": _delivered(0),
    "slow": _delivered(10),
    "defer": _given_up(10, ("4.2.1", "other")),
    "deferonce": _delivered(40, refused=1),
    "deferdata": _given_up(10, ("4.3.0", "system")),
    "deferdataonce": _delivered(30, refused=1),
    "reject": Fate(30, "bounced", (("5.1.1", "unknown_user"),), hard=True, refused=1),
    "rejectdata": Fate(20, "bounced", (("5.7.1", "policy"),), refused=1),
    "busy": _given_up(2, *BUSY, refused=None),
    "busyonce": _delivered(8, refused=1),
    "busydata": _given_up(2, *BUSY, refused=None),
    "busydataonce": _delivered(8, refused=1),
    "dropatdata": _given_up(2, *BUSY, refused=0),
    "dropatdataonce": _delivered(15),
    "dropafterdot": Fate(15, "unknown", accepted=1),
    "listed": Fate(5, "suppressed", (("added", ""),)),
    "broken": Fate(5, "render_errors"),
}


# Each of these makes the whole mailing wait for the mail server, again and again: not for those in a hurry.
PATIENT = ("busy", "busydata", "dropatdata")


def chance(seed: int, tag: str) -> random.Random:
    """The same for the same seed, whatever else was drawn before."""
    return random.Random(f"{seed} {tag}")  # noqa: S311  nothing here is secret


def crowd(count: int, domain: str, chance: random.Random, words: Sequence[str] = tuple(FATES)) -> list[str]:
    """Addresses in any order, at least one of each word, and most of them of the first one."""
    chosen = [word for word in words for _ in range(max(1, FATES[word].share * count // 1_000))]
    chosen += [words[0]] * (count - len(chosen))
    chance.shuffle(chosen)
    return [f"{word}{number}@{domain}" for number, word in enumerate(chosen)]


def word(address: str) -> str:
    return address.partition("@")[0].rstrip("0123456789")


def batches(addresses: Sequence[str], size: int) -> list[bytes]:
    """The records as a Job transfers them; the Template fails for whoever has no points."""
    table = pa.table(
        {
            "customer": [str(number) for number in range(len(addresses))],
            "email": pa.array(addresses),
            "first_name": ["Zoë"] * len(addresses),
            "points": [0 if word(address) == "broken" else 50 for address in addresses],
        }
    )
    return [protocol.encode_batch(table.slice(first, size)) for first in range(0, len(addresses), size)]
