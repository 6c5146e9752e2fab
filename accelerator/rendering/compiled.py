"""A Template as the rest of the house has it: rendered elsewhere (`children`), its links written here.

A Template may end the process that renders it. A record is to blame if that happens twice, the second time alone in a
fresh process; once is taken for an accident from outside. Everybody else's message comes out.
"""

import functools
import html as markup
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from accelerator import anchors, frames
from accelerator.rendering import children, markers
from accelerator.rendering.values import (
    Frozen,
    Link,
    Message,
    Rendered,
    RenderError,
    TemplateInvalid,
    frozen,
    plain,
)

# After so many records in a row that ended their process, the Template is to blame and not they: each costs seconds.
ENOUGH = 5

# Messages that are written down at once.
AT_ONCE = 16

# Kinds of values that are what a Template sees already.
PLAIN = frozenset({str, int, float, bool, type(None)})

TOO_MUCH = "it takes more memory or time than one message may, or it is nested too deeply"
UNTRIED = (
    f"it was not tried for this recipient, because for the last {ENOUGH} before it took more memory or time than one"
    " message may, or was nested too deeply"
)


def still() -> None:
    """Nothing is to be done meanwhile."""


@dataclass
class Deaths:
    """Records in a row that ended the process, as far as this process has seen."""

    in_a_row: int = 0


@dataclass(frozen=True)
class Compiled:
    """A Template ready to render; keep one for all records.

    `links` are the hrefs of the HTML as they are written in the Template, in order. Those in comments, in raw
    blocks, in what is only printed, or that the Template's statements cut in two, are not among them.
    """

    variables: frozenset[str]
    links: tuple[str, ...]
    source: bytes = field(repr=False)
    secret: str = field(repr=False)  # of the markers
    deaths: Deaths = field(repr=False, compare=False, default_factory=Deaths)

    def render(
        self,
        record: Mapping[str, object],
        *,
        supplemental: Mapping[str, object] | Frozen,
        unsubscribe_url: str,
        link: Link | None = None,
        open_pixel_url: str = "",
    ) -> Rendered:
        """Render one record. Raises RenderError; for the arguments see Message."""
        message = Message(record, unsubscribe_url, link, open_pixel_url)
        (made,) = self.render_all([message], supplemental=supplemental)
        if isinstance(made, RenderError):
            raise made
        return made

    def render_all(
        self,
        messages: Sequence[Message],
        *,
        supplemental: Mapping[str, object] | Frozen,
        pulse: Callable[[], object] = still,
    ) -> Iterator[Rendered | RenderError]:
        """Render messages one after the other, each to what it comes to or why it does not.

        `pulse` is called about once a second while that takes longer. Raises NoChild if nothing can be rendered now.
        """
        shared, beats = frozen(supplemental), children.Pulse(pulse)
        at, careful, suspect = 0, len(messages) == 1, False
        while at < len(messages):
            some = messages[at : at + 1] if suspect else messages[at:]
            try:
                for answer in self._talk(some, shared, beats, careful=careful, alone=suspect):
                    made = self._made(answer, messages[at])
                    at, suspect = at + 1, False
                    self.deaths.in_a_row = 0
                    yield made
            except children.Died as death:
                if not (careful and suspect):
                    # Answers were lost with it: one after the other shows whom it is about.
                    careful, suspect = True, careful
                    continue
                at, suspect = at + 1, False
                self.deaths.in_a_row += 1
                yield RenderError(death.part, None, TOO_MUCH)
                if self.deaths.in_a_row >= ENOUGH:
                    yield from (RenderError(death.part, None, UNTRIED) for _ in messages[at:])
                    return

    def _talk(
        self,
        messages: Sequence[Message],
        shared: Frozen,
        pulse: children.Pulse,
        *,
        careful: bool,
        alone: bool,
    ) -> Iterator[list[bytes]]:
        columns = list(messages[0].record)

        def requests() -> Iterator[bytes]:
            settings = json.dumps((columns, alone, careful)).encode()
            yield frames.pack(b"window", self.source, shared.encoded, settings)
            for at in range(0, len(messages), AT_ONCE):
                yield frames.pack(b"records", _written_down(messages[at : at + AT_ONCE], columns))

        return children.talk(requests, len(messages), pulse, fresh=alone)

    def _made(self, answer: list[bytes], message: Message) -> Rendered | RenderError:
        """What came of the message, with the links that were asked for."""
        word, *strings = answer
        if word == b"failed":
            return RenderError(*json.loads(strings[0]))
        if word != b"made":
            raise children.Broken(f"The process that renders answered {word.decode()}.")
        subject, html, text = strings
        if _is_marked(message):
            try:
                html = self._with_links(html, message)
            except markers.Changed:
                return RenderError("html", None, markers.CHANGED)
        return Rendered(subject.decode(), html, text)

    def _with_links(self, html: bytes, message: Message) -> bytes:
        """The HTML with what is to be written for each link, and with the pixel at the last end of its body."""
        found = markers.find(html, self.secret, len(self.links))
        texts = found.texts
        if not found.links and not texts[0].decode().strip():
            # A message without HTML gets none for the sake of the pixel.
            return b""
        if unseen := _unseen(message):
            last, end = found.body_end or (-1, len(texts[-1]))
            texts[last] = b"%b%b%b" % (texts[last][:end], unseen, texts[last][end:])
        made = [texts[0]]
        for link, text in zip(found.links, texts[1:], strict=True):
            made.append(_written(link, message.link))
            made.append(text)
        return b"".join(made)


