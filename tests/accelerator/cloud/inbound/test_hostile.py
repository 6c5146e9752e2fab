"""Mails that are written to break whoever reads them: nothing is raised, and nothing takes long."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator.cloud.inbound import mime, reading
from tests.accelerator.cloud.inbound import samples

WIRE = [samples.wire(one) for one in samples.ALL]
# Bytes that mean something somewhere.
BITS = st.sampled_from(
    [
        b"\n",
        b"\r\n",
        b"\r",
        b"\0",
        b"--",
        b"--=_b1",
        b":",
        b";",
        b"=",
        b'"',
        b"\\",
        b"<",
        b">",
        b"@",
        b"(",
        b" ",
    ]
) | st.binary(max_size=8)


@settings(deadline=None)
@given(st.binary(max_size=2_000))
def test_no_bytes_raise(data: bytes) -> None:
    assert isinstance(reading.read(data), reading.Report | None)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_mangled_report_raises(data: st.DataObject) -> None:
    mail = data.draw(st.sampled_from(WIRE))
    for _ in range(data.draw(st.integers(0, 4))):
        first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(mail))] * 2)))
        mail = mail[:first] + data.draw(BITS) * data.draw(st.integers(0, 3)) + mail[last:]
    found = reading.read(mail)
    assert found is None or (
        found.reply.isprintable()
        and len(found.reply) <= 500
        and all("@" in address and address.isprintable() for address in found.addresses)
        and "\0" not in found.text
    )


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(WIRE), st.data())
def test_no_report_that_is_cut_off_raises(mail: bytes, data: st.DataObject) -> None:
    reading.read(mail[: data.draw(st.integers(0, len(mail)))])


def nested(depth: int) -> bytes:
    opened = b"".join(
        b'Content-Type: multipart/report; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(depth)
    )
    return opened + samples.report(samples.FAILED).encode()


LONG = 1_000_000
STATUS = b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
DAEMON = b"Return-Path: <>\nX-Failed-Recipients: a@b.example\n"
HOSTILE = {
    "nested": nested(20_000),
    "parts": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * (LONG // 5),
    "parts in parts": b"Content-Type: multipart/mixed; boundary=b\n\n"
    + b"--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n" * (LONG // 50),
    "one line": b"a" * LONG,
    "header of one field": b"From: " + b"a" * LONG,
    "header of many": b"a: b\n" * (LONG // 5),
    "header folded": b"To: a\n" + b" b\n" * (LONG // 3),
    "content type": b"Content-Type: multipart/report" + b'; a="' * (LONG // 5),
    "quoted": b'Content-Type: multipart/report; boundary="' + b"\\a" * (LONG // 2),
    "returns": b"\r" * LONG,
    "blank lines": DAEMON + b"\n" + b"\n \t\n" * (LONG // 4),
    "blanks": DAEMON + b"\n" + b" " * LONG,
    "dashes": DAEMON + b"\n" + b"-" * LONG,
    "digits": DAEMON + b"\n" + b"5.1.1" * (LONG // 5),
    "at": DAEMON + b"\n" + b"a@" * (LONG // 2),
    "returned": DAEMON + b"\n" + b"server returned '" * (LONG // 17),
    "tags": DAEMON + b"Content-Type: text/html\n\n" + b"<br" * (LONG // 3),
    "from": b"From: " + b"(" * LONG + b"\n\n",
    "groups": STATUS + b"Action: delayed\n\n" * (LONG // 17),
    "diagnostic": STATUS + b"Action: failed\nDiagnostic-Code: " + b"550-" * (LONG // 4),
    "diagnostic folded": STATUS + b"Action: failed\nDiagnostic-Code: 550-\n" + b" 550-\n" * (LONG // 6),
    "recipient": STATUS + b"Action: failed\nFinal-Recipient: " + b"\\x{41}" * (LONG // 6),
    "quotes": STATUS + b"Action: failed\nFinal-Recipient: " + b'"a' * (LONG // 2),
    "ids": b"Message-ID: " + b"<a" * (LONG // 2),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_mail_takes_long(data: bytes) -> None:
    began = time.process_time()
    reading.read(data)
    # It takes less than one. What grows with the square of the length would take hours.
    assert time.process_time() - began < 10


def test_a_report_is_read_in_so_many_multiparts_and_no_more() -> None:
    assert reading.read(nested(mime.DEPTH - 1)) is not None
    assert reading.read(nested(mime.DEPTH)) is None


def test_so_many_parts_are_read_and_no_more() -> None:
    def behind(parts: int) -> bytes:
        pieces = [samples.Piece("image/gif", "")] * parts + [
            samples.Piece("message/delivery-status", "Action: failed")
        ]
        return samples.multipart(*pieces).encode()

    assert reading.read(behind(mime.PARTS - 2)) is not None
    assert reading.read(behind(mime.PARTS - 1)) is None


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Type: text/plain; charset=x-unknown",
        b"Content-Type: text/plain; charset=iso-8859-99",
        b"Content-Type: text/plain; charset=idna",
        b"Content-Type: text/plain; charset*0=a; charset*=b",
        b"Content-Type: \xff\xfe/\xff",
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: \xff",
        b"From: =?utf-8?B?!!!?= =?x?Q?=zz?=",
        b"To: \xff\xfe\0 <\xff@\xff>",
        b"\xff\xfe: \xff",
    ],
)
def test_fields_that_mean_nothing_raise_nothing(field: bytes) -> None:
    for mail in WIRE:
        reading.read(field + b"\r\n" + mail)
        reading.read(mail.replace(b"Subject: News", field))
        reading.read(mail.replace(b"Content-Type: text/html; charset=utf-8", field))
