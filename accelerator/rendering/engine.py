"""Compiles a Template and renders a record. Only the child imports it: a Template may end the process that it is in.

The links of the HTML are found once, when it is compiled: a second version of it has markers around them. The parent
finds them in what was rendered, and writes what is to stand there (`compiled`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import minijinja

from accelerator import anchors
from accelerator.rendering import decimals, markers, printing
from accelerator.rendering.values import BUILT_IN, PARTS, SUPPLEMENTAL, RenderError, TemplateInvalid

# Instructions that one render may take: about 20 ms; a page of 200 personalised rows takes a hundredth of it.
FUEL = 1_000_000

# Characters that one part may come to. Gmail clips at 102 KB; beyond 1 MB something is wrong with the template.
OUTPUT_LIMIT = 1_000_000

# Characters of the engine's explanation that are kept.
EXPLANATION = 200

# Told of each part before the engine begins with it.
Begin = Callable[[str], object]


def unheard(_part: str) -> None:
    """Nobody is told."""


class Shared:
    """The document for all recipients as a Template may have it, which can't change it for the next one."""

    def __init__(self, document: Mapping[str, object]) -> None:
        self.values = _unchangeable(document)
        self.texts = decimals.texts(document.values())


class Writer:
    """Writes the numbers of the record and of what is shared as they came, and others as the engine does."""

    def __init__(self) -> None:
        self._values: Mapping[str, object] = {}
        self._texts: dict[float, str] = {}
        self._shared = Shared({})

    def begin(self, values: Mapping[str, object], shared: Shared) -> None:
        """With the values of a record, and with what is shared."""
        self._values, self._texts, self._shared = values, decimals.texts(values.values()), shared

    def write(self, value: float, names: str = "") -> str | float:
        """The value that a Template reached by those names, which may stand for something else there."""
        number = float(value)  # the engine hands over 3.0 as 3
        first, *names_inside = names.split(".")
        named = self._shared.values if first == SUPPLEMENTAL else self._values.get(first)
        for name in names_inside:
            named = named.get(name) if isinstance(named, Mapping) else None
        if isinstance(named, float) and named == number:
            return named.text if isinstance(named, decimals.Number) else number
        return self._texts.get(number) or self._shared.texts.get(number) or number


@dataclass(slots=True)
class Made:
    """A message; in its HTML are the markers, if they were asked for."""

    subject: str
    html: bytes
    text: bytes


@dataclass
class Template:
    """A Template ready to render; keep one for all records."""

    environment: minijinja.Environment
    writer: Writer
    variables: frozenset[str]
    links: tuple[str, ...]
    secret: str  # of the markers
    shared: Shared | None = None  # as the engine has it now

    def render(
        self,
        record: Mapping[str, object],
        *,
        supplemental: Shared,
        unsubscribe_url: str,
        marked: bool = False,
        begin: Begin = unheard,
    ) -> Made:
        """Render one record. Raises RenderError."""
        values = {name: value for name, value in record.items() if value is not None}
        values["unsubscribe_url"] = unsubscribe_url
        self._share(supplemental)
        values.pop(SUPPLEMENTAL, None)
        self.writer.begin(values, supplemental)
        begin("subject")
        # A line break in data must not begin a header of its own (RFC 5322, section 2.2).
        subject = " ".join(self._part("subject", values).split())
        begin("html")
        html = self._marked(values) if marked else self._part("html", values).encode()
        begin("text")
        return Made(subject, html, self._part("text", values).encode())

    def _share(self, supplemental: Shared) -> None:
        """The engine reads a document in once, which takes longer than some messages."""
        if self.shared is not supplemental:
            self.environment.add_global(SUPPLEMENTAL, supplemental.values)
            self.shared = supplemental

    def _marked(self, values: Mapping[str, object]) -> bytes:
        """The HTML with markers, which are not the Template's doing, and count nothing where it is too long."""
        html = self._output("html", _marked(self.secret), values)
        if len(html) > OUTPUT_LIMIT:
            try:
                found = markers.find(html.encode(), self.secret, len(self.links))
            except markers.Changed:
                raise RenderError("html", None, markers.CHANGED) from None
            _check_length(
                "html", sum(map(_length, found.texts)) + sum(len(link.href) for link in found.links)
            )
        return html.encode()

    def _part(self, part: str, values: Mapping[str, object]) -> str:
        output = self._output(part, part, values)
        _check_length(part, len(output))
        return output

    def _output(self, part: str, template: str, values: Mapping[str, object]) -> str:
        try:
            output: str = self.environment.render_template(template, **values)
        except minijinja.TemplateError as error:
            raise RenderError(part, error.line, _explain(error)) from None
        except Exception as error:  # noqa: BLE001  whatever a Template makes Python raise is its failure, not ours
            raise RenderError(part, None, f"something in it can't be done ({type(error).__name__})") from None
        return output


