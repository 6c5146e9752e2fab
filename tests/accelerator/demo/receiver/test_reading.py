"""Mail as a person reads it, however it was written."""

from email.message import EmailMessage

from accelerator.demo.receiver.reading import read


def message(text: str | None = None, html: str | None = None, **headers: str) -> bytes:
    made = EmailMessage()
    for name, value in headers.items():
        made[name] = value
    if text is not None:
        made.set_content(text)
    if html is not None:
        if text is None:
            made.set_content(html, subtype="html")
        else:
            made.add_alternative(html, subtype="html")
    return made.as_bytes()


def test_it_takes_a_message_of_two_parts_apart() -> None:
    reading = read(
        message(
            "Guten Tag Jürgen",
            "<style>p{}</style><div>Vorschau \u034f\u200c\u034f\u200c</div><p>Guten Tag <b>Jürgen</b></p>",
            From='"Heron & Hale" <hello@x.example>',
            Subject="Für 恵子",
        )
    )
    assert (reading.sender_name, reading.sender_address) == ("Heron & Hale", "hello@x.example")
    assert reading.subject == "Für 恵子"
    assert reading.preview.startswith("Vorschau Guten Tag Jürgen")
    assert reading.html
    assert "<b>Jürgen</b>" in reading.html
    assert reading.text.strip() == "Guten Tag Jürgen"


def test_a_message_of_text_alone_has_no_html() -> None:
    reading = read(message("Nobody was contacted.\n", From="accelerator@x.example"))
    assert reading.html is None
    assert reading.sender_name == "accelerator@x.example"
    assert reading.preview == "Nobody was contacted."


def test_a_message_of_html_alone_can_still_be_read_as_text() -> None:
    assert read(message(html="<p>Hello <i>there</i></p>")).text.split() == ["Hello", "there"]


def test_malformed_mail_is_shown_as_it_came() -> None:
    for raw in (
        b"",
        b"\xff\xfe\x00",
        b"no headers at all",
        b"From: <<>>@@\r\nSubject: =?utf-8?b?%%%?=\r\nContent-Type: multipart/alternative\r\n\r\nx",
        b"Content-Type: text/html; charset=klingon\r\n\r\n<p>Qapla'</p>",
        b"From: a@x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
    ):
        reading = read(raw)
        assert isinstance(reading.text, str)
        assert isinstance(reading.preview, str)
