"""Makes a Template write its decimals as they came where it writes them, and count with them elsewhere.

A number is written where an expression is printed, where `~` joins it, and where a filter that is for text takes it.
There the source gets a filter, AS_WRITTEN, that only numbers with decimals come to; it is told by what names. Lines
stay what they were.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from accelerator import anchors

AS_WRITTEN = "_as_written"
# What an expression came to; a name that nobody else has.
CAME_TO = "_the_expression_came_to"

PARTS = re.compile(r"(\{[{%][-+]?)(.*?)([-+]?[%}]\})", re.DOTALL)
TOKEN = re.compile(
    r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[A-Za-z_]\w*|\d[\d_]*(?:\.\d+)?|\*\*|//|[=!<>]=|\S""",
    re.ASCII | re.DOTALL,
)
NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
NAMES = re.compile(rf"{NAME.pattern}(\.{NAME.pattern})*", re.ASCII)
SUBSCRIPT = re.compile(r"""["'\w].*""", re.ASCII | re.DOTALL)
CALL = re.compile(r"\s*[A-Za-z_][\w.]*\s*\(", re.ASCII)

RESERVED = frozenset(
    {"and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"}
)
ARITHMETIC = frozenset({"+", "-", "*", "/", "//", "%", "**"})
# Filters that stand between a value and those that matter here, and those that make text of what they take.
DEFAULTS = frozenset({"default", "d"})
FOR_TEXT = frozenset(
    {"capitalize", "e", "escape", "indent", "lower", "replace", "safe"}
    | {"split", "string", "title", "trim", "upper", "urlencode"}
)
OPENING, CLOSING = frozenset("([{"), frozenset(")]}")


@dataclass(frozen=True, slots=True)
class Operand:
    """Tokens that name a value: `price`, `item.price`, `prices[0]`; `first` and `after` the last count tokens."""

    first: int
    after: int


def with_texts(source: str) -> str:
    """The source of a Template, with the filter wherever a number would be written."""
    pieces, at = [], 0
    for start, end in anchors.spans(source):
        pieces += [source[at:start], _changed(source[start:end])]
        at = end
    return "".join([*pieces, source[at:]])


def _changed(span: str) -> str:
    """A statement, an expression, a comment or what is raw."""
    parts = PARTS.fullmatch(span)
    if parts is None or anchors.RAW.match(span):
        return span
    opening, inside, closing = parts.groups()
    if opening.startswith("{%"):
        return f"{opening}{_joined(inside)}{closing}"
    tokens = list(TOKEN.finditer(inside))
    if not tokens or CALL.match(inside):
        # What a macro or a block made is text.
        return span
    whole = Operand(0, len(tokens))
    if _operand(tokens, 0) == whole:
        # Where it is missing, the engine says its name.
        return f"{opening}{_if_decimal(inside, tokens, whole)}{closing}"
    # In a name, so that it comes to something once only: it may be long, or count.
    setting = f"{{%{opening[2:]} set {CAME_TO} ={_joined(inside)} %}}"
    return f"{setting}{{{{ {CAME_TO}|{AS_WRITTEN} if {CAME_TO} is float else {CAME_TO} {closing}"


def _joined(inside: str) -> str:
    """The operands that become text there with the filter."""
    tokens = list(TOKEN.finditer(inside))
    pieces, at = [], 0
    for operand in _operands(tokens):
        if _is_for_text(tokens, operand):
            start, end = tokens[operand.first].start(), tokens[operand.after - 1].end()
            pieces += [inside[at:start], f"({_if_decimal(inside[start:end], tokens, operand)})"]
            at = end
    return "".join([*pieces, inside[at:]])


def _if_decimal(source: str, tokens: list[re.Match[str]], operand: Operand) -> str:
    """The operand's own source, with its line feeds, and the filter if it is a number with decimals."""
    again = "".join(token[0] for token in tokens[operand.first : operand.after])
    names = f'("{again}")' if NAMES.fullmatch(again) else ""
    value = source.rstrip()
    return f"{value}|{AS_WRITTEN}{names} if {again} is float else {again}{source[len(value) :]}"


def _operands(tokens: list[re.Match[str]]) -> Iterator[Operand]:
    at = 0
    while at < len(tokens):
        operand = _operand(tokens, at)
        if operand:
            yield operand
        at = operand.after if operand else at + 1


def _operand(tokens: list[re.Match[str]], first: int) -> Operand | None:
    """What begins there, if it names a value."""
    if not NAME.fullmatch(tokens[first][0]) or tokens[first][0] in RESERVED:
        return None
    if _text(tokens, first - 1) in (".", "|", "is") or _text(tokens, first - 2) == "is":
        return None
    at = first + 1
    while True:
        if _text(tokens, at) == "." and NAME.fullmatch(_text(tokens, at + 1)):
            at += 2
        elif (
            _text(tokens, at) == "["
            and SUBSCRIPT.match(_text(tokens, at + 1))
            and _text(tokens, at + 2) == "]"
        ):
            at += 3
        else:
            break
    return None if _text(tokens, at) in ("(", "=", "[", ".") else Operand(first, at)


def _is_for_text(tokens: list[re.Match[str]], operand: Operand) -> bool:
    before, after = _text(tokens, operand.first - 1), _text(tokens, operand.after)
    if before in ARITHMETIC:
        return False
    if after == "|":
        return _text(tokens, _behind_defaults(tokens, operand.after) + 1) in FOR_TEXT
    return "~" in (before, after) and after not in ARITHMETIC


def _behind_defaults(tokens: list[re.Match[str]], pipe: int) -> int:
    """The bar of the first filter that is not there for missing values."""
    while _text(tokens, pipe) == "|" and _text(tokens, pipe + 1) in DEFAULTS:
        pipe += 2
        if _text(tokens, pipe) == "(":
            depth = 0
            while pipe < len(tokens):
                depth += (tokens[pipe][0] in OPENING) - (tokens[pipe][0] in CLOSING)
                pipe += 1
                if not depth:
                    break
    return pipe


def _text(tokens: list[re.Match[str]], at: int) -> str:
    return tokens[at][0] if 0 <= at < len(tokens) else ""
