"""A look at the SQL before it is put into the brackets of a service: one query, which they hold, and nothing else.

The service and the role refuse what writes; here is refused what would leave the brackets, or does more than read
though it is a query: functions that act, sequences, statements that a statement leads to.
"""

import sqlglot
from sqlglot.tokenizer_core import Token, TokenType

from jobs.reading.errors import AudienceSqlError

BEGINS = frozenset({"FROM", "SELECT", "VALUES", "WITH"})
WRITES = frozenset({"DELETE", "INSERT", "INTO", "MERGE", "UPDATE"})
# Where a bracket could hold a statement, or a WITH lead to one.
STATEMENTS = frozenset({"ALTER", "CALL", "COPY", "CREATE", "DROP", "EXECUTE", "GRANT", "REVOKE", "TRUNCATE"})
TEXTS = frozenset(
    {TokenType.HEREDOC_STRING, TokenType.NATIONAL_STRING, TokenType.RAW_STRING, TokenType.STRING}
)

# What stands before a word of that name, or behind it, where it is a column's or a function's.
BEFORE_COLUMNS, BEHIND_COLUMNS = (".", ",", "SELECT"), ("(", ",", ")", ".")

# Functions that reach beyond the tables, whatever they are qualified by: Java's and the network's, other databases',
# files' and streams', secrets', sequences'.
ACTING = frozenset(
    {"HTTP_REQUEST", "JAVA_METHOD", "REFLECT", "TRY_REFLECT"}
    | {"EXTERNAL_QUERY", "REMOTE_QUERY"}
    | {
        "BUILD_SCOPED_FILE_URL",
        "BUILD_STAGE_FILE_URL",
        "GET_PRESIGNED_URL",
        "INFER_SCHEMA",
        "TO_FILE",
        "TRY_TO_FILE",
    }
    | {"READ_FILES", "READ_KAFKA", "READ_KINESIS", "READ_PUBSUB", "READ_PULSAR", "READ_STATESTORE"}
    | {"LIST_SECRETS", "SECRET", "TRY_SECRET"}
    | {"GETNEXTVAL"}
)
# Models' functions, which send what they are given elsewhere and cost by the row: by how their names begin, where
# nobody's own function would be called so, and by what stands before the dot.
MODELS, SERVICES = "AI_", frozenset({"AI", "CORTEX", "OBJ"})
BUILT_IN = frozenset({"", "BUILTIN", "CORTEX"})
REMOTE = ("ANNOTATE_IMAGE", "GENERATE_", "PROCESS_DOCUMENT", "TRANSCRIBE", "TRANSLATE", "UNDERSTAND_TEXT")
ACTING_FAMILIES = ("SYSTEM$",)
FLOW, SEQUENCE, PROCEDURE = "->>", "NEXTVAL", "PROCEDURE"
# What a path stands behind, where it is read as a table.
FORMATS = frozenset(
    {"AVRO", "BINARYFILE", "CSV", "DELTA", "EXCEL", "ICEBERG", "JSON", "ORC", "PARQUET", "TEXT", "XML"}
)


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
    for over, before, token, word, after in zip(
        ["", "", *words], ["", *words], tokens, words, [*words[1:], ""], strict=False
    ):
        _check_word(before, word, after)
        _check_verb(before, token, word, after)
        _check_files(over, before, token, dialect)
        if (after == "(" and _acts(over, before, word)) or word.startswith(ACTING_FAMILIES):
            raise AudienceSqlError(
                f"An Audience only reads; {word.lower()} does something else. Nothing was run."
            )


def _check_brackets(words: list[str]) -> None:
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if depth < 0:
            break
    if depth:
        raise AudienceSqlError("The brackets of the SQL do not match: each ( needs one ) behind it.")


def _check_word(before: str, word: str, after: str) -> None:
    if word == FLOW:
        raise AudienceSqlError(f'An Audience is one SELECT; "{FLOW}" leads to more statements.')
    if before == "." and word == SEQUENCE:
        raise AudienceSqlError("An Audience only reads; NEXTVAL would take a number from a sequence.")
    if (before, word) == ("AS", PROCEDURE):
        raise AudienceSqlError("An Audience only reads; a PROCEDURE does more than that.")
    if word == "USING" and not after:
        # TRANSFORM ... USING 'program'
        raise AudienceSqlError("An Audience only reads; USING with a text would run a program.")
    if word == ")" and after == "(":
        # As in IDENTIFIER('name')('argument'), which would call anything.
        raise AudienceSqlError(
            "An Audience names its functions plainly; nothing may be called as what brackets give."
        )


def _check_verb(before: str, token: Token, word: str, after: str) -> None:
    """A word that writes or locks, unless it is the name of a column or a function."""
    if token.token_type == TokenType.IDENTIFIER or before in BEFORE_COLUMNS:
        return
    is_verb = word in WRITES or (word in STATEMENTS and before in ("(", ")"))
    if is_verb and (before == "FOR" or after not in BEHIND_COLUMNS):
        raise AudienceSqlError(
            f"An Audience only reads: {word} does more. If a column is called so, put its name in quotes."
        )


def _check_files(over: str, before: str, token: Token, dialect: str) -> None:
    """`over`: the word before the one before. An Audience is read from tables."""
    text, kind = token.text, token.token_type
    is_path = (
        dialect == "databricks"
        and over in FORMATS
        and before == "."
        and kind == TokenType.IDENTIFIER
        and "/" in text
    )
    is_stage = dialect == "snowflake" and (
        (text.startswith("@") and before in ("FROM", "JOIN")) if kind in TEXTS else text == "@"
    )
    if is_path or is_stage:
        raise AudienceSqlError("An Audience reads tables; this SQL would read files. Nothing was run.")


def _acts(over: str, before: str, word: str) -> bool:
    """Whether a function of that name, `over`.`word` if `before` is a dot, does more than read."""
    qualified = over if before == "." else ""
    return (
        word in ACTING
        or qualified in SERVICES
        or (word.startswith(MODELS) and qualified in BUILT_IN)
        or (qualified == "ML" and word.startswith(REMOTE))
    )
