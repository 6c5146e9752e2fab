"""No secret is in what is said of a Warehouse, whatever a driver says: sentences and errors are searched for it."""

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

from jobs.reading.errors import WarehouseError

# Shorter pieces of a secret stand in too many words to be looked for. A whole one is, as a word; one character is none.
SHORTEST = 4


def hushed(text: str, secret: str) -> str:
    """The text without the secret, or any line of it, as it is or as a URL or Python writes it."""
    pieces = {secret, *secret.splitlines()}
    for piece in tuple(pieces):
        pieces |= {quote(piece, safe=""), quote(piece), quote_plus(piece), repr(piece)[1:-1]}
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= SHORTEST:
            text = text.replace(piece, "***")
    if 1 < len(secret) < SHORTEST:
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
    return text


@contextmanager
def errors(secret: str) -> Iterator[None]:
    """What is raised inside says the secret nowhere: not in its text, nor in those of the errors that it came from,
    which a log would show with it. An error of a driver's that does becomes a RuntimeError."""
    try:
        yield
    except Exception as error:
        shown = "".join(traceback.format_exception(error))
        if hushed(shown, secret) == shown:
            raise
        kind = type(error) if isinstance(error, WarehouseError) else RuntimeError
        raise kind(hushed(str(error), secret)).with_traceback(error.__traceback__) from None
