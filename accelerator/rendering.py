"""Compile a Template and render a record: the same code for previews, the check before the freeze, and the Cloud.

Templates are minijinja (the syntax of Jinja2 without access to Python). A record's columns are the template's
variables; Supplemental Data is `supplemental`, the unsubscribe page `unsubscribe_url`. A NULL counts as missing:
printing it is an error for that recipient, `{{ first_name|default("there") }}` says what to print instead.

The links of the HTML are found once, when it is compiled: a second version of it hands each finished href to
whoever renders with `link`, the Cloud. Without `link` and `open_pixel_url` the Template is rendered as it was written.
"""

import datetime
import decimal
import html as markup
import re
import secrets
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from types import MappingProxyType

import minijinja

from accelerator import anchors
from accelerator.anchors import Anchor

# Instructions that one render may take: about 20 ms; a page of 200 personalised rows takes a hundredth of it.
FUEL = 1_000_000

# Characters that one part may come to. Gmail clips at 102 KB; beyond 1 MB something is wrong with the template.
OUTPUT_LIMIT = 1_000_000

# Characters of the engine's explanation that are kept.
EXPLANATION = 200

# Names that every template has beside the record's columns.
BUILT_IN = frozenset({"supplemental", "unsubscribe_url"})

PARTS = ("subject", "html", "text")
# The version of the HTML whose links can be rewritten.
TRACKED = "html, tracked"

# What to write for the link of that number (an index of Compiled.links), given the URL that it leads to.
Link = Callable[[int, str], str]


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


class Rewriting(threading.local):
    """How the links are written in the render that is going on in this thread; None: as they are."""

    link: Link | None = None

    def __init__(self, links: int) -> None:
        self._numbers = range(links)

    def write(self, value: str, number: int, bare: bool = False) -> str:
        """The filter around an href: the rendered value in, the value to send out, both as they stand in HTML.

        Whatever is in it, it stays inside its quotes; a bare value is given some.
        """
        link = self.link
        if link is None or number not in self._numbers:
            return value
        written = markup.escape(link(number, anchors.unescape(str(value))))
        safe: str = minijinja.safe(f'"{written}"' if bare else written)
        return safe


@dataclass(frozen=True)
class Compiled:
    """A Template ready to render; keep one for all records.

    `links` are the hrefs of the HTML as they are written in the Template, in order. Those in comments, in raw
    blocks, in what is only printed, or that the Template's statements cut in two, are not among them.
    """

    environment: minijinja.Environment
    variables: frozenset[str]
    links: tuple[str, ...]
    hook: str = field(repr=False)  # the name under which the tracked HTML knows the rewriting and the pixel
    rewriting: Rewriting = field(repr=False)

    def render(
        self,
        record: Mapping[str, object],
        *,
        supplemental: Mapping[str, object],
        unsubscribe_url: str,
        link: Link | None = None,
        open_pixel_url: str = "",
    ) -> Rendered:
        """Render one record (column name to value). Raises RenderError.

        `link` is asked what to write instead of each link of the HTML; `open_pixel_url` is the source of an image
        at the end of it that nobody sees.
        """
        values = {name: plain(value) for name, value in record.items() if value is not None}
        values["supplemental"] = frozen(supplemental)
        values["unsubscribe_url"] = unsubscribe_url
        subject = self._part("subject", values)
        if link or open_pixel_url:
            html = self._tracked(values, link, _pixel(open_pixel_url))
        else:
            html = self._part("html", values)
        # A line break in data must not begin a header of its own (RFC 5322, section 2.2).
        return Rendered(" ".join(subject.split()), html, self._part("text", values))

    def _tracked(self, values: Mapping[str, object], link: Link | None, pixel: str) -> str:
        self.rewriting.link = link
        html = self._output("html", TRACKED, {**values, self.hook: minijinja.safe(pixel)})
        if len(html) > OUTPUT_LIMIT:
            # Raises if it is too long by itself: what became of its links is not the Template's doing.
            self._part("html", values)
        # A message without HTML gets none for the sake of the pixel.
        return _once(pixel, html) if html.strip() != pixel else ""

    def _part(self, part: str, values: Mapping[str, object]) -> str:
        output = self._output(part, part, values)
        if len(output) > OUTPUT_LIMIT:
            raise RenderError(part, None, f"it came to more than {OUTPUT_LIMIT:,} characters")
        return output

    def _output(self, part: str, template: str, values: Mapping[str, object]) -> str:
        try:
            output: str = self.environment.render_template(template, **values)
        except minijinja.TemplateError as error:
            raise RenderError(part, error.line, _explain(error)) from None
        except Exception as error:  # noqa: BLE001  whatever a Template makes Python raise is its failure, not ours
            raise RenderError(part, None, f"something in it can't be done ({type(error).__name__})") from None
        return output


