"""Mails that came back, in the shapes in which mail servers send them. All of them are made up."""

import base64
from dataclasses import dataclass

TOKEN = "AAAAAQAAAAAAAAAHAAAAKm5vdC1hLXJlYWwtc2lnbmF0dXJlLWp1c3QtbGV0dGVycw-_"
LINK = f"https://links.shop.example/u/{TOKEN}"
MESSAGE_ID = "<6f1c.42@shop.example>"

HEADER = f"""\
Received: from shop.example (shop.example [192.0.2.1]) by mx.far.example; Thu, 26 Nov 2026 12:00:00 +0000
Date: Thu, 26 Nov 2026 12:00:00 +0000
Message-ID: {MESSAGE_ID}
List-Unsubscribe: <{LINK}>
From: Shop <news@shop.example>
To: "Ann, of far" <ann@far.example>
Subject: News
MIME-Version: 1.0
"""
# The link is broken where quoted-printable breaks lines.
BODY = f"""\
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<a href=3D"https://links.shop.example/c/{TOKEN[:30]}=
{TOKEN[30:]}">Read =E2=82=AC more</a>
"""
ORIGINAL = HEADER + BODY
CLICK = f"https://links.shop.example/c/{TOKEN}"


def wire(text: str) -> bytes:
    """As it comes over a line."""
    return text.encode().replace(b"\n", b"\r\n")


@dataclass(frozen=True)
class Piece:
    """A part of a multipart."""

    type: str
    content: str
    encoding: str = ""

    def __str__(self) -> str:
        content = self.content
        if self.encoding == "base64":
            content = base64.encodebytes(content.encode()).decode()
        field = f"Content-Transfer-Encoding: {self.encoding}\n" if self.encoding else ""
        return f"Content-Type: {self.type}\n{field}\n{content}"


def multipart(
    *pieces: Piece | str, kind: str = "mixed", boundary: str = "=_b1", header: str = "", end: bool = True
) -> str:
    """A multipart with its header, whole or without its end."""
    inside = "".join(f"--{boundary}\n{piece}\n" for piece in pieces)
    closed = f"--{boundary}--\n" if end else ""
    return f'{header}Content-Type: multipart/{kind}; boundary="{boundary}"\n\n{inside}{closed}'


FROM_DAEMON = """\
Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mx.far.example>
To: bounces@shop.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
"""

FAILED = """\
Final-Recipient: rfc822; ann@far.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ann@far.example>: User unknown
"""


def report(
    *groups: str,
    human: str = "Your message could not be delivered.\n",
    original: Piece | None = Piece("message/rfc822", ORIGINAL),
    kind: str = "report; report-type=delivery-status",
    type_: str = "message/delivery-status",
    encoding: str = "",
    header: str = FROM_DAEMON,
    end: bool = True,
) -> str:
    """A delivery status notification (RFC 3464) about these recipients."""
    status = "\n".join(["Reporting-MTA: dns; mx.far.example\n", *groups])
    pieces = [Piece("text/plain; charset=utf-8", human), Piece(type_, status, encoding)]
    return multipart(*pieces, *([original] if original else []), kind=kind, header=header, end=end)


def feedback(
    feedback_type: str = "Feedback-Type: abuse\n",
    more: str = "",
    original: Piece | None = Piece("message/rfc822", ORIGINAL),
) -> str:
    """A feedback report (RFC 5965)."""
    fields = (
        f"{feedback_type}User-Agent: Loop/1\nVersion: 1\nOriginal-Mail-From: <bounces@shop.example>\n{more}"
    )
    human = Piece("text/plain", "This is a report of an email that one of our customers complained of.\n")
    machine = Piece("message/feedback-report", fields)
    return multipart(
        human,
        machine,
        *([original] if original else []),
        kind="report; report-type=feedback-report",
        header="From: feedback@far.example\nTo: fbl@shop.example\nSubject: FW: News\nMIME-Version: 1.0\n",
    )


