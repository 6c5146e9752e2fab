"""The bytes of a message, read back by the standard library."""

import email
import email.policy
import uuid
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator.cloud import composing
from accelerator.protocol import Sender
from accelerator.rendering import Rendered

KEY = uuid.UUID("00000000-0000-4000-8000-000000000001")


def build(
    subject: str = "Hello",
    html: str = "<p>hello</p>",
    text: str = "hello",
    *,
    eight_bit: bool = True,
    sender: Sender | None = None,
) -> bytes:
    sender = sender or Sender(
        from_name="Alice", from_address="news@shop.example", reply_to="help@shop.example"
    )
    skeleton = composing.compile_skeleton(KEY, sender, b"secret")
    return composing.compose(
        skeleton,
        Rendered.of(subject, html, text),
        to="bob@a.example",
        message_id=composing.message_id(skeleton, "bob@a.example"),
        unsubscribe_url="https://cloud.example/u/token",
        date="Sun, 22 Nov 2026 10:31:00 +0000",
        eight_bit=eight_bit,
    )


def read(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    assert not any(part.defects for part in message.walk())
    return message


def bodies(data: bytes) -> list[str]:
    return [part.get_content().removesuffix("\n") for part in read(data).iter_parts()]


def test_it_has_every_header_that_a_bulk_message_needs() -> None:
    message = read(build())
    assert message["From"] == "Alice <news@shop.example>"
    assert message["To"] == "bob@a.example"
    assert message["Reply-To"] == "help@shop.example"
    assert message["Subject"] == "Hello"
    assert message["Date"] == "Sun, 22 Nov 2026 10:31:00 +0000"
    assert message["Message-ID"].endswith("@shop.example>")
    assert message["List-Unsubscribe"] == "<https://cloud.example/u/token>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_the_message_id_depends_on_mailing_and_recipient_only() -> None:
    one = composing.compile_skeleton(KEY, Sender(from_name="", from_address="a@shop.example"), b"secret")
    other = composing.compile_skeleton(
        uuid.uuid4(), Sender(from_name="", from_address="a@shop.example"), b"secret"
    )
    assert composing.message_id(one, "bob@a.example") == composing.message_id(one, "bob@a.example")
    assert composing.message_id(one, "bob@a.example") != composing.message_id(one, "bo@a.example")
    assert composing.message_id(one, "bob@a.example") != composing.message_id(other, "bob@a.example")


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), max_size=300))
def test_any_subject_comes_back_as_it_was(subject: str) -> None:
    data = build(subject=subject)
    assert read(data)["Subject"] == subject
    head = data.partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 78 for line in head.split(b"\r\n") if not line.startswith(b"Content-Type"))


def test_a_long_plain_subject_is_folded_between_words() -> None:
    subject = " ".join(["seventeen letters"] * 30)
    assert read(build(subject=subject))["Subject"] == subject
    assert b"=?utf-8" not in build(subject=subject)


@settings(deadline=None)
@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=3000),
    st.booleans(),
)
def test_any_text_comes_back_as_it_was(text: str, eight_bit: bool) -> None:
    data = build(text=text, eight_bit=eight_bit)
    assert all(len(line) <= 998 for line in data.split(b"\r\n"))
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert b"\r" not in data.replace(b"\r\n", b"")
    assert data.isascii() or eight_bit
    if text.strip():
        assert read(data).get_body(("plain",)) is not None
        payload = next(iter(read(data).iter_parts())).get_payload(decode=True)
        assert isinstance(payload, bytes)
        assert payload.decode().replace("\r\n", "\n") == text


@pytest.mark.parametrize(
    ("text", "eight_bit", "encoding"),
    [
        ("plain", False, "7bit"),
        ("Zoë", True, "8bit"),
        ("Zoë", False, "quoted-printable"),
        ("x" * 999, True, "quoted-printable"),
        ("a\0b", True, "quoted-printable"),
    ],
)
def test_the_encoding_is_the_plainest_that_fits(text: str, eight_bit: bool, encoding: str) -> None:
    part = next(iter(read(build(text=text, eight_bit=eight_bit)).iter_parts()))
    assert part["Content-Transfer-Encoding"] == encoding
    assert part.get_content().rstrip("\n") == text


def test_bare_line_ends_cannot_end_the_message_early() -> None:
    data = build(text="a\n.\nb\r.\rc\r\n.\r\nd", html="<p>\n.\n</p>")
    assert b"\r\n.\r\n" in data  # doubled by smtp
    assert data.count(b"\n") == data.count(b"\r\n") == data.count(b"\r")


def test_an_empty_part_is_left_out_but_never_both() -> None:
    assert bodies(build(text=" ")) == ["<p>hello</p>"]
    assert bodies(build(html="")) == ["hello"]
    assert len(bodies(build(html="", text=""))) == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", ""),
        ('The "best" shop\\', 'The "best" shop\\'),
        ("Bücher & mehr", "Bücher & mehr"),
        ("店" * 60, "店" * 60),
        ("Evil\r\nBcc: everybody@a.example", "Evil Bcc: everybody@a.example"),
        ("=?utf-8?q?=0D=0ABcc?=", "=?utf-8?q?=0D=0ABcc?="),
    ],
)
def test_the_senders_name(name: str, shown: str) -> None:
    data = build(sender=Sender(from_name=name, from_address="news@shop.example"))
    message = read(data)
    assert message["From"].addresses[0].addr_spec == "news@shop.example"
    # Python 3.11 reads a space between two encoded words of a name; RFC 2047, section 6.2 says there is none.
    whole = str(make_header(decode_header(email.message_from_bytes(data)["From"])))
    assert parseaddr(whole) == (shown, "news@shop.example")
    assert message["Bcc"] is None


def test_a_line_break_never_becomes_a_header() -> None:
    with pytest.raises(ValueError, match="a line break in Subject"):
        composing.header("Subject", "a\r\nBcc: everybody@a.example")
