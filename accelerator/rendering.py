"""Compile a Template and render a record: the same code for previews, the check before the freeze, and the Cloud.

Templates are minijinja (the syntax of Jinja2 without access to Python). A record's columns are the template's
variables; Supplemental Data is `supplemental`, the unsubscribe page `unsubscribe_url`. A NULL counts as missing:
printing it is an error for that recipient, `{{ first_name|default("there") }}` says what to print instead.
"""

import datetime
import decimal
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import minijinja

# Instructions that one render may take: about 20 ms; a page of 200 personalised rows takes a hundredth of it.
FUEL = 1_000_000

# Characters that one part may come to. Gmail clips at 102 KB; beyond 1 MB something is wrong with the template.
OUTPUT_LIMIT = 1_000_000

# Names that every template has beside the record's columns.
BUILT_IN = frozenset({"supplemental", "unsubscribe_url"})

PARTS = ("subject", "html", "text")


class TemplateInvalid(Exception):
    """The Template does not compile; nobody could be sent it. `part` and `line` say where."""

    def __init__(self, part: str, line: int | None, message: str) -> None:
        self.part, self.line = part, line
        super().__init__(f"The {part} of the template does not compile{_at(line)}: {message}")


class RenderError(Exception):
    """The Template failed for one record. `part` and `line` say where."""

    def __init__(self, part: str, line: int | None, message: str) -> None:
        self.part, self.line = part, line
        super().__init__(f"The {part} of the template failed{_at(line)}: {message}")


@dataclass(frozen=True)
class Rendered:
    """A record's message: subject on one line, HTML and text."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True)
class Compiled:
    """A Template ready to render; keep one for all records."""

    environment: minijinja.Environment
    variables: frozenset[str]

    def render(
        self, record: Mapping[str, object], *, supplemental: Mapping[str, object], unsubscribe_url: str
    ) -> Rendered:
        """Render one record (column name to value). Raises RenderError."""
        values = {name: plain(value) for name, value in record.items() if value is not None}
        values["supplemental"] = supplemental
        values["unsubscribe_url"] = unsubscribe_url
        subject, html, text = (self._part(part, values) for part in PARTS)
        # A line break in data must not begin a header of its own (RFC 5322, section 2.2).
        return Rendered(" ".join(subject.split()), html, text)

    def _part(self, part: str, values: Mapping[str, object]) -> str:
        try:
            output: str = self.environment.render_template(part, **values)
        except minijinja.TemplateError as error:
            raise RenderError(part, error.line, _explain(error)) from None
        if len(output) > OUTPUT_LIMIT:
            raise RenderError(part, None, f"it came to more than {OUTPUT_LIMIT:,} characters")
        return output


def compile_template(*, subject: str, html: str, text: str) -> Compiled:
    """Compile the three parts. Raises TemplateInvalid."""
    environment = minijinja.Environment(  # type: ignore[call-overload]  # its stubs do not know semi_strict
        undefined_behavior="semi_strict",
        fuel=FUEL,
        auto_escape_callback=lambda name: name == "html",
        pycompat=False,
    )
    variables: set[str] = set()
    for part, source in zip(PARTS, (subject, html, text), strict=True):
        try:
            environment.add_template(part, source)
        except minijinja.TemplateError as error:
            raise TemplateInvalid(part, error.line, error.detail or error.message) from None
        variables |= environment.undeclared_variables_in_template(part)
    known = set(environment.globals) | {"range", "dict", "namespace", "debug", "loop"}
    return Compiled(environment, frozenset(variables - known - BUILT_IN))


def plain(value: object) -> object:
    """The value as a template may see it: JSON's kinds, so that no Python object can be reached from a template."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, decimal.Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _explain(error: minijinja.TemplateError) -> str:
    """The engine's message in a marketer's words."""
    if error.kind == "UndefinedError":
        name = re.search(r"`([^`]+)`", error.detail or error.message or "")
        if name:
            return f'"{name.group(1)}" is missing or empty for this recipient; give it a default or remove it'
    if error.kind == "OutOfFuel":
        return "it takes too many steps; a loop in it does not end soon enough"
    return str(error.detail or error.message)


def _at(line: int | None) -> str:
    return f" at line {line}" if line else ""
