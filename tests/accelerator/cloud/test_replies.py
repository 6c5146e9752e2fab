"""What replies say about a bounce: its category, and whether the address is no good for ever."""

import pytest

from accelerator.cloud import replies
from accelerator.cloud.replies import Reply, Result, Verdict


@pytest.mark.parametrize(
    ("code", "text", "category", "hard"),
    [
        (550, "5.1.1 No such user here", "unknown_user", True),
        (
            550,
            "5.1.1 <> Recipient address rejected: User unknown in virtual mailbox table",
            "unknown_user",
            True,
        ),
        (550, "No such user", "unknown_user", True),
        (
            550,
            "5.1.1 Recipient address rejected: User unknown in relay recipient table",
            "unknown_user",
            True,
        ),
        (
            550,
            "5.1.10 RESOLVER.ADR.RecipientNotFound; not found by SMTP address lookup",
            "unknown_user",
            True,
        ),
        (550, "The mailbox of this customer does not exist", "unknown_user", True),
        (550, "Unknown user", "unknown_user", True),
        (550, "Unknown domain", "unknown_domain", True),
        (550, "This account is disabled", "disabled", True),
        # What says nothing of the recipient keeps nobody from hearing of us again.
        (550, "Requested action not taken: mailbox unavailable", "other", False),
        (550, "5.2.1 This user receives mail at a rate that prevents more messages", "policy", False),
        (552, "5.2.0 Message refused: a URL in the content is listed by an URIBL", "policy", False),
        (521, "5.2.1 We will not accept delivery of this message", "policy", False),
        (550, "5.1.0 The sender was rejected", "policy", False),
        (550, "5.1.0 Address rejected", "other", False),
        (550, "5.2.1 Mailbox", "other", False),
        (554, "Message rejected: sending suspended for this account", "policy", False),
        (554, "Transaction failed: invalid DKIM signature", "policy", False),
        (550, "Invalid HELO name", "policy", False),
        (550, "Invalid DNS PTR resource record", "policy", False),
        (550, "Unknown error", "other", False),
        (503, "Invalid sequence of commands", "other", False),
        (550, "Sender domain does not exist", "policy", False),
        (550, "5.7.1 Recipient address rejected: SPF record not found", "policy", False),
        (550, "5.7.1 Recipient address rejected: reverse DNS not found", "policy", False),
        (550, "5.1.2 Host unknown", "unknown_domain", True),
        (556, "5.1.10 Recipient address has null MX", "unknown_domain", True),
        (550, "5.2.1 The email account that you tried to reach is disabled", "disabled", True),
        (552, "5.2.2 Mailbox is full", "mailbox_full", False),
        (452, "4.2.2 The email account that you tried to reach is over quota", "mailbox_full", False),
        (552, "5.3.4 Message larger than 1000 bytes", "too_large", False),
        (552, "Message too long", "too_large", False),
        (554, "5.7.1 Message refused as spam", "policy", False),
        (550, "5.7.26 Unauthenticated mail is prohibited", "policy", False),
        (550, "5.7.1 Recipient address rejected: user does not exist", "unknown_user", True),
        (554, "Service unavailable; Client host blocked using Spamhaus", "policy", False),
        (550, "Relaying denied", "policy", False),
        (451, "4.7.1 Greylisted, try again later", "policy", False),
        (451, "4.4.1 Connection timed out", "unreachable", False),
        (450, "4.1.1 No such user yet", "unknown_user", False),
        (554, "5.6.0 Message content rejected", "content", False),
        (550, "5.6.7 the mail server takes no such characters in a name", "unsupported_address", False),
        (554, "Transaction failed", "other", False),
        (550, "", "other", False),
    ],
)
def test_a_bounce_has_a_category_and_is_hard_only_if_nobody_is_there(
    code: int, text: str, category: str, hard: bool
) -> None:
    result = replies.classify("rcpt", Reply(code, text))
    found = replies.bounce(result.code, result.reply)
    assert (found.category, found.hard) == (category, hard)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5.1.1 no", "no"),
        ("#5.1.1 no", "no"),
        ("[5.1.1] no", "no"),
        ("(5.1.1) no", "no"),
        ("<bob@x.example>: 5.1.1 no", "no"),
        ("<bob@x.example> 5.1.1 no", "no"),
        ("5.1.1", ""),
    ],
)
def test_the_enhanced_code_stands_before_the_words_with_whatever_signs(text: str, words: str) -> None:
    assert replies.classify("rcpt", Reply(550, text)) == Result(Verdict.BOUNCED, "5.1.1", words)


@pytest.mark.parametrize(
    "text", ["no 5.1.1 here", "5.1.1.4 is no code", "4.2.1 of another class", "<a b> 5.1.1"]
)
def test_what_only_looks_like_an_enhanced_code_is_none(text: str) -> None:
    assert replies.classify("rcpt", Reply(550, text)) == Result(Verdict.BOUNCED, "550", text)


def test_a_deferral_that_expired_is_soft_whatever_its_code() -> None:
    assert not replies.bounce("5.1.1", "given up: No such user").hard
    assert replies.bounce("5.1.1", "No such user").hard
