"""The receiver's own logs: a line of JSON for every acceptance and every refusal, written before the reply, and one
for everything that was done with a message, written after the answer to it."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_encode = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode


class Log:
    """An append-only file of JSON lines. Each is written whole: a killed process leaves no half line.

    `durable`: a machine that goes down leaves them too.
    """

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self.path = path
        self._durable = durable
        _mend(path)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def append(self, *entries: dict[str, object]) -> None:
        """Hand the lines to the operating system, or to the disk; returns when it has them. Raises OSError."""
        data = "".join(_encode(entry) + "\n" for entry in entries).encode("utf-8", "surrogateescape")
        written = os.write(self._fd, data)
        try:
            if written < len(data):
                raise OSError("the disk is full")
            if self._durable:
                os.fdatasync(self._fd)
        except OSError:
            # Withdraw it, so that neither half a line nor one that may be lost counts as an acceptance.
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            raise

    def close(self) -> None:
        os.close(self._fd)


class Journal:
    """The logs of a folder, and the counts that they amount to, recounted at every start.

    `durable`: what is answered for is on the disk before. What was done with a message is not answered for.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.received = Log(folder / "received.jsonl", durable=durable)
        self.refused = Log(folder / "refused.jsonl", durable=durable)
        self.acted = Log(folder / "acted.jsonl")
        self.counts: Counter[str] = Counter()
        self.counts["accepted"] = sum(1 for _ in _lines(self.received.path))
        self.counts.update(json.loads(line)["kind"] for line in _lines(self.refused.path))
        self.acts = Counter(str(json.loads(line)["act"]) for line in _lines(self.acted.path))

    def accept(self, at: str, sender: str, recipients: list[str], message_id: str, size: int) -> None:
        """Log a message, once for each recipient. Raises OSError; then nothing is logged."""
        same: dict[str, object] = {"message_id": message_id, "size": size}
        self.received.append(
            *[{"at": at, "sender": sender, "recipient": recipient, **same} for recipient in recipients]
        )
        self.counts["accepted"] += len(recipients)

    def refuse(self, at: str, sender: str, recipient: str, kind: str, reply: str) -> None:
        """Log a refusal. Raises OSError."""
        self.refused.append(
            {"at": at, "sender": sender, "recipient": recipient, "kind": kind, "reply": reply}
        )
        self.counts[kind] += 1

    def act(self, at: str, recipient: str, message_id: str, act: str, link: str, status: int) -> None:
        """Log what was done with a message, one at a time. Raises OSError."""
        same: dict[str, object] = {"message_id": message_id, "act": act, "link": link, "status": status}
        self.acted.append({"at": at, "recipient": recipient, **same})
        self.acts[act] += 1

    def summary(self) -> dict[str, int | dict[str, int]]:
        """Recipients accepted, refused (for good or for now), the refusals by kind; and what was "acted", by act."""
        counts = dict(self.counts)
        accepted = counts.pop("accepted", 0)
        refused = {"refused": sum(counts.values()), **dict(sorted(counts.items()))}
        return {"accepted": accepted, **refused, "acted": dict(sorted(self.acts.items()))}

    def mentions(self, address: str, *, limit: int = 20) -> list[dict[str, object]]:
        """What the logs say about exactly this address (in any case), latest first."""
        wanted = address.lower().encode("utf-8", "surrogateescape")
        found: list[dict[str, object]] = []
        for log in (self.received, self.refused, self.acted):
            for line in _lines(log.path):
                if wanted not in line.lower():
                    continue
                entry = json.loads(line)
                if str(entry["recipient"]).lower() == address.lower():
                    found.append(entry)
        found.sort(key=lambda entry: str(entry["at"]), reverse=True)
        return found[:limit]

    def close(self) -> None:
        self.received.close()
        self.refused.close()
        self.acted.close()


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _mend(path: Path) -> None:
    """Cut off a last line without an end: a machine that went down in mid-write had not answered for it."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        data_end = file.seek(0, os.SEEK_END)
        whole = data_end
        step = 4096
        while whole:
            start = max(0, whole - step)
            file.seek(start)
            newline = file.read(whole - start).rfind(b"\n")
            if newline >= 0:
                whole = start + newline + 1
                break
            whole = start
        if whole < data_end:
            file.truncate(whole)
