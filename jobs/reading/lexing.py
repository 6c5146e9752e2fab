"""SQL taken apart without a parser: its comments, what stands between quotes, and what is outside of both.

Enough to find a place in the SQL of whatever dialect, and no guard: where a dialect reads a backslash or a comment
otherwise than this, a place is misjudged; a value is bound all the same, or the SQL refused. What guards knows exactly
where texts end (`onequery` by sqlglot, `mysql.gate` by the server's mode), asks the engine itself (`duckdb.guard`,
`sqlite.guard`), or reads the SQL in every way there is (`sqlalchemy.session`).
"""

import re

# For patterns that are DOTALL and VERBOSE. A text knows a backslash, or nothing but quotes written twice.
COMMENT = r"--[^\n]* | /\*.*?\*/"
BACKSLASHED, DOUBLED = r"'(?:[^'\\]|\\.|'')*'", r"'(?:[^']|'')*'"
NAME, TICKED = r'"(?:[^"]|"")*"', "`[^`]*`"
DOLLARS = r"\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$"
# MySQL knows one comment more, and wants a space after "--"; it reads backslashes between both kinds of quotes.
MYSQL_COMMENT = r"\#[^\n]* | --(?=\s|$)[^\n]* | /\*.*?(?:\*/|\Z)"
MYSQL_QUOTED = rf"{BACKSLASHED} | {BACKSLASHED.replace(chr(39), chr(34))} | {TICKED}"


def _pattern(comment: str, quoted: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<comment> {comment} ) | (?P<quoted> {quoted} ) | (?P<variable> \{{\{{.*?\}}\}} ) | (?P<end> ; )",
        re.DOTALL | re.VERBOSE,
    )


_PIECES = _pattern(COMMENT, f"{BACKSLASHED} | {NAME} | {TICKED} | {DOLLARS}")
_OF_DIALECTS = {"mysql": _pattern(MYSQL_COMMENT, MYSQL_QUOTED)}
# What may follow the end. Possessive: comments can be read in one way only, however many there are.
_NOTHING = re.compile(rf"(?: \s | ; | {COMMENT} )*+", re.DOTALL | re.VERBOSE)


def pieces(dialect: str = "") -> re.Pattern[str]:
    """What finds a `comment`, what is `quoted`, a `variable` in its brackets, and the `end` of a statement."""
    return _OF_DIALECTS.get(dialect, _PIECES)


def bare(sql: str) -> str:
    """The SELECT without the semicolons that end it, so that it may stand inside brackets."""
    text = sql.strip()
    for piece in pieces().finditer(text):
        if piece["end"] and _NOTHING.fullmatch(text, piece.end()):
            return text[: piece.start()]
    return text


def quoted(name: str) -> str:
    """An identifier of the SQL standard."""
    return '"' + name.replace('"', '""') + '"'
