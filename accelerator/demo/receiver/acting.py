"""What the people and machines behind a mailbox do with a campaign's message: rules as data, and hashes that decide.

The address alone decides what machines stand before a mailbox; the address and the Message-ID decide what its person
does with a message, and when. Knows no clock and no network: `readers.py` carries the deeds out.

Complaints of spam have no place here: they reach a sender by way of the mailbox provider, not through a link.
"""

import math
import random
import re
from collections.abc import Callable, Iterator
from enum import Enum, StrEnum, auto
from hashlib import blake2b
from typing import NamedTuple

from accelerator.demo.receiver.links import Links


class Act(StrEnum):
    """What is done, as the ledger calls it."""

    OPEN = "open"
    CLICK = "click"
    UNSUBSCRIBE = "unsubscribe"
    MACHINE_OPEN = "machine_open"
    MACHINE_CLICK = "machine_click"
    # A scanner looks at the unsubscribe page; nobody is unsubscribed by that (RFC 8058, section 1).
    MACHINE_VISIT = "machine_visit"


class Way(Enum):
    """How it is done over HTTP."""

    GET = auto()
    HEAD = auto()
    ONE_CLICK = auto()  # POST to the link itself (RFC 8058, section 3.2)
    FORM = auto()  # GET of the page, POST of its form


class Deed(NamedTuple):
    """One act: how many seconds after the message was accepted, where, and with which User-Agent."""

    after: float
    act: Act
    way: Way
    url: str
    agent: str


# Of 10,000 mailboxes, how many have a privacy proxy before them, which loads all images at once so that nobody
# can see whether a person does; and how many a scanner, which follows all links.
PROXIED, SCANNED = 2_500, 100

# Of 10,000 messages to people without a proxy, how many are opened: 30 % of all messages.
OPENED = 4_000
# Of those: how often, how many click and on how many links, how many unsubscribe (0.15 % of all messages).
TIMES_OPENED = ((1, 70), (2, 20), (3, 10))
CLICKING = 0.15
LINKS_CLICKED = ((1, 75), (2, 25))
LEAVING = 0.005
LEAVING_BY_FORM = 1 / 3

# Seconds within which machines act, and after which the people of WORDS do.
AT_ONCE, WORD_OPENS, WORD_ACTS = 3.0, 0.2, 0.5
# Seconds before which nobody else has seen the message, and between two clicks of one, where there is time for them.
SOONEST, BETWEEN = 4.0, 1.0

PROXY, SCANNER = "Mozilla/5.0", "Barracuda Sentinel (EE)"
_GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_CHROME = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/142.0.0.0 Safari/537.36"
_THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.5.0"
_FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
_PHONE = f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36"
# What loads the images of a message for a person, and what follows its links.
AGENTS = ((_GMAIL, _CHROME), (_THUNDERBIRD, _FIREFOX), (_PHONE, _PHONE))


def deeds(
    address: str, message_id: str, find_links: Callable[[], Links | None], horizon: float
) -> list[Deed]:
    """All that will be done with a message, within `horizon` seconds. Links are only looked for if somebody acts."""
    address = address.lower()
    actors = _actors(address, message_id)
    links = find_links() if actors else None
    if links is None:
        return []
    chance = random.Random(_draw("chance", address, message_id))  # noqa: S311  a world, not a secret
    return [deed for actor in actors for deed in actor(links, chance, horizon)]


def is_word(address: str) -> bool:
    """Whether the address (in any case) says by itself what its person does."""
    return _WORD.match(address.lower()) is not None


def _actors(address: str, message_id: str) -> "list[Actor]":
    word = _WORD.match(address)
    if word:
        return [WORDS[word[1]]]
    actors: list[Actor] = []
    if _draw("scanner", address) % 10_000 < SCANNED:
        actors.append(_scanner)
    if _draw("proxy", address) % 10_000 < PROXIED:
        actors.append(_proxy)
    elif _draw("person", address, message_id) % 10_000 < OPENED:
        actors.append(_person)
    return actors


def _draw(purpose: str, *what: str) -> int:
    """A number that depends on nothing else. Draws for different purposes have nothing to do with each other."""
    data = "\0".join(what).encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(data, digest_size=8, person=purpose.encode()).digest(), "big")


