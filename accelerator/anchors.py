"""Finds the links in the HTML of a Template, as a browser will see them, without rendering it."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.entities import html5

# Elements whose href is a link that people click.
LINKING = frozenset({"a", "area"})
# Elements that hold no elements: what looks like a tag in them is text (HTML Living Standard, section 13.1.2).
TEXT_ONLY = frozenset({"script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"})

# Where a statement, an expression or a comment of the Template stood. Between the attributes of a tag it counts
# as space.
FILLER = "\0"
OPENING = re.compile(r"\{[{%#]")
RAW = re.compile(r"\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}", re.DOTALL)
# What matters on the way to the end of a statement or an expression.
INSIDE = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[(\[{]|%\}|\}\}|[)\]}]""", re.DOTALL)

# A conditional comment is opened and its content read: Outlook shows it.
MARKUP = re.compile(
    r"<!--(?P<shown>\[if\b[^\]]*\]>)?|(?P<body_end></body\s*>)|<(?P<tag>[a-z][^\s/>\0]*)",
    re.ASCII | re.I,
)
COMMENT_END = re.compile("--!?>")
TEMPLATE_COMMENT_END = re.compile("#}")
ATTRIBUTE = re.compile(
    r"""[\s/\0]*(?:(?P<end>>)|(?P<name>[^\s/>\0][^\s/>\0=]*)"""
    r"""(?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s>"'][^\s>]*)))?)""",
    re.ASCII,
)
CHARACTER_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|([A-Za-z][A-Za-z0-9]*[;=]?))")


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where the value of an href stands in the source, its quotes left out; `bare`: it has none."""

    start: int
    end: int
    bare: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The links in their order, and every place where the body may end: a statement may choose between several."""

    anchors: tuple[Anchor, ...]
    body_ends: tuple[int, ...]


def find(source: str) -> Found:
    """The links that are written out in the source of a Template that compiles.

    Left out: what stands in comments and in {% raw %}, and what the Template only prints.
    """
    text = masked(source)
    anchors: list[Anchor] = []
    body_ends: list[int] = []
    at = 0
    while markup := MARKUP.search(text, at):
        at = markup.end()
        if markup["body_end"]:
            body_ends.append(markup.start())
        elif markup["tag"]:
            tag = markup["tag"].lower()
            for attribute in _attributes(text, at):
                at = attribute.end()
                if tag in LINKING and attribute["name"] and attribute["name"].lower() == "href":
                    anchors += _anchor(attribute)
            if tag in TEXT_ONLY:
                at = _after(re.compile(rf"</{tag}", re.I), text, at)
        elif not markup["shown"]:
            # <!--> is a whole comment.
            at = _after(COMMENT_END, text, markup.start() + 2)
    return Found(tuple(anchors), tuple(body_ends))


def unescape(value: str) -> str:
    """The value of an attribute as a browser reads it: "&copy=1" is no copyright sign there.

    HTML Living Standard, section 13.2.5.73 (named character reference state).
    """
    # The engine escapes slashes, so these are by far the most.
    value = value.replace("&#x2f;", "/")
    return CHARACTER_REFERENCE.sub(_character, value) if "&" in value else value


def masked(source: str) -> str:
    """The source with FILLER for everything that is the Template's and not HTML, character for character."""
    parts, at = [], 0
    for start, end in spans(source):
        parts += [source[at:start], FILLER * (end - start)]
        at = end
    return "".join(parts) + source[at:]


def spans(source: str) -> Iterator[tuple[int, int]]:
    """Where each statement, expression and comment stands, and what is between {% raw %} and its end, as one."""
    end = 0
    while opening := OPENING.search(source, end):
        end = _end(source, opening.start())
        yield opening.start(), end


def _end(source: str, start: int) -> int:
    """Behind the statement, expression or comment that begins here."""
    if source.startswith("{#", start):
        return _after(TEMPLATE_COMMENT_END, source, start + 2)
    if raw := RAW.match(source, start):
        return raw.end()
    closing = "%}" if source.startswith("{%", start) else "}}"
    depth, at = 0, start + 2
    while token := INSIDE.search(source, at):
        at = token.end()
        if token[0] == closing and not depth:
            return at
        if token[0] in "([{":
            depth += 1
        elif token[0] in (")", "]", "}", "}}"):
            # Two brackets that close one after the other are one token here.
            depth -= 1
            at = token.start() + 1
    return len(source)


def _attributes(text: str, at: int) -> Iterator[re.Match[str]]:
    """The attributes of a tag, one by one, and its end."""
    while attribute := ATTRIBUTE.match(text, at):
        yield attribute
        at = attribute.end()
        if attribute["end"]:
            return


def _anchor(attribute: re.Match[str]) -> list[Anchor]:
    """Where the value is; none if there is none, or if the Template writes the quotes here and there."""
    kind = next((kind for kind in ("double", "single", "bare") if attribute[kind] is not None), None)
    if kind is None or (kind == "bare" and re.search("[\"']", attribute[kind])):
        return []
    return [Anchor(*attribute.span(kind), bare=kind == "bare")]


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.search(text, at)
    return found.end() if found else len(text)


def _character(reference: re.Match[str]) -> str:
    name = reference[1]
    # Behind a name without a semicolon an "=" means that it is none: no name ends in it.
    return html5.get(name, reference[0]) if name else html.unescape(reference[0])
