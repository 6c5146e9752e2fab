"""What mails that came back say: of which message, of whom, why; and that most mails say nothing of the kind."""

import pytest

from accelerator.cloud.inbound import reading
from accelerator.cloud.inbound.reading import Kind, Report
from tests.accelerator.cloud.inbound import samples
from tests.accelerator.cloud.inbound.samples import FAILED, FROM_DAEMON, HEADER, ORIGINAL, Piece, report

ANN = "ann@far.example"


def read(text: str) -> Report:
    found = reading.read(samples.wire(text))
    assert found is not None
    return found


def is_nothing(text: str) -> bool:
    return reading.read(samples.wire(text)) is None


def test_the_kinds_have_names_that_others_store() -> None:
    assert [*Kind] == ["bounce", "complaint", "unsubscribe"]


@pytest.mark.parametrize(
    ("mail", "code", "reply"),
    [
        (
            samples.POSTFIX,
            "5.1.1",
            "<ann@far.example>: Recipient address rejected: User unknown in virtual mailbox table",
        ),
        (
            samples.GMAIL,
            "5.1.1",
            "The account that you tried to reach is not there. Please look for typing errors or"
            " spaces. See https://help.far.example/?p=NoSuchUser a1-20 - gsmtp",
        ),
        (
            samples.EXCHANGE_ONLINE,
            "5.1.10",
            "RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
        ),
        (
            samples.EXCHANGE_ON_PREMISES,
            "5.1.10",
            "RESOLVER.ADR.RecipientNotFound; Recipient isn't found",
        ),
        (samples.SENDMAIL, "5.1.1", "<ann@far.example>... User unknown"),
        (
            samples.YAHOO,
            "554",
            "delivery error: dd This user doesn't have an account here [-9] - mta1.far.example",
        ),
        (samples.SES, "5.1.1", "user unknown"),
        (samples.ICLOUD, "5.2.2", "<ann@far.example>: user is over quota"),
        (samples.DOMINO, "5.1.1", "User ann (ann@far.example) not listed in Domino Directory"),
        (samples.GMX, "550", "Requested action not taken: mailbox unavailable"),
        (samples.EXIM, "5.1.1", "No such user at all"),
        (samples.EXIM_UNROUTEABLE, "", "Unrouteable address"),
        (samples.QMAIL, "5.1.1", "No mailbox of that name"),
        (samples.QMAIL_LOCAL, "5.1.1", "Sorry, no mailbox here by that name."),
        (samples.QMAIL_EXPIRED, "4.7.1", "Come back later"),
    ],
)
def test_bounces_of_many_shapes_say_why_whose_and_which(mail: str, code: str, reply: str) -> None:
    found = read(mail)
    assert (found.kind, found.code, found.reply) == (Kind.BOUNCE, code, reply)
    assert found.addresses == (ANN,)
    assert found.message_ids == (samples.MESSAGE_ID,)
    assert samples.LINK in found.text


def test_words_are_read_in_the_characters_they_are_in() -> None:
    latin = samples.GMX_WORDS.replace("unbekannt", "ungültig").encode("latin-1")
    found = reading.read(latin)
    assert found is not None
    assert (found.code, found.reply, found.addresses) == ("550", "Postfach ungültig", (ANN,))


# --- delivery status ------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_what_is_not_lost_is_no_bounce_whatever_its_words(action: str) -> None:
    assert is_nothing(
        report(FAILED.replace("failed", action), human="Permanent error, given up:\n550 5.1.1 no such user\n")
    )


@pytest.mark.parametrize("action", ["Action: FAILED", "Action:failed (for good)", "X-Action: gone"])
def test_an_action_is_read_whatever_its_case_and_may_be_missing(action: str) -> None:
    assert read(report(FAILED.replace("Action: failed", action))).code == "5.1.1"


def test_without_an_action_a_temporary_status_is_no_bounce() -> None:
    assert is_nothing(report("Final-Recipient: rfc822; ann@far.example\nStatus: 4.2.2\n"))


def test_the_first_recipient_that_failed_decides() -> None:
    relayed = "Final-Recipient: rfc822; list@far.example\nAction: relayed\nStatus: 2.0.0\n"
    last = "Final-Recipient: rfc822; zoe@far.example\nAction: failed\nStatus: 5.2.2\n"
    found = read(report(relayed, FAILED, last))
    assert (found.code, found.addresses) == ("5.1.1", (ANN,))


