"""What a careful colleague looks at before a message goes out: advice about a Template, not what blocks a launch."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from accelerator.rendering import Rendered, RenderError, TemplateInvalid
from campaigns import samples
from campaigns.models import Audience, Template

# Gmail cuts a message's HTML there and hides the rest behind a link, the unsubscribe link too.
GMAIL_CLIPS_AT = 102_000

# Characters that an inbox shows after the subject.
PREHEADER = 140


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: good or not, and the sentence that says so."""

    good: bool
    sentence: str


@dataclass(frozen=True)
class Reading:
    """A Template as one recipient reads it: the inbox line, or why there is none; and the checks."""

    subject: str
    preheader: str
    problem: str
    checks: list[Check]


def read(
    template: Template, audience: Audience | None, supplemental: dict[str, object], number: int = 0
) -> Reading:
    """Render the Template for one record of the sample and look it over."""
    try:
        samples.compiled(template)
    except TemplateInvalid as error:
        return Reading("", "", str(error), [Check(False, str(error))])
    found = [Check(True, "It compiles."), *_for_audience(template, audience, supplemental)]
    try:
        message = samples.rendered(template, samples.record(audience, template, number), supplemental)
    except RenderError as error:
        return Reading("", "", str(error), found + _of_source(template))
    found += _of_source(template) + _of_message(message)
    return Reading(message.subject, preheader(message.html), "", found)


def preheader(html: str) -> str:
    """The first words of a message, as an inbox shows them after the subject."""
    words = _Words()
    words.feed(html)
    text = re.sub(r"[\s\u200b-\u200f\u034f\ufeff\u00ad]+", " ", "".join(words.found)).strip()
    return text[:PREHEADER]


class _Words(HTMLParser):
    """Collects what is read, not what styles or names it."""

    SILENT = frozenset({"style", "script", "title", "head"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in self.SILENT:
            self.silent.append(tag)
        self.found.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if self.silent and self.silent[-1] == tag:
            self.silent.pop()

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found.append(data)


def _for_audience(
    template: Template, audience: Audience | None, supplemental: dict[str, object]
) -> list[Check]:
    if audience is None or not audience.columns:
        return []
    unknown = samples.unknown_variables(template, audience)
    if unknown:
        names = ", ".join(f'"{name}"' for name in unknown)
        found = [Check(False, f'{names}: no such column in the Audience "{audience}".')]
    else:
        found = [Check(True, f'Every variable is a column of the Audience "{audience}".')]
    size = len(audience.sample)
    if size:
        failed = samples.failures(template, audience, supplemental)
        if failed:
            why = "" if len(failed) == size else f" {failed[0]}."
            found.append(Check(False, f"It fails for {len(failed)} of {size} sample records.{why}"))
        else:
            found.append(Check(True, f"It renders for all {size} sample records."))
    return found


def _of_source(template: Template) -> list[Check]:
    without = [name for name in ("html", "text") if "unsubscribe_url" not in getattr(template, name)]
    if without:
        parts = " and ".join({"html": "HTML", "text": "text"}[name] for name in without)
        return [Check(False, f"No unsubscribe link in the {parts}: put {{{{ unsubscribe_url }}}} there.")]
    return [Check(True, "HTML and text have an unsubscribe link.")]


def _of_message(message: Rendered) -> list[Check]:
    found = []
    if not message.subject:
        found.append(Check(False, "The subject is empty for this record."))
    images = re.findall(r"<img\b[^<>]*>", message.html, re.IGNORECASE)
    mute = [image for image in images if not re.search(r"\balt\s*=", image, re.IGNORECASE)]
    if mute:
        found.append(Check(False, f"{len(mute)} of {len(images)} images without alt text."))
    elif images:
        found.append(Check(True, "Every image has an alt text."))
    size = len(message.html.encode())
    if size > GMAIL_CLIPS_AT:
        found.append(Check(False, f"The HTML is {size // 1000} kB; Gmail cuts messages at 102 kB."))
    return found
