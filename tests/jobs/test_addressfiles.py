"""Files of addresses, as spreadsheets, databases and people make them."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs import addressfiles
from jobs.addressfiles import FileUnreadable

ANN, BEN = "ann@example.com", "ben@example.com"


def cells(content: bytes) -> list[tuple[int, str]]:
    file = io.BytesIO(content)
    found = list(addressfiles.read(file))
    assert addressfiles.count(file, len(content)) == len(found)
    assert not file.closed
    return found


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"ann@example.com\nben@example.com", [(1, ANN), (2, BEN)]),
        (b"email\r\nann@example.com\r\n\r\nben@example.com\r\n", [(2, ANN), (4, BEN)]),
        (b"ann@example.com\rben@example.com\r", [(1, ANN), (2, BEN)]),
        (b"\xef\xbb\xbfE-Mail\nann@example.com\n", [(2, ANN)]),
        (b"\n \n\nAddress\n ann@example.com \n", [(5, ANN)]),
        (b'"ann@example.com"\n"ben@example.com"\n', [(1, ANN), (2, BEN)]),
        (b'"""a..b""@example.com"\n', [(1, '"a..b"@example.com')]),
        (b"ann@example.com;\nben@example.com;;\n", [(1, ANN), (2, BEN)]),
        (b"name;email;since\nAnn;ann@example.com;2026\nBen\n;;\n", [(2, ANN), (3, "")]),
        (b'"Smith, Ann",ann@example.com\n"Ben ""B""",ben@example.com\n', [(1, ANN), (2, BEN)]),
        (b"id\temail\n1\tann@example.com\n", [(2, ANN)]),
        ("Name;E-Mail\r\nÄnn;ann@example.com\r\n".encode("utf-16"), [(2, ANN)]),
        ("m\u00fcller@b\u00fccher.example\n".encode(), [(1, "m\u00fcller@b\u00fccher.example")]),
        (b"Recipients\nann@example.com\n", [(1, "Recipients"), (2, ANN)]),
        (b"'=ann@example.com\n''-ben@example.com\n'o@example.com\n", None),
        (b'"two\nlines"\nann@example.com\n', [(1, "two\nlines"), (3, ANN)]),
        (b"\x00\x01\x02", [(1, "\x00\x01\x02")]),
    ],
)
def test_addresses_are_found_on_their_lines(content: bytes, found: list[tuple[int, str]] | None) -> None:
    wanted = [(1, "=ann@example.com"), (2, "'-ben@example.com"), (3, "'o@example.com")]
    assert cells(content) == (wanted if found is None else found)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no address in the file"),
        (b"\xef\xbb\xbfemail\r\n\r\n", "no address in the file"),
        (b"ann@example.com\nm\xfcller@example.com\n", "not in UTF-8"),
        ("email\nann@example.com".encode("utf-16")[:-1], "not in UTF-8"),
        (b'email\n"ann@example.com\nben@example.com\n', "Line 2 cannot be read as CSV"),
        (b'ann@example.com\n"ben"@example.com\n', "Line 2 cannot be read as CSV"),
        (b"name,town\nAnn,Oslo\n", "Line 1 has 2 columns"),
        (b"ann@example.com,ben@example.com\n", "Line 1 has 2 columns"),
        (b"email,mail\nann@example.com,ben@example.com\n", "Line 1 has 2 columns"),
        (b"ann@example.com\n" + b"x" * 100_000, "Line 2 is too long"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(content: bytes, sentence: str) -> None:
    with pytest.raises(FileUnreadable, match=sentence):
        addressfiles.count(io.BytesIO(content), len(content))


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addressfiles, "MOST_ROWS", 2)
    assert addressfiles.count(io.BytesIO(b"email\na@b.example\nc@d.example"), 30) == 2
    with pytest.raises(FileUnreadable, match="more than 2 addresses"):
        addressfiles.count(io.BytesIO(b"a@b.example\n" * 3), 36)
    with pytest.raises(FileUnreadable, match="more than 100,000,000 bytes"):
        addressfiles.count(io.BytesIO(), addressfiles.MOST_BYTES + 1)


def test_what_is_written_is_no_formula_and_is_read_as_it_was() -> None:
    names = ["=1+1", "+a", "-a", "@a", "'=a", "''+a", "'a", "\uff1da", "\ufffd=a", "ann", '"a..b"', "a;b,c"]
    addresses = [f"{name}@example.com" for name in names]
    entries = [(address, "=cmd()", "2026-11-26T12:00:00+00:00") for address in addresses]
    content = b"".join(addressfiles.written(entries))
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    assert rows[0] == ["address", "reason", "since"]
    assert not [cell for row in rows for cell in row if cell[:1] in tuple("=+-@\uff1d\ufffd")]
    assert [cell for _, cell in cells(content)] == addresses


def test_a_long_list_is_written_in_pieces() -> None:
    pieces = list(addressfiles.written((f"a{n}@example.com", "added", "") for n in range(20_000)))
    assert len(pieces) > 3
    assert b"".join(pieces).count(b"\r\n") == 20_001
    assert b"".join(addressfiles.written([])) == b"address,reason,since\r\n"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_whatever_bytes_there_are_are_read_or_refused(content: bytes) -> None:
    try:
        rows = addressfiles.count(io.BytesIO(content), len(content))
    except FileUnreadable:
        return
    assert rows == len(list(addressfiles.read(io.BytesIO(content))))
