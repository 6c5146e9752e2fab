"""Launch variables in an Audience's SQL: `{{ name }}` stands where a value is bound, which is never pasted."""

import re
from collections.abc import Callable

from jobs.reading import lexing
from jobs.reading.errors import AudienceSqlError

NAME = r"[A-Za-z_][A-Za-z0-9_]{0,62}"
_VARIABLE = re.compile(r"\{\{\s*(" + NAME + r")\s*\}\}")


def names(sql: str, dialect: str = "") -> list[str]:
    """The variables of the SQL, each once, in order. Raises AudienceSqlError."""
    found: list[str] = []
    bound(sql, lambda name: found.append(name) or "", dialect)  # type: ignore[func-returns-value]
    return list(dict.fromkeys(found))


def bound(sql: str, place: Callable[[str], str], dialect: str = "") -> str:
    """The SQL with what the dialect writes where a value is bound, `place(name)`. Raises AudienceSqlError."""

    def replaced(piece: re.Match[str]) -> str:
        text = piece[0]
        if piece["quoted"] and (inside := _VARIABLE.search(text)):
            raise AudienceSqlError(
                f"{inside[0]} stands between quotes, where no value can be put: leave the quotes out."
            )
        if not piece["variable"]:
            return text
        whole = _VARIABLE.fullmatch(text)
        if whole is None:
            raise AudienceSqlError(
                f"{text} is no variable: between the brackets stands one name, of letters, digits and underscores."
            )
        return place(whole[1])

    return lexing.pieces(dialect).sub(replaced, sql)
