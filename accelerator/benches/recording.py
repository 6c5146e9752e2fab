"""Runs as `python -m accelerator.benches.recording FILE`: a mail server that takes everything, as fast as senders come.

It says on which port it listens. For each message a line with the time, in seconds since 1970, stands in the file
before its reply is sent.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import BinaryIO, cast

EHLO = b"250-recording.bench.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
OTHERS = {b"EHLO": EHLO, b"DATA": b"354 Go on\r\n", b"QUIT": b"221 Bye\r\n"}
LINE, DOT = b"\r\n", b"\r\n.\r\n"


class Conversation(asyncio.Protocol):
    """One connection: commands and messages, each taken when it is whole."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.heard = bytearray()
        self.in_message = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(b"220 recording.bench.example\r\n")

    def data_received(self, data: bytes) -> None:
        self.heard += data
        replies: list[bytes] = []
        taken = 0
        while (end := self.heard.find(mark := DOT if self.in_message else LINE)) >= 0:
            verb = bytes(self.heard[:4]).upper()
            del self.heard[: end + len(mark)]
            taken += self.in_message
            self.in_message = not self.in_message and verb == b"DATA"
            replies.append(b"250 Taken\r\n" if mark is DOT else OTHERS.get(verb, b"250 OK\r\n"))
        if taken:
            self.file.write(b"%.6f\n" % time.time() * taken)
            self.file.flush()
        self.transport.write(b"".join(replies))


async def listen(path: Path) -> None:
    with path.open("ab") as file:
        server = await asyncio.get_running_loop().create_server(lambda: Conversation(file), "127.0.0.1", 0)
        print(f"Recording on port {server.sockets[0].getsockname()[1]}.", flush=True)  # noqa: T201
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(listen(Path(sys.argv[1])))
