"""Supplemental Data as a person types it: one JSON object that every later reader takes, or why it is none."""

import json
import math
import re
from typing import NoReturn

from accelerator.protocol import SUPPLEMENTAL_LIMIT

# How many objects and lists may stand inside one another: far more than a Template walks through, and fewer than any
# reader of JSON on the way to the mail gives up at.
DEEPEST = 50

# JSON can spell them, PostgreSQL's jsonb and UTF-8 can not.
UNWRITABLE = re.compile(r"[\0\ud800-\udfff]")


class SupplementalInvalid(ValueError):
    """The text is no Supplemental Data; the sentence says why."""


def read(typed: str) -> dict[str, object]:
    """The object in the text; nothing typed is an empty one. Raises SupplementalInvalid."""
    if not typed.strip():
        return {}
    try:
        value = json.loads(typed, parse_constant=_no_constant)
    except SupplementalInvalid:
        raise
    except json.JSONDecodeError as error:
        raise SupplementalInvalid(
            f"This is no JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise SupplementalInvalid(_TOO_DEEP) from None
    except ValueError:  # more digits than Python reads
        raise SupplementalInvalid(_TOO_LARGE_A_NUMBER) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SupplementalInvalid('This must be one JSON object, for example {"season": "autumn"}.')
    _check(value)
    if len(json.dumps(value).encode()) > SUPPLEMENTAL_LIMIT:
        raise SupplementalInvalid(f"This is larger than {SUPPLEMENTAL_LIMIT // 1000} kB.")
    return value


_TOO_DEEP = f"Objects and lists stand more than {DEEPEST} deep inside one another; make it flatter."
_TOO_LARGE_A_NUMBER = "A number in it is too large; write it as text, in quotes."


def _no_constant(name: str) -> NoReturn:
    raise SupplementalInvalid(f"{name} is no value of JSON; write null, or text in quotes.")


def _check(value: object, depth: int = 1) -> None:
    if depth > DEEPEST and isinstance(value, dict | list):
        raise SupplementalInvalid(_TOO_DEEP)
    if isinstance(value, dict):
        for key, inner in value.items():
            _check(key, depth)
            _check(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise SupplementalInvalid(_TOO_LARGE_A_NUMBER)
    elif isinstance(value, str) and UNWRITABLE.search(value):
        raise SupplementalInvalid(
            "A text in it holds a character that no message can show: \\u0000, or half of a pair like \\ud800. "
            "Remove it."
        )
