"""Where the demo's customers live and what they are called: `places.toml`, read."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Letters that Unicode does not take apart, and the German habit for umlauts.
_LETTERS = str.maketrans(
    {
        "ä": "ae",
        "æ": "ae",
        "đ": "d",
        "ð": "d",
        "ı": "i",
        "ł": "l",
        "ö": "oe",
        "ø": "o",
        "ß": "ss",
        "þ": "th",
        "ü": "ue",
        "'": "",
    }
)


@dataclass(frozen=True)
class Name:
    """As its owner writes it, and in the letters of an address."""

    native: str
    latin: str


@dataclass(frozen=True)
class Person:
    """The names that women, or men, of a place choose from."""

    given: list[Name]
    families: list[Name]


@dataclass(frozen=True)
class Place:
    """A country with one of its languages; `weight` is its share of the customers."""

    country: str
    language: str
    weight: int
    cities: list[str]
    women: Person
    men: Person


@cache
def read_places() -> list[Place]:
    """All places, in the order of the file."""
    document = tomllib.loads((Path(__file__).parent / "places.toml").read_text("utf-8"))
    return [_place(entry) for entry in document["places"]]


def _place(entry: Mapping[str, str]) -> Place:
    families = [_forms(text) for text in _listed(entry["families"])]
    return Place(
        country=entry["country"],
        language=entry["language"],
        weight=int(entry["weight"]),
        cities=_listed(entry["cities"]),
        women=Person([_forms(text)[0] for text in _listed(entry["women"])], [woman for _, woman in families]),
        men=Person([_forms(text)[0] for text in _listed(entry["men"])], [man for man, _ in families]),
    )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _forms(text: str) -> tuple[Name, Name]:
    """The man's form and the woman's of "Ковальський/Ковальська=Kovalskyi/Kovalska"; without "/" the same twice."""
    native, _, latin = text.partition("=")
    natives, latins = native.split("/"), (latin or native).split("/")
    return Name(natives[0], _plain(latins[0])), Name(natives[-1], _plain(latins[-1]))


def _plain(name: str) -> str:
    """In the letters and dots that addresses are made of."""
    letters = (
        unicodedata.normalize("NFKD", name.lower().translate(_LETTERS)).encode("ascii", "ignore").decode()
    )
    return re.sub("[^a-z0-9]+", ".", letters).strip(".")