@pytest.mark.parametrize(
    ("status", "diagnostic", "code"),
    [
        ("5.1.1", "smtp; 550 5.7.1 no", "5.1.1"),
        ("5.0.0", "smtp; 550 5.7.1 no", "5.7.1"),
        ("5.0.0", "smtp; 550 no", "550"),
        ("5.0.0", "smtp; 5.1.0 - Unknown address error 550-'no'", "5.1.0"),
        ("5.0.0", "smtp; 450 4.2.1 not now", "5.0.0"),
        ("4.0.0", "smtp; 550 5.1.1 no", "4.0.0"),
        ("4.4.7", "smtp; 550 5.1.1 no", "4.4.7"),
        ("5.0.0", "X-Unix; unknown user", "5.0.0"),
        ("5.0.0", "smtp; 550 5.1.1.7 is an address", "550"),
        ("5.0.0", "smtp; 5.1.1a is none", "5.0.0"),
        ("5.1.1 (bad destination mailbox)", "", "5.1.1"),
        ("(gone) 5. 1 .1", "", "5.1.1"),
        ("5.7.708", "", "5.7.708"),
        ("5.1", "smtp; 550 5.1.2 no", "5.1.2"),
        ("", "smtp; 550 5.1.1 no", "5.1.1"),
        ("", "smtp;452 no", "452"),
        ("2.0.0", "smtp; 550 no", "550"),
        ("", "550 5.1.1 no", "5.1.1"),
        ("", "smtp; gone", ""),
    ],
)
def test_the_code_is_the_status_unless_it_is_vague_or_missing(
    status: str, diagnostic: str, code: str
) -> None:
    fields = f"Final-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: {status}\n"
    assert read(report(f"{fields}Diagnostic-Code: {diagnostic}\n")).code == code


@pytest.mark.parametrize(
    ("diagnostic", "reply"),
    [
        ("smtp; 550-no such\n\t550 user", "no such user"),
        ("smtp; 550 5.1.1 server returned '550 5.7.1 it isn't there' today", "it isn't there"),
        ("smtp;550 #5.1.1 - gone", "gone"),
        ("smtp; no such user (550 5.1.1)", "no such user"),
        ("smtp; 550 5.1.1", ""),
        ("smtp; 5.1.1 gone -", "gone -"),
        ("smtp; 550 a\tb\x07c\u202ed", "a b c d"),
        ("smtp; 550 " + "x" * 600, "x" * 500),
        ("smtp; 550 Zoë", "Zoë"),
        ("smtp; 550 see 550 5.1.1 there", "see 550 5.1.1 there"),
        ("X-Postfix; unknown; user", "unknown; user"),
    ],
)
def test_the_reply_is_in_one_line_and_begins_behind_the_codes(diagnostic: str, reply: str) -> None:
    group = f"Action: failed\nStatus: 5.1.1\nDiagnostic-Code: {diagnostic}\n"
    assert read(report(group)).reply == reply


@pytest.mark.parametrize(
    ("fields", "addresses"),
    [
        ("Final-Recipient: rfc822; zoe@far.example", ("zoe@far.example", ANN)),
        ("Final-Recipient: RFC822;<zoe@far.example>", ("zoe@far.example", ANN)),
        ("Final-Recipient: zoe@far.example", ("zoe@far.example", ANN)),
        ("Final-Recipient: rfc822; zoe@far.example (or bob@far.example)", ("zoe@far.example", ANN)),
        ("Final-Recipient: X-Notes; CN=Ann", (ANN,)),
        (
            "Final-Recipient: rfc822; zoe+2Bx@far.example\nOriginal-Recipient: rfc822;bob+2Bx+3Dy@far.example",
            ("bob+x=y@far.example", "zoe+2Bx@far.example", ANN),
        ),
        ("Original-Recipient: rfc822;bob+42@far.example", ("bob+42@far.example", ANN)),
        (r"Final-Recipient: utf-8; zo\x{EB}@f\x{e4}r.example", ("zoë@fär.example", ANN)),
        ("Final-Recipient: utf-8; zoë@far.example", ("zoë@far.example", ANN)),
        (r"Final-Recipient: utf-8; z\x{D800}\x{FFFFFF}@far.example", (ANN,)),
        ("Final-Recipient: rfc822; o'neil@far.example", ("o'neil@far.example", ANN)),
        ('Final-Recipient: rfc822; "z o"@far.example', ('"z o"@far.example', ANN)),
        ("Final-Recipient: rfc822; ann@far.example", (ANN,)),
    ],
)
def test_recipients_are_named_as_written_once_the_likeliest_first(
    fields: str, addresses: tuple[str, ...]
) -> None:
    assert read(report(f"{fields}\nAction: failed\nStatus: 5.1.1\n")).addresses == addresses


def test_a_name_that_looks_like_an_address_is_none() -> None:
    header = HEADER.replace('"Ann, of far"', "ann@old.example, of")
    assert read(report("Action: failed\n", original=Piece("message/rfc822", header))).addresses == (ANN,)


