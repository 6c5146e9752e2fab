"""Mails that come back, as mail servers write them about a message of ours."""

REPORT = """\
Return-Path: <>
From: MAILER-DAEMON@mx.customers.example
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_report"

--=_report
Content-Type: text/plain

This is the mail system. Your message could not be delivered.

--=_report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.customers.example

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} {words}

--=_report
Content-Type: text/rfc822-headers

{header}
--=_report--
"""

COMPLAINT = """\
From: feedback@provider.example
To: {to}
Subject: complaint about message
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="=_report"

--=_report
Content-Type: text/plain

This is an email abuse report.

--=_report
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Provider/1
Version: 1

--=_report
Content-Type: message/rfc822

{message}
--=_report--
"""


def bounce(
    message: bytes,
    *,
    to: str = "news@shop.example",
    recipient: str = "someone@elsewhere.example",
    action: str = "failed",
    status: str = "5.1.1",
    words: str = "No such user",
    header: str | None = None,
) -> bytes:
    """A report on a message, which comes with the message's header, or another one instead."""
    text = message.decode().replace("\r\n", "\n")
    own = text.partition("\n\n")[0] if header is None else header
    made = REPORT.format(to=to, recipient=recipient, action=action, status=status, words=words, header=own)
    return made.replace("\n", "\r\n").encode()


def complaint(message: bytes, *, to: str = "fbl@shop.example") -> bytes:
    made = COMPLAINT.format(to=to, message=message.decode().replace("\r\n", "\n"))
    return made.replace("\n", "\r\n").encode()


def plain(*, to: str, subject: str = "unsubscribe", **header: str) -> bytes:
    """A mail of a person's, or of a program's that answers for one."""
    lines = ["From: bob@home.example", f"To: {to}", f"Subject: {subject}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in header.items()]
    return "\r\n".join([*lines, "", "Hello", ""]).encode()