def compile_template(
    *, subject: str, html: str, text: str, digits: str = "", begin: Begin = unheard
) -> Template:
    """Compile the three parts; `begin` is told of each before. `digits`: of the markers. Raises TemplateInvalid."""
    environment = minijinja.Environment(  # type: ignore[call-overload]  # its stubs do not know semi_strict
        undefined_behavior="semi_strict",
        fuel=FUEL,
        auto_escape_callback=lambda name: name.startswith("html"),
        pycompat=False,
    )
    environment.remove_global("debug")  # it tells of all there is
    environment.add_test("none", _is_none)
    writer = Writer()
    environment.add_filter(printing.AS_WRITTEN, writer.write)
    variables: set[str] = set()
    for part, source in zip(PARTS, (subject, html, text), strict=True):
        begin(part)
        try:
            environment.add_template(part, source)
        except minijinja.TemplateError as error:
            raise TemplateInvalid(part, error.line, _brief(error.detail or error.message)) from None
        variables |= environment.undeclared_variables_in_template(part)
        _add(environment, part, source)
    known = set(environment.globals) | {"range", "dict", "namespace", "loop"}
    begin("html")
    found = anchors.find(html)
    links = [anchor for anchor in found.anchors if _whole(environment, html[anchor.start : anchor.end])]
    _add(environment, _marked(digits), "".join(markers.put(html, links, found.body_ends, digits)))
    return Template(
        environment,
        writer,
        variables=frozenset(variables - known - BUILT_IN),
        links=tuple(html[anchor.start : anchor.end] for anchor in links),
        secret=digits,
    )


def _is_none(value: object) -> bool:
    """Whoever asks for a NULL is told, though one is undefined here, so that whoever prints it hears of it."""
    return value is None


def _add(environment: minijinja.Environment, name: str, source: str) -> None:
    """The Template under that name, with its decimals written as they came."""
    try:
        environment.add_template(name, printing.with_texts(source))
    except minijinja.TemplateError:  # the engine reads something otherwise than we do
        environment.add_template(name, source)


def _unchangeable(value: object) -> object:
    if isinstance(value, Mapping):
        return MappingProxyType({name: _unchangeable(part) for name, part in value.items()})
    if isinstance(value, list):
        return tuple(map(_unchangeable, value))
    return value


def _marked(secret: str) -> str:
    """The name of the HTML with markers, which no Template can include."""
    return f"html, {secret}"


def _check_length(part: str, length: int) -> None:
    if length > OUTPUT_LIMIT:
        raise RenderError(part, None, f"it came to more than {OUTPUT_LIMIT:,} characters")


def _length(text: bytes) -> int:
    """In characters."""
    return len(text.decode())


def _whole(environment: minijinja.Environment, value: str) -> bool:
    """Whether what is opened in it is closed in it, so that a filter can stand around it."""
    try:
        environment.undeclared_variables_in_str(value)
    except minijinja.TemplateError:
        return False
    return True


def _explain(error: minijinja.TemplateError) -> str:
    """The engine's message in a marketer's words."""
    if error.kind == "UndefinedError":
        name = re.search(r"`([^`]+)`", error.detail or error.message or "")
        if name:
            return f'"{_brief(name.group(1))}" is missing or empty for this recipient; give it a default or remove it'
    if error.kind == "OutOfFuel":
        return "it takes too many steps; a loop in it does not end soon enough"
    return _brief(error.detail or error.message)


def _brief(message: object) -> str:
    """It is kept for each recipient, and may quote the Template."""
    text = str(message)
    return text if len(text) <= EXPLANATION else f"{text[:EXPLANATION]}…"
