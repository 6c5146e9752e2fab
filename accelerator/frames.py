"""How a child process and its parent speak: frames of a few byte strings each."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

COUNT = struct.Struct("!B")
SIZES = [struct.Struct(f"!{count}I") for count in range(256)]


def pack(*strings: bytes) -> bytes:
    """The strings, at least one, as one frame."""
    sizes = SIZES[len(strings)].pack(*map(len, strings))
    return b"".join((COUNT.pack(len(strings)), sizes, *strings))


def read(source: BinaryIO) -> Iterator[list[bytes]]:
    """The frames that come, until there are no more; what breaks off is none."""
    while count := source.read(COUNT.size):
        sizes = SIZES[count[0]]
        announced = source.read(sizes.size)
        if len(announced) < sizes.size:
            return
        wanted = sizes.unpack(announced)
        strings = [source.read(size) for size in wanted]
        if sum(map(len, strings)) < sum(wanted):
            return
        yield strings


class Incoming:
    """Makes frames of bytes that come in pieces of any size."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, piece: bytes) -> None:
        self._bytes += piece

    def take(self) -> list[bytes] | None:
        """The next frame, if the whole of it is there."""
        came = self._bytes
        if not came:
            return None
        sizes = SIZES[came[0]]
        at = COUNT.size + sizes.size
        if len(came) < at:
            return None
        announced = sizes.unpack_from(came, COUNT.size)
        if len(came) < at + sum(announced):
            return None
        strings = []
        with memoryview(came) as view:
            for size in announced:
                strings.append(bytes(view[at : at + size]))
                at += size
        del came[:at]
        return strings