# --- the large ones -------------------------------------------------------------------------------------

POSTFIX = report(
    """\
Final-Recipient: rfc822; ann@far.example
Original-Recipient: rfc822;ann@far.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.far.example
Diagnostic-Code: smtp; 550 5.1.1 <ann@far.example>: Recipient address rejected:
    User unknown in virtual mailbox table
""",
    human="""\
This is the mail system at host relay.shop.example.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

<ann@far.example>: host mx.far.example[192.0.2.9] said: 550 5.1.1
    <ann@far.example>: Recipient address rejected: User unknown in virtual
    mailbox table (in reply to RCPT TO command)
""",
)

GMAIL = report(
    """\
Final-Recipient: rfc822; ann@far.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.far.example. (192.0.2.9, the server for the domain far.example.)
Diagnostic-Code: smtp; 550-5.1.1 The account that you tried to reach is not there. Please
 550-5.1.1 look for typing errors or
 550 5.1.1 spaces. See https://help.far.example/?p=NoSuchUser a1-20 - gsmtp
Last-Attempt-Date: Thu, 26 Nov 2026 04:00:01 -0800 (PST)
""",
    header=FROM_DAEMON + f"X-Failed-Recipients: ann@far.example\nIn-Reply-To: {MESSAGE_ID}\n",
)

EXCHANGE_ONLINE = report(
    """\
Final-Recipient: rfc822;ann@far.example
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup
""",
    header="From: postmaster@far.example\nTo: bounces@shop.example\nSubject: Undeliverable: News\n",
    original=Piece("text/rfc822-headers", HEADER),
)

# Its own servers: what the far one said is told by the words for people alone, and so is the header of the original.
EXCHANGE_ON_PREMISES = report(
    "Final-recipient: RFC822; ann@far.example\nAction: failed\nStatus: 5.0.0\nX-Supplementary-Info: none\n",
    human=f"""\
Delivery has failed to these recipients or groups:

Ann

Diagnostic information for administrators:

Generating server: ex1.far.example

ann@far.example
Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient isn't found'

Original message headers:

{HEADER}
""",
    original=None,
)

SENDMAIL = report(
    """\
Final-Recipient: RFC822; ann@far.example
Action: failed
Status: 5.1.1
Last-Attempt-Date: Thu, 26 Nov 2026 12:00:00 GMT
""",
    human="""\
The original message was received at Thu, 26 Nov 2026 12:00:00 GMT
from shop.example [192.0.2.1]

   ----- The following addresses had permanent fatal errors -----
<ann@far.example>

   ----- Transcript of session follows -----
550 5.1.1 <ann@far.example>... User unknown
""",
)

YAHOO = report(
    """\
Final-Recipient: rfc822; ann@far.example
Action: failed
Status: 5.0.0
Diagnostic-Code: smtp; 554 delivery error: dd This user doesn't have an account here [-9] - mta1.far.example
"""
)

SES = report(
    """\
Action: failed
Final-Recipient: rfc822; ann@far.example
Diagnostic-Code: smtp; 550 5.1.1 user unknown
Status: 5.1.1
""",
    human="An error occurred while trying to deliver the mail to the following recipients:\nann@far.example\n",
    kind="report; report-type=delivery-status; charset=utf-8",
)

ICLOUD = report(
    """\
Original-recipient: rfc822;ann@far.example
Final-recipient: rfc822;ann@far.example
Action: failed
Status: 5.2.2 (Over quota)
Diagnostic-code: smtp;552 5.2.2 <ann@far.example>: user is over quota
""",
    original=Piece("text/rfc822-headers", HEADER),
)

DOMINO = report(
    """\
Final-Recipient: rfc822;ann@far.example
Action: failed
Status: 5.1.1
Diagnostic-Code: X-Notes; User ann (ann@far.example) not listed in Domino Directory
""",
    header="From: Postmaster@far.example\nTo: bounces@shop.example\nSubject: DELIVERY FAILURE\nMIME-Version: 1.0\n",
)

