"""A look at the SQL before it is put into the brackets of a service: one query, which they hold, and nothing else.

The service and the role refuse what writes; here is refused what would leave the brackets, or does more than read
though it is a query: functions that act, sequences, statements that a statement leads to.
"""

import sqlglot
from sqlglot.tokenizer_core import Token, TokenType

from jobs.warehouses.errors import AudienceSqlError

BEGINS = frozenset({"FROM", "SELECT", "VALUES", "WITH"})
WRITES = frozenset({"DELETE", "INSERT", "INTO", "MERGE", "UPDATE"})
TEXTS = frozenset(
    {TokenType.HEREDOC_STRING, TokenType.NATIONAL_STRING, TokenType.RAW_STRING, TokenType.STRING}
)

# What stands before a word of that name, or behind it, where it is a column's or a function's.
BEFORE_COLUMNS, BEHIND_COLUMNS = (".", ",", "SELECT"), ("(", ",", ")", ".")

# Functions that reach beyond the tables: Java's, the network's.
ACTING = frozenset({"HTTP_REQUEST", "JAVA_METHOD", "REFLECT", "TRY_REFLECT"})
ACTING_FAMILIES = ("SYSTEM$",)
FLOW, SEQUENCE = "->>", "NEXTVAL"


def check(sql: str, dialect: str) -> None:
    """Raises AudienceSqlError. `dialect`: of sqlglot, whose tokenizer knows where its texts and comments end."""
    try:
        tokens = sqlglot.tokenize(sql, dialect=dialect)
    except sqlglot.errors.SqlglotError as error:
        raise AudienceSqlError(
            "The SQL can't be taken apart: a quote, a name in quotes or a comment does not end."
        ) from error
    words = ["" if token.token_type in TEXTS else token.text.upper() for token in tokens]
    if ";" in words:
        raise AudienceSqlError("An Audience is one SELECT; this is more than one statement.")
    if next((word for word in words if word != "("), "") not in BEGINS:
        raise AudienceSqlError("An Audience only reads: write one SELECT. Nothing was run.")
    _check_brackets(words)
    for before, token, word, after in zip(["", *words], tokens, words, [*words[1:], ""], strict=False):
        _check_word(before, token, word, after)


def _check_brackets(words: list[str]) -> None:
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if depth < 0:
            break
    if depth:
        raise AudienceSqlError("The brackets of the SQL do not match: each ( needs one ) behind it.")


def _check_word(before: str, token: Token, word: str, after: str) -> None:
    if word == FLOW:
        raise AudienceSqlError(f'An Audience is one SELECT; "{FLOW}" leads to more statements.')
    if word in WRITES and token.token_type != TokenType.IDENTIFIER and before not in BEFORE_COLUMNS:
        if after not in BEHIND_COLUMNS:
            raise AudienceSqlError(
                f"An Audience only reads: {word} writes. If a column is called so, put its name in quotes."
            )
    elif before == "." and word == SEQUENCE:
        raise AudienceSqlError("An Audience only reads; NEXTVAL would take a number from a sequence.")
    elif (after == "(" and word in ACTING) or word.startswith(ACTING_FAMILIES):
        raise AudienceSqlError(
            f"An Audience only reads; {word.lower()} does something else. Nothing was run."
        )
    elif word == "USING" and not after:
        # TRANSFORM ... USING 'program'
        raise AudienceSqlError("An Audience only reads; USING with a text would run a program.")
    elif word == ")" and after == "(":
        # As in IDENTIFIER('name')('argument'), which would call anything.
        raise AudienceSqlError(
            "An Audience names its functions plainly; nothing may be called as what brackets give."
        )