def test_more_addresses_than_any_report_needs_are_left_out() -> None:
    header = "To: " + ", ".join(f"a{number}@far.example" for number in range(100)) + "\n"
    found = read(report("Action: failed\n", original=Piece("message/rfc822", header)))
    assert len(found.addresses) == reading.ADDRESSES


@pytest.mark.parametrize("type_", ["message/rfc822", "message/global"])
@pytest.mark.parametrize("encoding", ["", "8bit", "base64", "quoted-printable"])
def test_the_original_is_found_and_decoded_whatever_it_is_wrapped_in(type_: str, encoding: str) -> None:
    original = ORIGINAL.replace("=", "=3D") if encoding == "quoted-printable" else ORIGINAL
    found = read(report(FAILED, original=Piece(type_, original, encoding)))
    assert found.message_ids == (samples.MESSAGE_ID,)
    assert samples.LINK in found.text
    assert f'"{samples.CLICK}">Read € more' in found.text


@pytest.mark.parametrize(
    "type_",
    ["text/rfc822-headers", "message/global-headers", "message/rfc822-headers", "Text/RFC822-Headers"],
)
def test_of_the_original_the_header_may_be_all(type_: str) -> None:
    found = read(report(FAILED, original=Piece(type_, "\n\n" + HEADER)))
    assert found.addresses == (ANN,)
    assert found.message_ids == (samples.MESSAGE_ID,)
    assert found.text == HEADER.strip()


def test_without_the_original_the_report_answers_it() -> None:
    found = read(report(FAILED, original=None, header=FROM_DAEMON + "In-Reply-To: <1@shop.example>\n"))
    assert (found.addresses, found.message_ids, found.text) == ((ANN,), ("<1@shop.example>",), "")


def test_what_the_original_says_comes_before_what_the_report_answers() -> None:
    found = read(report(FAILED, header=FROM_DAEMON + "In-Reply-To: <1@shop.example>\n"))
    assert found.message_ids == (samples.MESSAGE_ID,)


def test_all_texts_of_the_original_are_kept_up_to_a_limit() -> None:
    parts = samples.multipart(
        Piece("text/plain", "plain words"), Piece("image/gif", "R0lGOD"), samples.BODY, kind="alternative"
    )
    found = read(report(FAILED, original=Piece("message/rfc822", parts.replace("=_b1", "=_b2"))))
    assert "plain words" in found.text
    assert samples.CLICK in found.text
    assert "R0lGOD" not in found.text
    longer = Piece("message/rfc822", HEADER + "\n" + "x" * 300_000)
    assert len(read(report(FAILED, original=longer)).text) == reading.TEXT


def test_an_original_that_cannot_be_taken_apart_is_kept_as_it_is() -> None:
    original = f"Content-Type: multipart/mixed\n\n--lost\n\n{samples.LINK}\n"
    assert samples.LINK in read(report(FAILED, original=Piece("message/rfc822", original))).text


def test_a_report_in_characters_of_all_languages() -> None:
    found = read(
        report(
            "Final-Recipient: utf-8; zoë@fär.example\nAction: failed\nStatus: 5.6.7\n"
            "Diagnostic-Code: smtp; 550 5.6.7 nö\n",
            type_="message/global-delivery-status",
            original=Piece("message/global", "To: <zoë@fär.example>\nMessage-ID: <ü@shop.example>\n\nö"),
        )
    )
    assert found == Report(
        Kind.BOUNCE,
        "5.6.7",
        "nö",
        ("zoë@fär.example",),
        ("<ü@shop.example>",),
        header="To: <zoë@fär.example>\nMessage-ID: <ü@shop.example>",
        text="To: <zoë@fär.example>\nMessage-ID: <ü@shop.example>\nö",
    )


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_the_status_may_be_encoded(encoding: str) -> None:
    assert read(report(FAILED, encoding=encoding)).code == "5.1.1"


def test_a_report_may_lack_its_end_and_everything_behind() -> None:
    assert read(report(FAILED, end=False)).message_ids == (samples.MESSAGE_ID,)
    assert read(report(FAILED, end=False, original=None)).code == "5.1.1"


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\r\n"])
def test_lines_may_end_in_any_way(ending: bytes) -> None:
    found = reading.read(samples.POSTFIX.encode().replace(b"\n", ending))
    assert found == read(samples.POSTFIX)


def test_empty_groups_are_passed_over() -> None:
    assert read(report("", " \n", FAILED)).code == "5.1.1"
    assert read(report("X-Note: of nobody\n\n \n", FAILED)).code == "5.1.1"


def test_a_report_without_groups_is_read_as_words() -> None:
    found = read(report(human="Delivery failed:\n550 5.1.1 no such user\n"))
    assert (found.code, found.reply) == ("5.1.1", "no such user")


