"""Bounces in words: only what is surely one, and for good."""

import pytest

from accelerator.cloud.inbound import reading
from tests.accelerator.cloud.inbound import samples

GONE = "Delivery has failed permanently.\n\n550 5.1.1 no such user\n"


def mail(words: str = GONE, header: str = "Return-Path: <>\n", type_: str = "text/plain") -> bytes:
    return samples.wire(f"{header}Content-Type: {type_}\n\n{words}")


def test_exims_warning_is_none_though_its_words_are_of_failure() -> None:
    assert reading.read(samples.wire(samples.EXIM_WARNING)) is None


@pytest.mark.parametrize(
    "header",
    [
        "Return-Path: <>\n",
        "From: Mail Delivery System <Mailer-Daemon@far.example>\n",
        "From: MAILER-DAEMON\n",
        "From: Mail <MailerDaemon>\n",
        "From: Mail-Daemon@far.example\n",
        "From: postmaster@far.example\n",
    ],
)
def test_words_count_of_those_who_bounce(header: str) -> None:
    found = reading.read(mail(header=header))
    assert found is not None
    assert (found.kind, found.code, found.reply) == (reading.Kind.BOUNCE, "5.1.1", "no such user")


@pytest.mark.parametrize("header", ["Return-Path: <bob@far.example>\nFrom: Bob <bob@far.example>\n", ""])
def test_words_of_others_say_nothing(header: str) -> None:
    assert reading.read(mail(header=header)) is None
    assert reading.read(mail(header=f"{header}X-Failed-Recipients: ann@far.example\n")) is None


@pytest.mark.parametrize(
    "words",
    [
        "This is a permanent error:\n",
        "had permanent fatal errors\n",
        "a permanent failure\n",
        "It permanently failed.\n",
        "It failed permanently.\n",
        "I've given up.\n",
        "Giving up on it.\n",
        "Undeliverable:\n",
        "Undelivered mail\n",
        "Returned mail\n",
        "Returned to sender\n",
        "Delivery failed\n",
        "delivery failure\n",
        "Delivery has failed\n",
        "Delivery to the following recipients failed.\n",
        "Delivery to the following recipient failed.\n",
        "Delivery Status Notification (Failure)\n",
        "It could not be delivered.\n",
        "It couldn't be delivered.\n",
        "It was not delivered.\n",
        "It cannot be delivered.\n",
        "We were unable to deliver it.\n",
        "Sie konnte nicht zugestellt werden.\n",
        "Sie kann nicht ausgeliefert werden.\n",
    ],
)
def test_words_of_failure_need_a_code(words: str) -> None:
    found = reading.read(mail(f"{words}\n550 no\n"))
    assert found is not None
    assert found.code == "550"
    assert reading.read(mail(f"{words}\nno\n")) is None


@pytest.mark.parametrize("words", ["Hello\n", "1550 no failure\n", ""])
def test_a_code_needs_words_of_failure(words: str) -> None:
    assert reading.read(mail(f"{words}\n550 5.1.1 users read this\n")) is None


@pytest.mark.parametrize(
    "words",
    [
        "It will be retried.",
        "It will be attempted again.",
        "We will continue to try.",
        "The server will keep trying.",
        "We are still trying.",
        "It is still being retried.",
        "Delivery attempts will continue.",
        "No action is required on your part.",
        "THIS IS A WARNING MESSAGE ONLY.",
        "Warning: message 1 of yours",
        "Warning: could not send message for past 4 hours",
        "You do not need to resend it.",
        "Your message delayed",
        "Delivery has been delayed.",
        "Your mail is delayed.",
        "The message was temporarily delayed.",
        "Delivery Status Notification (Delay)",
        "It has not yet been delivered.",
        "It has not been delivered yet.",
        "We keep trying.",
        "It could not be delivered immediately, and is queued.",
        "Sie konnte noch nicht zugestellt werden.",
        "Wir versuchen es weiter.",
    ],
)
def test_words_of_a_delay_are_none_in_the_text_and_in_the_subject(words: str) -> None:
    assert reading.read(mail(f"{GONE}\n{words}\n")) is None
    for more in ("", "X-Failed-Recipients: ann@far.example\n"):
        assert reading.read(mail(header=f"Return-Path: <>\nSubject: {words}\n{more}")) is None


@pytest.mark.parametrize(
    ("words", "is_one"),
    [
        ("It could not be delivered within 5 days.", True),
        ("I have given up.", True),
        ("The time limit is exceeded; the message expired.", True),
        ("It will not be tried again.", True),
        ("It could not be delivered.", False),
        ("Your message is undeliverable at this time.", False),
        ("Returned mail: see transcript", False),
    ],
)
def test_of_what_was_refused_for_now_only_giving_up_is_a_bounce(words: str, is_one: bool) -> None:
    found = reading.read(mail(f"<ann@far.example>:\n451 4.2.1 Try later\n\n{words}\n"))
    assert (found is not None) == is_one
    assert found is None or found.code == "4.2.1"


