"""Text and JSON as PostgreSQL takes them: without what it refuses, or what no page can show."""

import math
import unicodedata
from collections.abc import Mapping

KEPT = "\n\t"


def text(typed: str) -> str:
    """The text without control characters (but for line feeds and tabs) and lone surrogates."""
    return "".join(
        letter for letter in typed if letter in KEPT or unicodedata.category(letter) not in ("Cc", "Cs")
    )


def document(value: object) -> object:
    """A value of JSON's kinds as jsonb takes it: its text storable, NaN and the infinities as text (RFC 8259)."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else str(value)
    if isinstance(value, Mapping):
        return {text(str(key)): document(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [document(inner) for inner in value]
    return value
