"""Decimals: a Template counts with them, and writes them as the warehouse did, 12.50 and not 12.5.

The engine has numbers of 64 bits only. So a decimal comes as such a number together with its text, written down as
MongoDB's Extended JSON does it: {"$numberDecimal": "12.50"}. How the text comes out is `printing`'s.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import cast

MARK = "$numberDecimal"

WRITTEN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
MARKED = re.compile(rf'\{{\s*"{re.escape(MARK)}": "({WRITTEN.pattern})"\s*\}}')

# Whole numbers that the engine has exactly.
WHOLE = 2**127
# Places before and behind the point beyond which nothing is written out: 1e999999999 would come to a gigabyte.
FAR = 1_000


class Number(float):
    """A number that remembers how it was written."""

    text: str


def written_down(value: Decimal) -> object:
    """The decimal in JSON's kinds: a whole number as one, what no number can stand for as its text."""
    if not value.is_finite() or not -FAR < value.adjusted() < FAR:
        return str(value)
    text = format(value, "f")
    if "." not in text and value.copy_abs() < WHOLE:
        return int(text)
    return {MARK: text} if math.isfinite(float(text)) else text


def read(found: dict[str, object]) -> object:
    """An object of JSON, or the number that it stands for."""
    text = found.get(MARK)
    if not isinstance(text, str) or len(found) != 1 or not WRITTEN.fullmatch(text):
        return found
    number = Number(text)
    number.text = text
    return number if math.isfinite(number) else text


def shown(value: object, *, indent: int | None = None) -> str:
    """A value of JSON's kinds as JSON for people, each decimal as it was written."""
    return MARKED.sub(r"\1", json.dumps(value, ensure_ascii=False, indent=indent))


def texts(values: Iterable[object]) -> dict[float, str]:
    """How each number among the values, and in their parts, is written.

    12.5 and 12.50 are one number, which then has the longer text. A number that stands for several decimals, which
    differ in digits that it does not have, is left out.
    """
    found: dict[float, str] = {}
    several: set[float] = set()
    for number in _numbers(values):
        other = found.setdefault(number, number.text)
        if other != number.text:
            if Decimal(other) != Decimal(number.text):
                several.add(number)
            found[number] = max(other, number.text, key=len)
    return {number: text for number, text in found.items() if number not in several} if several else found


def _numbers(values: Iterable[object]) -> Iterator[Number]:
    """By their exact kinds, which are JSON's: nearly all values are text."""
    for value in values:
        kind = type(value)
        if kind is Number:
            yield cast("Number", value)
        elif kind is dict:
            yield from _numbers(cast("dict[str, object]", value).values())
        elif kind is list:
            yield from _numbers(cast("list[object]", value))
