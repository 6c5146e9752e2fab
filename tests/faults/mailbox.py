"""The receiver's journal as it grows, by Job; and the links in the mails, which people follow."""

import contextlib
import email
import json
import re
import sqlite3
import threading
import time
import uuid
from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from tests import plain

# Seconds that somebody tries to follow a link.
PATIENCE = 120.0


class Mailbox:
    """What came to the receiver, by the sender of the campaign; may be asked from any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._senders: dict[uuid.UUID, str] = {}
        self._accepted: dict[str, list[str]] = defaultdict(list)
        self._refused: dict[str, list[str]] = defaultdict(list)
        self._read: dict[str, int] = defaultdict(int)
        self._reading = threading.Lock()
        self._gone: set[str] = set()

    def expect(self, job: uuid.UUID, sender: str) -> None:
        """Messages of this sender are the Job's."""
        self._senders[job] = sender

    def accepted(self, job: uuid.UUID) -> list[str]:
        """Recipients of accepted messages, in order."""
        self._look()
        return list(self._accepted[self._senders[job]])

    def refused(self, job: uuid.UUID) -> list[str]:
        """Recipients of refused messages, in order."""
        self._look()
        return list(self._refused[self._senders[job]])

    def mark(self, job: uuid.UUID) -> tuple[int, int]:
        """Changes whenever something of the Job's is accepted or refused."""
        self._look()
        sender = self._senders[job]
        return len(self._accepted[sender]), len(self._refused[sender])

    def _look(self) -> None:
        with self._reading:
            for line in self._lines("received.jsonl"):
                self._accepted[line["sender"]].append(line["recipient"])
            for line in self._lines("refused.jsonl"):
                self._refused[line["sender"]].append(line["recipient"])

    def _lines(self, name: str) -> list[dict[str, str]]:
        """The whole lines since the last look."""
        path = self.folder / name
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(self._read[name])
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read[name] += len(whole)
        return [json.loads(line) for line in whole.splitlines()]

    # --- links --------------------------------------------------------------------------------------------

    def unsubscribe(self, job: uuid.UUID, who: str = "") -> str:
        """One who was reached and is still subscribed leaves by one click (RFC 8058), until that is answered."""
        recipient, message = self._letter(job, who)
        url = str(message["List-Unsubscribe"]).strip("<>")
        self._gone.add(recipient)
        _follow("POST", url, {"List-Unsubscribe": "One-Click"})
        return recipient

    def visit(self, job: uuid.UUID) -> str:
        """One who was reached opens the mail and clicks, until that is answered."""
        recipient, message = self._letter(job)
        html = message.get_payload(1, decode=False)
        text = html.get_payload(decode=True).decode()  # type: ignore[union-attr]
        for url in re.findall(r'https?://[^"<> ]+/[oc]/[^"<> ]+', text):
            _follow("GET", url, {})
        return recipient

    def letter(self, job: uuid.UUID) -> tuple[str, bytes]:
        """One who was reached, and the message."""
        recipient, message = self._letter(job)
        return recipient, message.as_bytes()

    def _letter(self, job: uuid.UUID, who: str = "") -> tuple[str, "email.message.Message[str, str]"]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for recipient, raw in self._letters(job).items():
                if recipient not in self._gone and who in ("", recipient):
                    return recipient, email.message_from_bytes(raw)
            time.sleep(0.2)
        raise AssertionError(f"job {job}: nobody has a mail to act upon")

    def _letters(self, job: uuid.UUID) -> dict[str, bytes]:
        with contextlib.closing(sqlite3.connect(self.folder / "inbox.sqlite3", timeout=10)) as inbox:
            query = "SELECT recipient, raw FROM letters WHERE sender = ? ORDER BY id"
            return dict(inbox.execute(query, [self._senders[job]]).fetchall())


def _follow(method: str, url: str, fields: dict[str, str]) -> None:
    near = urlsplit(url)._replace(netloc=f"127.0.0.1:{urlsplit(url).port}").geturl()
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(httpx2.HTTPError):
            answer = httpx2.request(
                method, near, data=fields or None, timeout=20, trust_env=False, verify=plain.TRUSTS_NOBODY
            )
            if answer.status_code < 500:
                assert answer.status_code < 400, f"a link in a mail is answered {answer.status_code}"
                return
        assert time.monotonic() < deadline, "a link in a mail is not answered"
        time.sleep(0.3)