def test_words_of_a_delay_in_the_original_do_not_count() -> None:
    found = reading.read(
        mail(f"{GONE}\n--- Original message follows ---\n\nTo: a@b.example\n\nmessage delayed\n")
    )
    assert found is not None
    assert found.addresses == ("a@b.example",)


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied (vacation)\n",
        "X-Autoreply: yes\n",
        "X-Autorespond:\n",
        "X-Autoresponder: 1\n",
        "Precedence: bulk\nSubject: Out of the office\n",
        "Precedence: junk\nSubject: Out of office: News\n",
        "Precedence: auto_reply\nSubject: Away until Monday\n",
        "Precedence: bulk\nSubject: On vacation\n",
        "Precedence: bulk\nSubject: Holiday\n",
        "Precedence: bulk\nSubject: Absence\n",
        "Precedence: bulk\nSubject: I am absent\n",
        "Precedence: bulk\nSubject: Automatic reply: News\n",
        "Precedence: bulk\nSubject: Autoreply\n",
        "Precedence: bulk\nSubject: Auto-Response\n",
        "Precedence: bulk\nSubject: Abwesenheitsnotiz\n",
        "Precedence: bulk\nSubject: Automatische Antwort\n",
        "Precedence: bulk\nSubject: Im Urlaub\n",
    ],
)
def test_absence_notes_are_none_but_exims_bounces_may_look_so(header: str) -> None:
    assert reading.read(mail(header=f"Return-Path: <>\n{header}")) is None
    failed = f"Return-Path: <>\n{header}X-Failed-Recipients: ann@far.example\n"
    found = reading.read(mail(header=failed))
    assert found is not None
    assert found.addresses == ("ann@far.example",)


@pytest.mark.parametrize(
    "header",
    ["Auto-Submitted: auto-generated\n", "Precedence: bulk\n", "Subject: Away\n", "Precedence: list\n"],
)
def test_what_bounces_have_too_makes_no_absence_note(header: str) -> None:
    assert reading.read(mail(header=f"Return-Path: <>\n{header}")) is not None


def test_a_report_is_no_absence_note() -> None:
    header = samples.FROM_DAEMON + "Precedence: junk\nX-Autoreply: yes\n"
    assert reading.read(samples.wire(samples.report(samples.FAILED, header=header))) is not None


def test_exim_names_all_who_failed_and_the_first_decides() -> None:
    text = samples.EXIM.replace(
        "X-Failed-Recipients: ann@far.example", "X-Failed-Recipients: bob@far.example, zoe@far.example"
    ).replace(samples.EXIM_SAID, samples.EXIM_SAID + "  zoe@far.example\n    550 5.2.2 full\n\n")
    found = reading.read(samples.wire(text))
    assert found is not None
    assert (found.code, found.addresses) == (
        "5.1.1",
        ("bob@far.example", "zoe@far.example", "ann@far.example"),
    )


@pytest.mark.parametrize(
    ("words", "code", "reply", "addresses"),
    [
        ("<a@b.example>\n<c@d.example>\n\n550 no\n\n551 nor that\n", "550", "no", ("a@b.example",)),
        ("550 no\n\n<a@b.example>:\n551 nor that\n", "551", "nor that", ("a@b.example",)),
        ("550 no\n\n<a@b.example>:\nnor that\n", "550", "no", ("a@b.example",)),
        ("<a@b.example>:\nno\n\n<c@d.example>:\n550 nor c\n", "550", "nor c", ("c@d.example",)),
        ("said of a@b.example:\n550 no\n", "550", "no", ()),
        ("'a@b.example'\n550 no\n", "550", "no", ()),
    ],
)
def test_what_is_said_of_a_recipient_with_a_code_comes_first(
    words: str, code: str, reply: str, addresses: tuple[str, ...]
) -> None:
    found = reading.read(mail(f"Delivery failed.\n\n{words}"))
    assert found is not None
    assert (found.code, found.reply, found.addresses) == (code, reply, addresses)


@pytest.mark.parametrize(
    "words",
    [
        "<p>Delivery failed</p><p>ann@far.example<br>\n550 5.1.1 no &amp; never</p>",
        "<DIV>Delivery failed</DIV><BR><div>550-5.1.1 no &amp;<br/>550 5.1.1 never</div>",
    ],
)
def test_words_may_be_in_html_alone(words: str) -> None:
    found = reading.read(mail(words, type_="text/html"))
    assert found is not None
    assert (found.code, found.reply) == ("5.1.1", "no & never")


def test_of_alternatives_the_plain_one_is_read() -> None:
    pieces = samples.Piece("text/html", "<b>Hello</b>"), samples.Piece("text/plain", GONE)
    text = samples.multipart(*pieces, kind="alternative", header="Return-Path: <>\n")
    found = reading.read(samples.wire(text))
    assert found is not None
    assert found.code == "5.1.1"


def test_the_original_may_be_attached_to_words() -> None:
    pieces = samples.Piece("text/plain", GONE), samples.Piece("message/rfc822", samples.ORIGINAL)
    found = reading.read(samples.wire(samples.multipart(*pieces, header="Return-Path: <>\n")))
    assert found is not None
    assert (found.addresses, found.message_ids) == (("ann@far.example",), (samples.MESSAGE_ID,))
    assert samples.CLICK in found.text


def test_words_far_behind_the_beginning_do_not_count() -> None:
    assert reading.read(mail("\n" * 20_000 + GONE)) is None


@pytest.mark.parametrize("header", ["", "From: Ann <ann@far.example>\nSubject: Re: News\n"])
def test_all_else_is_nothing(header: str) -> None:
    assert reading.read(samples.wire(f"{header}\nThanks!\n")) is None
    assert reading.read(b"") is None
