"""How a mail is taken apart: header, parts, what they say."""

import pytest

from accelerator.cloud.inbound import mime


@pytest.mark.parametrize(
    ("charset", "word"),
    [
        ("utf-8", "Ablehnung für €"),
        ("us-ascii", "Ablehnung für €"),  # which it is not, then
        ("ISO-8859-1", "für"),
        ("windows-1252", "für €"),
        ("koi8-r", "отказано"),
        ("iso-2022-jp", "不明"),
        ("iso-2022-kr", "거부"),
        ("gb2312", "拒绝"),
        ("gbk", "拒絕"),
        ("gb18030", "拒絕"),
        ("big5", "拒絕"),
        ("shift_jis", "不明"),
        ("euc-jp", "不明"),
        ("euc-kr", "거부"),
    ],
)
def test_words_are_read_in_the_characters_they_were_written_in(charset: str, word: str) -> None:
    encoded = word.encode("utf-8" if charset == "us-ascii" else charset)
    field = f"Content-Type: text/plain; format=flowed; Charset={charset} (so they say)\n\n".encode()
    assert mime.mail(field + encoded).text == word


@pytest.mark.parametrize("charset", ["x-unknown", "iso-8859-99", "idna", "punycode", "rot13", "utf-7", ""])
def test_what_is_no_charset_of_mail_is_read_as_utf_8(charset: str) -> None:
    field = f'Content-Type: text/plain; charset="{charset}"\n\n'.encode()
    assert mime.mail(field + "+AGE-ü\0".encode() + b"\xff").text == "+AGE-ü\ufffd"


@pytest.mark.parametrize(
    ("value", "boundary"),
    [
        ("multipart/mixed; boundary=b", "b"),
        ("multipart/mixed;boundary=b;x=y", "b"),
        ("multipart/mixed; a=1;\n\tBoundary = b", "b"),
        ('multipart/mixed; boundary="b c; d"', "b c; d"),
        (r'multipart/mixed; boundary="b\"c\\d"', 'b"c\\d'),
        ("multipart/mixed; x-boundary=b", ""),
    ],
)
def test_parameters_of_a_type_may_be_quoted(value: str, boundary: str) -> None:
    assert mime.mail(f"Content-Type: {value}\n\n".encode()).parameter("boundary") == boundary


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("Text/HTML", "text/html"),
        (" application/x.y+z;a=b", "application/x.y+z"),
        ("text", "text/plain"),
        ("", "text/plain"),
    ],
)
def test_a_type_is_in_small_letters_and_without_one_it_is_text(value: str, type_: str) -> None:
    assert mime.mail(f"Content-Type:{value}\n\n".encode()).type == type_


def bodies(body: bytes, head: bytes = b"Content-Type: multipart/mixed; boundary=b\n\n") -> list[bytes]:
    return [one.body for one in mime.mail(head + body).parts()]


def test_parts_stand_between_boundaries_and_nowhere_else() -> None:
    assert bodies(b"before\n--b\n\n1\n--b \t\n\n--bb\n--b x\n --b\n--b--\n\nbehind\n--b\n\n4") == [
        b"1\n",
        b"--bb\n--b x\n --b\n",
    ]
    assert bodies(b"--b\n\n1") == [b"1"]
    assert bodies(b"none") == []
    assert bodies(b"--b\n\n1\n", b"Content-Type: text/plain; boundary=b\n\n") == []
    assert bodies(b"--\n\n1\n", b"Content-Type: multipart/mixed\n\n") == []


def test_fields_are_unfolded_and_keep_their_order() -> None:
    header = "A: 1\nno field\nb : 2\n\t3\nÄ: 4\na:\n 5 \n: 6\n"
    assert mime.fields(header) == {"a": ["1", "5"], "b": ["2 3"]}


@pytest.mark.parametrize("encoding", ["Quoted-Printable", " quoted-printable "])
def test_quoted_printable_is_read(encoding: str) -> None:
    assert mime.mail(f"Content-Transfer-Encoding:{encoding}\n\na=3Db=\nc=zz".encode()).text == "a=bc=zz"


@pytest.mark.parametrize(
    ("digits", "text"),
    [
        (b"aGVsbG8=", "hello"),
        (b"aGVs\nbG8", "hello"),
        (b"aGVsbG8hh", "hello!"),
        (b"a", ""),
        (b"*aGVs*", "hel"),
        (b"aGVsAA==", "hel"),
    ],
)
def test_base64_is_read_as_far_as_it_goes(digits: bytes, text: str) -> None:
    assert mime.mail(b"Content-Transfer-Encoding: Base64\n\n" + digits).text == text


def test_the_header_ends_somewhere() -> None:
    assert mime.mail(b"A: b\n" * 100_000 + b"C: d\n").first("c") == ""
    assert len(mime.mail(b"A: " + b"b" * 100_000).first("a")) < mime.VALUE
    assert len(mime.mail(b"a\n\n" + b"b" * 5_000_000).body) == mime.MAIL - 3


def test_a_mail_may_begin_late() -> None:
    mail = b"\r\n\r\nFrom bob@far.example Thu Nov 26 12:00:00 2026\r\nA: b\r\n\r\nc: d"
    assert mime.mail(mail).fields == {"a": ["b"]}
    assert mime.part(b"\na: b\n\nc").body == b"a: b\n\nc"
