"""What an answer means, line by line."""

import pytest

from accelerator.cloud import replies
from accelerator.cloud.replies import Verdict
from accelerator.cloud.services import outcomes
from accelerator.cloud.services.outcomes import Answer


@pytest.mark.parametrize(
    ("status", "words", "verdict", "code"),
    [
        (200, {"sent"}, Verdict.DELIVERED, ""),
        (202, {"queued"}, Verdict.DELIVERED, ""),
        # The recipient is named as the service writes the address, and nothing is said of what we wrote.
        (200, {"unknown", "sent"}, Verdict.DELIVERED, ""),
        (200, {"rejected"}, Verdict.BOUNCED, "rejected"),
        (422, {"invalid"}, Verdict.BOUNCED, "invalid"),
        (422, {"rejected"}, Verdict.BOUNCED, "rejected"),
        (200, {"failed"}, Verdict.BOUNCED, "failed"),
        (200, {"unknown"}, Verdict.UNKNOWN, "200"),
        (200, {"rejected", "unknown"}, Verdict.UNKNOWN, "200"),
        (200, set(), Verdict.UNKNOWN, "200"),
        (422, {"unknown"}, Verdict.BOUNCED, "422"),
        # A yes in an answer that is a no, or that nobody knows the effect of, is none.
        (400, {"sent"}, Verdict.BOUNCED, "400"),
        (500, {"sent"}, Verdict.UNKNOWN, "500"),
        (401, {"failed"}, Verdict.REFUSED, "401"),
    ],
)
def test_what_is_said_of_the_recipient(status: int, words: set[str], verdict: Verdict, code: str) -> None:
    result = outcomes.of_answer(Answer(status, "text", frozenset(words)))
    assert (result.verdict, result.code) == (verdict, code)


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ((401, 402, 403, 404, 405, 410, 307, 308), Verdict.REFUSED),
        ((425, 429), Verdict.AWAY),
        ((400, 406, 411, 413, 414, 415, 422, 431), Verdict.BOUNCED),
        ((500, 501, 502, 503, 504, 507, 520, 599), Verdict.UNKNOWN),
        ((100, 204, 301, 302, 303, 304, 408, 409, 417, 423, 424, 451, 499), Verdict.UNKNOWN),
    ],
)
def test_a_status_without_a_word_for_the_recipient(statuses: tuple[int, ...], verdict: Verdict) -> None:
    for status in statuses:
        assert outcomes.of_answer(Answer(status)).verdict is verdict, status


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("The 'From' address you supplied is not a Sender Signature on your account.", Verdict.REFUSED),
        ('{"message": "from parameter is not a valid address. please check documentation"}', Verdict.REFUSED),
        (
            '{"errors": [{"message": "Does not contain a valid address.", "field": "from.email"}]}',
            Verdict.REFUSED,
        ),
        ("You're out of credits", Verdict.REFUSED),
        ('{"message": "to parameter is not a valid address. please check documentation"}', Verdict.BOUNCED),
        (
            '{"errors": [{"message": "Does not contain a valid address.", "field": "personalizations.0.to"}]}',
            Verdict.BOUNCED,
        ),
        ("The address is too long", Verdict.BOUNCED),
    ],
)
@pytest.mark.parametrize("status", [400, 422])
def test_a_request_that_is_wrong_is_about_whom_its_words_name(
    status: int, text: str, verdict: Verdict
) -> None:
    assert outcomes.of_answer(Answer(status, text)).verdict is verdict


def test_what_was_never_begun_is_untouched_and_what_was_is_unknown() -> None:
    assert outcomes.of_silence("cut", begun=False).verdict is Verdict.AWAY
    assert outcomes.of_silence("cut", begun=True).verdict is Verdict.UNKNOWN


def test_an_answer_is_kept_in_one_short_line() -> None:
    result = outcomes.of_answer(Answer(500, "<html>\r\n\x00 oh\n" + "x" * 1000))
    assert result.reply.startswith("<html> oh x")
    assert len(result.reply) == outcomes.KEPT


@pytest.mark.parametrize("code", ["rejected", "invalid", "failed", "400", "413", "422"])
@pytest.mark.parametrize("reply", ["", "no such user", "mailbox does not exist", "the account is disabled"])
def test_nothing_that_a_service_says_at_once_keeps_somebody_from_ever_hearing_of_us(
    code: str, reply: str
) -> None:
    """It may be its own list, or its own idea of addresses; whom the mail server reaches stays there."""
    assert not replies.bounce(code, reply).hard


def test_refusals_have_categories_that_people_know() -> None:
    assert replies.bounce("rejected", "marked as inactive").category == "policy"
    assert replies.bounce("invalid", "").category == "unsupported_address"