GMX = report(
    """\
Final-Recipient: rfc822; ann@far.example
Action: failed
Status: 5.0.0
Diagnostic-Code: smtp; 550 Requested action not taken: mailbox unavailable
""",
    header="Return-Path: <>\nFrom: GMX Mailer Daemon <mailer-daemon@far.example>\nSubject: Mail delivery failed\n",
)

# --- in words alone -------------------------------------------------------------------------------------

EXIM_HEADER = """\
Return-path: <>
X-Failed-Recipients: ann@far.example
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mx.far.example>
To: bounces@shop.example
Subject: Mail delivery failed: returning message to sender
"""
EXIM_WORDS = """\
This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

"""
EXIM_SAID = """\
  ann@far.example
    host mx.far.example [192.0.2.9]
    SMTP error from remote mail server after RCPT TO:<ann@far.example>:
    550-5.1.1 No such user
    550 5.1.1 at all

"""
EXIM_COPY = "------ This is a copy of the message, including all the headers. ------\n\n" + ORIGINAL
EXIM = f"{EXIM_HEADER}\n{EXIM_WORDS}{EXIM_SAID}{EXIM_COPY}"
EXIM_UNROUTEABLE = f"{EXIM_HEADER}\n{EXIM_WORDS}  ann@far.example\n    Unrouteable address\n\n{EXIM_COPY}"

EXIM_WARNING = """\
Return-path: <>
From: Mail Delivery System <Mailer-Daemon@mx.far.example>
Auto-Submitted: auto-replied
Subject: Warning: message 1abc delayed 24 hours

This message was created automatically by mail delivery software.

A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue.

  ann@far.example
    host mx.far.example [192.0.2.9]: 450 4.2.0 could not be delivered: permanent failure of a disk

No action is required on your part. Delivery attempts will continue for some time.
"""

QMAIL_HEADER = """\
Return-Path: <>
From: MAILER-DAEMON@relay.shop.example
To: bounces@shop.example
Subject: failure notice

Hi. This is the qmail-send program at relay.shop.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

"""
QMAIL_COPY = (
    "--- Below this line is a copy of the message.\n\nReturn-Path: <bounces@shop.example>\n" + ORIGINAL
)
QMAIL = (
    QMAIL_HEADER
    + """\
<ann@far.example>:
192.0.2.9 does not like recipient.
Remote host said: 550 5.1.1 No mailbox of that name
Giving up on 192.0.2.9.

"""
    + QMAIL_COPY
)
QMAIL_LOCAL = (
    QMAIL_HEADER + "<ann@far.example>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n" + QMAIL_COPY
)
QMAIL_EXPIRED = (
    QMAIL_HEADER
    + """\
<ann@far.example>:
Connected to 192.0.2.9 but my name was rejected.
Remote host said: 450 4.7.1 Come back later
I'm not going to try again; this message has been in the queue too long.

"""
    + QMAIL_COPY
)

GMX_WORDS = """\
Return-Path: <>
From: GMX Mailer Daemon <mailer-daemon@far.example>
Subject: Mail delivery failed
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: 8bit

Dieses E-Mail wurde automatisch erzeugt. Es konnte leider nicht zugestellt werden:

"ann@far.example":
SMTP error from remote server for RCPT TO command, host: mx.far.example (192.0.2.9) reason: 550 Postfach unbekannt
"""

ALL = (
    POSTFIX,
    GMAIL,
    EXCHANGE_ONLINE,
    EXCHANGE_ON_PREMISES,
    SENDMAIL,
    YAHOO,
    SES,
    ICLOUD,
    DOMINO,
    GMX,
    EXIM,
    EXIM_UNROUTEABLE,
    EXIM_WARNING,
    QMAIL,
    QMAIL_LOCAL,
    QMAIL_EXPIRED,
    GMX_WORDS,
    feedback(),
)