# --- who acts -------------------------------------------------------------------------------------------


def _proxy(links: Links, chance: random.Random, horizon: float) -> Iterator[Deed]:
    if links.pixel:
        yield Deed(min(AT_ONCE, horizon) * chance.random(), Act.MACHINE_OPEN, Way.GET, links.pixel, PROXY)


def _scanner(links: Links, chance: random.Random, horizon: float) -> Iterator[Deed]:
    """Follows every link, the one to unsubscribe too, before a person can."""
    way = chance.choice((Way.GET, Way.HEAD))
    for url in links.clicks:
        yield Deed(min(AT_ONCE, horizon) * chance.random(), Act.MACHINE_CLICK, way, url, SCANNER)
    yield Deed(min(AT_ONCE, horizon), Act.MACHINE_VISIT, way, links.unsubscribe, SCANNER)


def _person(links: Links, chance: random.Random, horizon: float) -> Iterator[Deed]:
    """Opens, mostly in the first third; does everything else after that, mostly soon."""
    images, browser = chance.choice(AGENTS)
    soonest = min(SOONEST, horizon / 3)
    opened = soonest + 0.9 * (horizon - soonest) * _decaying(chance)
    left = horizon - opened
    if links.pixel:
        (times,) = chance.choices(*zip(*TIMES_OPENED, strict=True))
        yield Deed(opened, Act.OPEN, Way.GET, links.pixel, images)
        for _ in range(times - 1):
            yield Deed(opened + left * chance.random(), Act.OPEN, Way.GET, links.pixel, images)
    if chance.random() < CLICKING:
        between = min(BETWEEN, left / 2)
        clicked = opened + (left - between) * _decaying(chance)
        for number, url in enumerate(_chosen(links.clicks, chance)):
            yield Deed(clicked + number * between, Act.CLICK, Way.GET, url, browser)
    if chance.random() < LEAVING:
        way = Way.FORM if chance.random() < LEAVING_BY_FORM else Way.ONE_CLICK
        yield Deed(opened + left * _decaying(chance), Act.UNSUBSCRIBE, way, links.unsubscribe, browser)


def _chosen(urls: tuple[str, ...], chance: random.Random) -> Iterator[str]:
    """One link or two, more often those that stand first."""
    left = list(urls)
    (count,) = chance.choices(*zip(*LINKS_CLICKED, strict=True))
    while left and count:
        yield left.pop(int(len(left) * chance.random() ** 2))
        count -= 1


def _decaying(chance: random.Random) -> float:
    """From 0 to 1, exponentially fewer later: three quarters are in the first third."""
    return -math.log(1 - chance.random() * (1 - math.exp(-4))) / 4


def _reader(links: Links, chance: random.Random, horizon: float) -> Iterator[Deed]:
    if links.pixel:
        yield Deed(0.9 * horizon * _decaying(chance), Act.OPEN, Way.GET, links.pixel, _THUNDERBIRD)


def _opener(links: Links, _chance: random.Random, _horizon: float) -> Iterator[Deed]:
    if links.pixel:
        yield Deed(WORD_OPENS, Act.OPEN, Way.GET, links.pixel, _THUNDERBIRD)


def _clicker(links: Links, chance: random.Random, horizon: float) -> Iterator[Deed]:
    yield from _opener(links, chance, horizon)
    for url in links.clicks:
        yield Deed(WORD_ACTS, Act.CLICK, Way.GET, url, _FIREFOX)


def _leaver(links: Links, chance: random.Random, horizon: float) -> Iterator[Deed]:
    yield from _opener(links, chance, horizon)
    yield Deed(WORD_ACTS, Act.UNSUBSCRIBE, Way.ONE_CLICK, links.unsubscribe, _FIREFOX)


Actor = Callable[[Links, random.Random, float], Iterator[Deed]]

WORDS: dict[str, Actor] = {"reader": _reader, "opener": _opener, "clicker": _clicker, "leaver": _leaver}
# A whole word, as those of verdicts.py.
_WORD = re.compile(rf"({'|'.join(WORDS)})(?![a-z])")