def compile_template(*, subject: str, html: str, text: str) -> Compiled:
    """Compile the three parts. Raises TemplateInvalid."""
    secret = markers.new_secret(subject + html + text)
    source = json.dumps((subject, html, text, secret)).encode()
    try:
        word, said = _compiled(source)
    except children.Died:
        try:
            word, said = _compiled(source, fresh=True)
        except children.Died as death:
            raise TemplateInvalid(death.part, None, TOO_MUCH) from None
    if word == b"invalid":
        raise TemplateInvalid(*json.loads(said))
    variables, links = json.loads(said)
    return Compiled(frozenset(variables), tuple(links), source, secret)


def _compiled(source: bytes, *, fresh: bool = False) -> list[bytes]:
    requests = [frames.pack(b"compile", source)]
    (answer,) = children.talk(lambda: iter(requests), 1, children.Pulse(still), fresh=fresh)
    return answer


def _written_down(messages: Sequence[Message], columns: list[str]) -> bytes:
    """The messages as the child reads them."""
    try:
        return json.dumps([_listed(message, columns) for message in messages]).encode()
    except (ValueError, RecursionError):
        return b"[" + b",".join(_alone(message, columns) for message in messages) + b"]"


def _alone(message: Message, columns: list[str]) -> bytes:
    """One message; without values if they cannot be written down."""
    try:
        return json.dumps(_listed(message, columns)).encode()
    except (ValueError, RecursionError):
        return json.dumps((message.unsubscribe_url, False, None)).encode()


def _listed(message: Message, columns: list[str]) -> tuple[object, ...]:
    record = message.record
    values: object = [value if type(value) in PLAIN else plain(value) for value in record.values()]
    if list(record) != columns:
        values = {str(name): plain(value) for name, value in record.items()}
    return message.unsubscribe_url, _is_marked(message), values


def _is_marked(message: Message) -> bool:
    return message.link is not None or message.open_pixel_url != "" or message.trap_url != ""


# Most messages of a mailing have the same links.
@functools.lru_cache(maxsize=256)
def _url(link: markers.Link) -> str:
    return anchors.unescape(link.href)


def _written(link: markers.Link, write: Link | None) -> bytes:
    """What is to stand there instead of the link. Whatever is in it, it stays inside its quotes."""
    if write is None:
        return link.href.encode()
    written = _escaped(write(link.number, _url(link)))
    return f'"{written}"'.encode() if link.bare else written.encode()


def _unseen(message: Message) -> bytes:
    """An image of one pixel, and a link that is neither shown nor read out nor reached by a key."""
    made = ""
    if message.trap_url:
        made = f'<a href="{_escaped(message.trap_url)}" style="display:none" tabindex="-1" aria-hidden="true"></a>'
    if message.open_pixel_url:
        made += f'<img src="{_escaped(message.open_pixel_url)}" width="1" height="1" alt="">'
    return made.encode()


def _escaped(text: str) -> str:
    """As it may stand in an attribute. Nearly always nothing is to be escaped, which is seen sooner than it is done."""
    found = "&" in text or "<" in text or ">" in text or '"' in text or "'" in text
    return markup.escape(text) if found else text