@pytest.mark.parametrize("kind", ["mixed", "signed"])
def test_lists_and_scanners_may_have_wrapped_a_report(kind: str) -> None:
    whole = report(FAILED, header="")
    wrapped = samples.multipart(Piece("text/plain", "Scanned.\n"), whole, kind=kind, boundary="=_outer")
    assert read(wrapped).addresses == (ANN,)


@pytest.mark.parametrize("wrapped", ["attached", "alone"])
def test_a_report_that_somebody_forwards_is_theirs(wrapped: str) -> None:
    attached = Piece("message/rfc822", report(FAILED))
    if wrapped == "alone":
        assert is_nothing(f"From: bob@shop.example\n{attached}")
    assert is_nothing(
        samples.multipart(
            Piece("text/plain", "Look."), attached, boundary="=_outer", header="From: bob@shop.example\n"
        )
    )


@pytest.mark.parametrize(
    "type_",
    [
        "message/disposition-notification",
        "message/global-disposition-notification",
        "message/tracking-status",
        "application/tlsrpt+gzip",
        "application/tlsrpt+json",
    ],
)
def test_reports_of_other_kinds_are_none_of_these(type_: str) -> None:
    human = "Delivery failed permanently:\n550 5.1.1 no such user\n"
    assert is_nothing(report(FAILED, type_=type_, human=human))


# --- feedback -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["abuse", "Fraud", "virus", "other", "miscategorized", "abuse (spam)"])
def test_feedback_is_a_complaint_also_of_types_unknown(name: str) -> None:
    found = read(samples.feedback(f"Feedback-Type: {name}\n"))
    assert found.kind is Kind.COMPLAINT
    assert (found.code, found.reply) == ("", "")
    assert (found.addresses, found.message_ids) == ((ANN,), (samples.MESSAGE_ID,))
    assert samples.CLICK in found.text


@pytest.mark.parametrize("name", ["opt-out", "opt-out-list", "Unsubscribe"])
def test_feedback_may_be_a_wish_to_hear_no_more(name: str) -> None:
    assert read(samples.feedback(f"Feedback-Type: {name}\n")).kind is Kind.UNSUBSCRIBE


@pytest.mark.parametrize("name", ["not-spam", "auth-failure", "dmarc", ""])
def test_feedback_about_other_things_is_nothing(name: str) -> None:
    assert is_nothing(samples.feedback(f"Feedback-Type: {name}\n"))
    assert is_nothing(samples.feedback(""))


@pytest.mark.parametrize(
    ("fields", "addresses"),
    [
        ("Original-Rcpt-To: <zoe@far.example>\n", (ANN, "zoe@far.example")),
        (
            "Original-Rcpt-To: bob@far.example\nOriginal-Rcpt-To: rfc822; zoe@far.example\n",
            (ANN, "bob@far.example", "zoe@far.example"),
        ),
        ("Original-Rcpt-To: <redacted>\n", (ANN,)),
        ("Removal-Recipient: zoe@far.example\n", (ANN,)),
    ],
)
def test_feedback_names_recipients_behind_those_of_the_original(
    fields: str, addresses: tuple[str, ...]
) -> None:
    assert read(samples.feedback(more=fields)).addresses == addresses


def test_feedback_with_redacted_addresses_still_has_links() -> None:
    header = HEADER.replace(ANN, "[redacted]")
    found = read(samples.feedback(original=Piece("text/rfc822-headers", header)))
    assert found.addresses == ()
    assert samples.LINK in found.text


def test_feedback_without_the_original_names_what_it_can() -> None:
    found = read(samples.feedback(more="Original-Rcpt-To: ann@far.example\n", original=None))
    assert found == Report(Kind.COMPLAINT, addresses=(ANN,), header="\nReturn-Path: <bounces@shop.example>")


def older_complaint(sender: str = "<staff@hotmail.com>", field: str = "X-HmXmrOriginalRecipient") -> str:
    return samples.multipart(
        Piece("message/rfc822", f"{field}: <zoe@far.example>\n{ORIGINAL}"), header=f"From: {sender}\n"
    )


def test_a_complaint_in_microsofts_older_style() -> None:
    found = read(older_complaint())
    assert (found.kind, found.addresses) == (Kind.COMPLAINT, (ANN, "zoe@far.example"))
    assert (found.message_ids, samples.LINK in found.text) == ((samples.MESSAGE_ID,), True)
    assert is_nothing(older_complaint(sender="zoe@hotmail.com"))
    assert is_nothing(older_complaint(sender="staff@hotmail.com.far.example"))
    assert is_nothing(older_complaint(field="X-Other"))
    assert is_nothing("From: staff@hotmail.com\n\nHello")
