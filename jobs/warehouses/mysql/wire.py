"""The rows of a result as MySQL sends them, taken from the line in large pieces and cut into columns of cells.

The driver makes Python objects of every cell, 100,000 rows a second; here Python only looks where the next row begins,
and Arrow does the rest, ten times as fast. MySQL's documents call these things "MySQL Packets", "Text Resultset" and
"Protocol::LengthEncodedInteger".
"""

import time
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pymysql
from pymysql.connections import Connection
from pymysql.constants import COMMAND, CR, ER
from pymysql.protocol import FieldDescriptorPacket

# Bytes that are cut at once, and seconds until rows are shown that come slowly.
PIECE, PROMPT = 1 << 19, 0.25
RECEIVED = 1 << 18  # bytes asked of the line at once

# Of a packet: the bytes before it, and the length that says that it goes on in the next one.
HEADER, LONGEST = 4, 0xFFFFFF
# What the last packet begins with, and one that is an error; no row does.
END, ERROR = 0xFE, 0xFF
LAST = b"\x05\x00\x00", 9  # how the last packet begins, and its bytes with the header
# What a cell begins with that is NULL, and one whose length is in the next so many bytes.
NULL, LONG = 251, ((252, 2), (253, 3), (254, 8))

INT = pa.int32()
ZERO, ONE = pa.scalar(0, INT), pa.scalar(1, INT)


class Result:
    """What a statement gives: `fields` at once, then its rows, which can be taken once. Raises pymysql.Error."""

    def __init__(self, connection: Connection, statement: str) -> None:
        self._connection = connection
        self.ended = False
        connection._execute_command(COMMAND.COM_QUERY, statement)
        packet = connection._read_packet()
        if packet.is_ok_packet() or packet.is_load_local_packet():
            raise pymysql.err.ProgrammingError(ER.PARSE_ERROR, "It gives no rows.")
        count = packet.read_length_encoded_integer()
        self.fields = [connection._read_packet(FieldDescriptorPacket) for _ in range(count)]
        connection._read_packet()  # the end of the fields
        self._read = connection._rfile.read1  # what has come already; from then on the line itself

    def __iter__(self) -> Iterator[list[pa.BinaryArray]]:
        """Columns of cells, NULL or as the server writes them, for the rows of about PIECE bytes."""
        data, parts = b"", list[bytes]()
        while True:
            data += self._received(_missing(data))
            at = 0
            while True:
                if not parts:
                    starts, at = _rows(data, at)
                    if starts:
                        yield cells(data, starts, len(self.fields))
                packet = _packet(data, at)
                if packet is None:
                    break
                at += HEADER + len(packet)
                if not parts and len(packet) < LONGEST:
                    self._end(packet)
                    return
                parts.append(packet)
                if len(packet) < LONGEST:
                    yield cells(b"".join(parts), [0], len(self.fields))
                    parts.clear()
            data = data[at:]

    def _received(self, least: int) -> bytes:
        """So many bytes at least, and more if they come soon."""
        pieces, have, tail = list[bytes](), 0, b""
        until = float("inf")
        while have < max(least, PIECE):
            wait = None if have < least else until - time.monotonic()
            if wait is not None and (wait <= 0 or _may_be_last(tail)):
                break
            self._connection._sock.settimeout(wait)
            try:
                piece = self._read(RECEIVED)
            except TimeoutError:
                break
            self._read = self._connection._sock.recv
            if not piece and have >= least:
                break  # what came may say why
            if not piece:
                raise pymysql.err.OperationalError(CR.CR_SERVER_LOST, "The server closed the connection.")
            pieces.append(piece)
            have += len(piece)
            tail = (tail + piece)[-LAST[1] :]
            until = min(until, time.monotonic() + PROMPT)
        return b"".join(pieces)

    def _end(self, packet: bytes) -> None:
        self.ended = True
        if packet[0] == ERROR:
            pymysql.err.raise_mysql_exception(packet)


def cells(data: bytes, starts: list[int], width: int) -> list[pa.BinaryArray]:
    """The columns of the rows that begin at `starts`."""
    octets = pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(data)])
    evens = pa.array(range(0, 2 * len(starts), 2), INT)
    at = pa.array(starts, INT)
    columns = []
    for _ in range(width):
        begin, size, null = _measured(octets, at)
        at = pc.add(begin, size)
        columns.append(_cut(octets, begin, at, evens if null is None else pc.if_else(null, None, evens)))
    return columns


def _measured(octets: pa.Array, at: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array | None]:
    """Where the cells begin that are announced there, how long they are, and which are NULL."""
    size = octets.take(at).cast(INT)
    begin = pc.add(at, ONE)
    if pc.max(size).as_py() < NULL:
        return begin, size, None
    first = size
    null = pc.equal(first, NULL)
    size = pc.if_else(null, ZERO, first)
    for code, count in LONG:
        here = pc.equal(first, code)
        if not pc.any(here).as_py():
            continue
        place = pc.if_else(here, begin, ZERO)
        length: pa.Array = ZERO
        for byte in range(min(count, INT.bit_width // 8)):  # no packet is longer than 1 GB
            octet = octets.take(pc.add(place, pa.scalar(byte, INT))).cast(INT)
            length = pc.add(length, pc.shift_left(octet, pa.scalar(8 * byte, INT)))
        size = pc.if_else(here, length, size)
        begin = pc.if_else(here, pc.add(begin, pa.scalar(count, INT)), begin)
    return begin, size, null


def _cut(octets: pa.Array, begin: pa.Array, end: pa.Array, evens: pa.Array) -> pa.BinaryArray:
    """The cells between `begin` and `end`: every other one, if what lies between two of them is taken for a cell too.

    Arrow's offsets are where a cell begins, which is where the one before it ends: both numbers are written as one.
    """
    wide = pa.int64()
    offsets = pc.bit_wise_or(pc.shift_left(end.cast(wide), pa.scalar(32, wide)), begin.cast(wide))
    buffers = [None, offsets.buffers()[1], octets.buffers()[1]]
    return pa.BinaryArray.from_buffers(pa.binary(), 2 * len(begin) - 1, buffers).take(evens)


def _rows(data: bytes, at: int) -> tuple[list[int], int]:
    """Where the rows begin that are there as a whole, in one packet each; and where something else does."""
    starts: list[int] = []
    last = len(data) - HEADER
    while at < last:
        length = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        begin = at + HEADER
        if length > last - at or length == LONGEST or data[begin] >= END:
            break
        starts.append(begin)
        at = begin + length
    return starts, at


def _packet(data: bytes, at: int) -> bytes | None:
    """What is in the packet, if it is there as a whole."""
    end = at + HEADER + int.from_bytes(data[at : at + 3], "little")
    return data[at + HEADER : end] if at + HEADER <= len(data) and end <= len(data) else None


def _missing(data: bytes) -> int:
    """How many bytes more a packet needs that has begun."""
    length = int.from_bytes(data[:3], "little") if len(data) >= HEADER else 0
    return max(1, HEADER + length - len(data))


def _may_be_last(tail: bytes) -> bool:
    """Whether what came ends like a result; what follows is not waited for then."""
    begin, length = LAST
    return len(tail) == length and tail.startswith(begin) and tail[HEADER] == END
