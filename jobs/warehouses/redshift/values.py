"""Launch variables as Redshift takes them: a text that is bound, and the CAST around its place.

Redshift's own defaults would change values without a word: a VARCHAR is cut at 256 bytes, a NUMERIC has no decimals.
"""

from decimal import Decimal

from jobs.reading.base import Query, Value
from jobs.reading.errors import AudienceSqlError
from jobs.warehouses.postgresql import values as postgresql_values

LONGEST = 65_535  # bytes of a VARCHAR
DIGITS = 38  # of a NUMERIC


def texts(query: Query) -> list[str]:
    """The values of the variables that the SQL uses, by number. Raises AudienceSqlError."""
    return [
        _bearable(name, text)
        for name, text in zip(postgresql_values.numbers(query), postgresql_values.texts(query), strict=True)
    ]


def place(name: str, number: int, value: Value) -> str:
    """What stands in the SQL where the value is bound. Raises AudienceSqlError for a number that is too long."""
    kind = postgresql_values.typed(value)
    if kind == "text":
        kind = f"varchar({LONGEST})"
    if kind == "numeric":
        kind = f"numeric({DIGITS}, {_decimals(name, Decimal(str(value)))})"
    return f"CAST(${number} AS {kind})"


def _decimals(name: str, value: Decimal) -> int:
    if not value.is_finite():
        raise AudienceSqlError(f"The value of {{{{ {name} }}}} is no number that Redshift can hold.")
    decimals = max(0, -int(value.as_tuple().exponent))
    if decimals > DIGITS - 1 or value.adjusted() + 1 + decimals > DIGITS:
        raise AudienceSqlError(
            f"The value of {{{{ {name} }}}} has more than the {DIGITS} digits of a number in Redshift."
        )
    return decimals


def _bearable(name: str, text: str) -> str:
    if len(text.encode()) > LONGEST:
        raise AudienceSqlError(
            f"The value of {{{{ {name} }}}} is longer than the {LONGEST:,} bytes of a text in Redshift."
        )
    return text
