"""Rows cut from the line, from a server that sends them in pieces of any size, ends in the middle, or asks for more."""

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pymysql
import pytest
from pymysql.connections import Connection

from jobs.warehouses.mysql import wire

Row = tuple[bytes | None, ...]

END = b"\xfe\x00\x00\x02\x00"
KILLED = b"\xff" + struct.pack("<H", 1317) + b"#70100Query execution was interrupted"


def announced(text: bytes) -> bytes:
    """MySQL's length-encoded string."""
    size = len(text)
    if size < 251:
        return bytes([size]) + text
    if size < 1 << 16:
        return b"\xfc" + struct.pack("<H", size) + text
    if size < 1 << 24:
        return b"\xfd" + struct.pack("<I", size)[:3] + text
    return b"\xfe" + struct.pack("<Q", size) + text


def packets(payloads: Sequence[bytes], number: int = 1) -> bytes:
    """As they go over the line; a long one in several, the last of which may be empty."""
    sent = bytearray()
    for payload in payloads:
        parts = [payload[at : at + 0xFFFFFF] for at in range(0, len(payload) + 1, 0xFFFFFF)]
        for part in parts:
            sent += struct.pack("<I", len(part))[:3] + bytes([number % 256]) + part
            number += 1
    return bytes(sent)


def result(width: int, rows: Sequence[Row], last: bytes = END) -> bytes:
    field = b"".join(map(announced, (b"def", b"w", b"t", b"t", b"x", b"x")))
    field += b"\x0c" + struct.pack("<HIBHB", 63, 100, 253, 0, 0) + b"\0\0"
    cells = (b"".join(b"\xfb" if cell is None else announced(cell) for cell in row) for row in rows)
    return packets([bytes([width]), *[field] * width, END, *cells, last])


@contextmanager
def line(sent: bytes, piece: int = 1 << 16) -> Iterator[Connection]:
    """A connection whose server sends this, in pieces of the size, and hangs up."""
    ours, theirs = socket.socketpair()
    connection = Connection(defer_connect=True)
    connection._sock, connection._rfile, connection._current_timeout = ours, ours.makefile("rb"), None

    def send() -> None:
        with theirs:
            theirs.recv(1 << 10)  # the statement
            for at in range(0, len(sent), piece):
                theirs.sendall(sent[at : at + piece])

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield connection
    finally:
        connection._force_close()
        sender.join()


def taken(connection: Connection) -> list[Row]:
    rows: list[Row] = []
    for columns in wire.Result(connection, "SELECT"):
        rows += zip(*(column.to_pylist() for column in columns), strict=True)
    return rows


ROWS: list[Row] = [
    (b"", None, b"\xfe\xff\xfb"),
    (None, None, None),
    (b"x" * 250, b"y" * 251, b""),
    (b"x" * 300, None, b"y" * 70_000),
    (b"\xfe" * 8, b"\x05\x00\x00\x09\xfe\x00\x00\x02\x00", b"z"),
]


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 64, 1000, 70_003, 1 << 20])
def test_rows_are_the_same_in_whatever_pieces_they_come(piece: int) -> None:
    with line(result(3, ROWS * 2), piece) as connection:
        assert taken(connection) == ROWS * 2


@pytest.mark.parametrize("size", [0xFFFFFF - 5, 0xFFFFFF - 4, 0xFFFFFF - 3, 0xFFFFFF, 2 * 0xFFFFFF - 9])
def test_a_row_may_take_several_packets(size: int) -> None:
    rows: list[Row] = [(b"a", b"1"), (b"x" * size, None), (b"b", b"2")]
    with line(result(2, rows), 1 << 20) as connection:
        assert taken(connection) == rows


def test_no_rows_are_none() -> None:
    with line(result(2, [])) as connection:
        assert taken(connection) == []


def test_an_error_after_rows_is_raised_after_them() -> None:
    found: list[object] = []
    with line(result(3, ROWS, last=KILLED)) as connection:
        rows = wire.Result(connection, "SELECT")
        with pytest.raises(pymysql.err.OperationalError, match="interrupted"):
            found.extend(rows)
        assert len(found) == 1
        assert rows.ended


@pytest.mark.parametrize("lost", [1, 5, 9, 12, 70_000])
def test_a_line_that_ends_before_the_rows_do_is_an_error(lost: int) -> None:
    with (
        line(result(3, ROWS)[:-lost]) as connection,
        pytest.raises(pymysql.err.OperationalError, match="closed"),
    ):
        taken(connection)


def test_a_server_that_asks_for_a_file_is_refused() -> None:
    refused = pytest.raises(pymysql.err.ProgrammingError, match="no rows")
    with line(packets([b"\xfb/etc/passwd"])) as connection, refused:
        wire.Result(connection, "SELECT")
