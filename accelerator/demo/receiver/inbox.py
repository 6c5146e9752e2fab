"""The inbox over HTTP: the mail as the people it was sent to would see it, and the same as JSON."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

import minijinja

from accelerator.demo.receiver.journal import Journal
from accelerator.demo.receiver.mailbox import KEPT, Letter, Mailbox
from accelerator.demo.receiver.reading import read
from accelerator.demo.receiver.web import Page, Request, Response

PAGES = Path(__file__).parent / "pages"
PER_PAGE = 50

# A message's HTML comes from outside: no scripts, nothing loaded, and only our own page may frame it. Its
# links open beside the inbox, as a mail client's do.
MESSAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self';"
    " sandbox allow-popups allow-popups-to-escape-sandbox"
)
_BASE = '<base target="_blank">'
_HEAD = re.compile(r"<head(\s[^>]*)?>", re.IGNORECASE)
_ASSETS = {"inbox.css": "text/css; charset=utf-8", "inbox.js": "text/javascript; charset=utf-8"}


@dataclass(frozen=True)
class Inbox:
    """The pages, over the receiver's mailbox and logs."""

    mailbox: Mailbox
    journal: Journal
    environment: minijinja.Environment

    def routes(self) -> list[tuple[str, Page]]:
        return [
            ("/", self.show_list),
            (r"/messages/(\d{1,18})", self.show_message),
            (r"/messages/(\d{1,18})/html", self.show_html),
            (r"/(inbox\.css|inbox\.js)", self.show_asset),
            ("/api/counts", self.give_counts),
            ("/api/messages", self.give_list),
            (r"/api/messages/(\d{1,18})", self.give_message),
            ("/healthz", self.give_health),
        ]

    # --- pages ------------------------------------------------------------------------------------------

    def show_list(self, request: Request, _match: re.Match[str]) -> Response:
        """The latest messages: those whose recipient contains `q`, `only` notifications, `before` an id."""
        letters, more = self._page_of(request)
        query = request.query.get("q", "").strip()
        counts = self.journal.summary()
        etag = f'"{crc32(repr((counts, [letter.id for letter in letters])).encode()):x}"'
        if request.etag == etag:
            return Response(status=304, headers={"ETag": etag})
        page = self._page(
            "list.html",
            letters=[_line(letter) for letter in letters],
            counts=counts,
            query=query,
            only=request.query.get("only", ""),
            before=request.query.get("before", ""),
            older=letters[-1].id if more else None,
            mentions=self.journal.mentions(query) if "@" in query else [],
            kept=KEPT,
        )
        return Response(page.body, headers={"ETag": etag})

    def show_message(self, request: Request, match: re.Match[str]) -> Response:
        """One message; `view` is html, text or source."""
        letter = self.mailbox.letter(int(match[1]))
        if letter is None:
            return self._gone()
        reading = read(letter.raw)
        views = ["html", "text", "source"] if reading.html is not None else ["text", "source"]
        view = request.query.get("view", "")
        return self._page(
            "message.html",
            letter=_line(letter),
            to=reading.to,
            headers=reading.headers,
            text=reading.text,
            source=letter.raw.decode("utf-8", "replace"),
            views=views,
            view=view if view in views else views[0],
        )

    def show_html(self, _request: Request, match: re.Match[str]) -> Response:
        """A message's HTML alone, for the frame."""
        letter = self.mailbox.letter(int(match[1]))
        html = read(letter.raw).html if letter else None
        if html is None:
            return self._gone()
        head = _HEAD.search(html)
        html = html[: head.end()] + _BASE + html[head.end() :] if head else _BASE + html
        return Response(html.encode("utf-8", "replace"), headers={"Content-Security-Policy": MESSAGE_POLICY})

    def show_asset(self, _request: Request, match: re.Match[str]) -> Response:
        return Response((PAGES / match[1]).read_bytes(), _ASSETS[match[1]])

    # --- JSON -------------------------------------------------------------------------------------------

    def give_counts(self, _request: Request, _match: re.Match[str]) -> Response:
        return _json(self.journal.summary())

    def give_list(self, request: Request, _match: re.Match[str]) -> Response:
        letters, more = self._page_of(request)
        next_page = letters[-1].id if more else None
        return _json({"messages": [_line(letter) for letter in letters], "before": next_page})

    def give_message(self, _request: Request, match: re.Match[str]) -> Response:
        letter = self.mailbox.letter(int(match[1]))
        if letter is None:
            return _json({"error": "This message is not kept any more."}, status=404)
        reading = read(letter.raw)
        body = {"to": reading.to, "headers": reading.headers, "html": reading.html, "text": reading.text}
        return _json({**_line(letter), **body})

    def give_health(self, _request: Request, _match: re.Match[str]) -> Response:
        return Response(b"ok", "text/plain; charset=utf-8")

    # --- helpers ----------------------------------------------------------------------------------------

    def _page_of(self, request: Request) -> tuple[list[Letter], bool]:
        """A page of letters, and whether there are older ones."""
        before = request.query.get("before", "")
        letters = self.mailbox.latest(
            query=request.query.get("q", ""),
            notifications=request.query.get("only") == "notifications",
            before=int(before) if before.isdecimal() and len(before) < 19 else None,
            limit=PER_PAGE + 1,
        )
        return letters[:PER_PAGE], len(letters) > PER_PAGE

    def _page(self, name: str, status: int = 200, **context: object) -> Response:
        return Response(
            self.environment.render_template(name, **context).encode("utf-8", "replace"), status=status
        )

    def _gone(self) -> Response:
        return self._page("gone.html", status=404, kept=KEPT)


def make_inbox(mailbox: Mailbox, journal: Journal) -> Inbox:
    """The inbox with its templates read."""
    environment = minijinja.Environment(trim_blocks=True, lstrip_blocks=True)
    for path in PAGES.glob("*.html"):
        environment.add_template(path.name, path.read_text("utf-8"))
    environment.add_filter("grouped", lambda number: f"{number:,}")
    return Inbox(mailbox, journal, environment)


def _line(letter: Letter) -> dict[str, object]:
    """A message as a line of the list."""
    reading = read(letter.raw)
    at = datetime.fromtimestamp(letter.at, UTC)
    return {
        "id": letter.id,
        "at": at.isoformat(timespec="seconds"),
        "time": f"{at:%d %b, %H:%M:%S}",
        "recipient": letter.recipient,
        "envelope_sender": letter.sender,
        "sender": reading.sender_name,
        "sender_address": reading.sender_address,
        "initial": next((c for c in reading.sender_name if c.isalnum()), "?").upper(),
        "hue": crc32(reading.sender_address.encode("utf-8", "replace")) % 6,
        "subject": reading.subject,
        "preview": reading.preview,
        "notification": letter.notification,
        "size": len(letter.raw),
    }


def _json(document: Mapping[str, object], status: int = 200) -> Response:
    return Response(
        json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"), "application/json", status
    )