def compile_template(*, subject: str, html: str, text: str) -> Compiled:
    """Compile the three parts. Raises TemplateInvalid."""
    environment = minijinja.Environment(  # type: ignore[call-overload]  # its stubs do not know semi_strict
        undefined_behavior="semi_strict",
        fuel=FUEL,
        auto_escape_callback=lambda name: name in ("html", TRACKED),
        pycompat=False,
    )
    environment.remove_global("debug")  # it tells of all there is
    variables: set[str] = set()
    for part, source in zip(PARTS, (subject, html, text), strict=True):
        try:
            environment.add_template(part, source)
        except minijinja.TemplateError as error:
            raise TemplateInvalid(part, error.line, _brief(error.detail or error.message)) from None
        variables |= environment.undeclared_variables_in_template(part)
    known = set(environment.globals) | {"range", "dict", "namespace", "loop"}
    found = anchors.find(html)
    links = [anchor for anchor in found.anchors if _whole(environment, html[anchor.start : anchor.end])]
    hook, rewriting = _unused(subject + html + text), Rewriting(len(links))
    environment.add_filter(hook, rewriting.write)
    environment.add_template(TRACKED, "".join(_with_hooks(html, links, found.body_ends, hook)))
    return Compiled(
        environment,
        variables=frozenset(variables - known - BUILT_IN),
        links=tuple(html[anchor.start : anchor.end] for anchor in links),
        hook=hook,
        rewriting=rewriting,
    )


def _with_hooks(html: str, links: Sequence[Anchor], body_ends: Sequence[int], hook: str) -> Iterator[str]:
    """The HTML with a filter around every href, and the pixel at the end of a body; its lines stay what they were."""
    hooks = [(end, f"{{{{ {hook} }}}}") for end in body_ends]
    for number, anchor in enumerate(links):
        arguments = f"{number}, true" if anchor.bare else f"{number}"
        hooks += [(anchor.start, f"{{% filter {hook}({arguments}) %}}"), (anchor.end, "{% endfilter %}")]
    at = 0
    for place, what in sorted(hooks, key=itemgetter(0)):
        yield html[at:place] + what
        at = place
    yield html[at:]


def _once(pixel: str, html: str) -> str:
    """The HTML with one pixel, though its body ended in no place, or in several."""
    found = html.count(pixel) if pixel else 1
    if found > 1:
        return html.replace(pixel, "", found - 1)
    return html if found or not html.strip() else html + pixel


def _whole(environment: minijinja.Environment, value: str) -> bool:
    """Whether what is opened in it is closed in it, so that a filter can stand around it."""
    try:
        environment.undeclared_variables_in_str(value)
    except minijinja.TemplateError:
        return False
    return True


def _pixel(url: str) -> str:
    """An image of one pixel that loads from there; nothing if it is nowhere."""
    return f'<img src="{markup.escape(url)}" width="1" height="1" alt="">' if url else ""


def _unused(source: str) -> str:
    """A name that the Template does not use, and cannot guess."""
    while (name := f"tracking_{secrets.token_hex(8)}") in source:
        pass
    return name


def frozen(document: Mapping[str, object]) -> Mapping[str, object]:
    """The document for all recipients: a Template can't change it for the next one. Freeze it once, it stays so."""
    if isinstance(document, MappingProxyType):
        return document
    return MappingProxyType({name: _frozen(value) for name, value in document.items()})


def _frozen(value: object) -> object:
    if isinstance(value, Mapping):
        return frozen({str(key): inner for key, inner in value.items()})
    if isinstance(value, list | tuple):
        return tuple(map(_frozen, value))
    return value


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
            return f'"{_brief(name.group(1))}" is missing or empty for this recipient; give it a default or remove it'
    if error.kind == "OutOfFuel":
        return "it takes too many steps; a loop in it does not end soon enough"
    return _brief(error.detail or error.message)


def _brief(message: object) -> str:
    """It is kept for each recipient, and may quote the Template."""
    text = str(message)
    return text if len(text) <= EXPLANATION else f"{text[:EXPLANATION]}…"


def _at(line: int | None) -> str:
    return f" at line {line}" if line else ""
