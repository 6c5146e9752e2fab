"""What an answer of a service means: the one place where it becomes a verdict. Needs no anymail.

With SMTP everything before the final dot is a definite no when it fails. Here it is everything before the first byte of
the request: of what comes after, only an answer that says no is a no.
"""

import re
from dataclasses import dataclass

from accelerator.cloud.replies import Result, Verdict

KEPT = 300  # characters of an answer
CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f]+")

# What a service says of the recipient in an answer it understood (anymail's words for all of them): verdict.
WORDS = {
    # The service has it, as behind a relay; what becomes of it it tells by its webhook (`inbound.hooks`).
    "sent": Verdict.DELIVERED,
    "queued": Verdict.DELIVERED,
    # On the service's own list of those who bounced or complained; not an address; not sent for another reason. It says
    # that the message was not taken. Never tried again by itself, so that a word that is wrong makes nobody two mails.
    "rejected": Verdict.BOUNCED,
    "invalid": Verdict.BOUNCED,
    "failed": Verdict.BOUNCED,
}

# How services say in a 400 or 422, whatever it is about, that they refuse whoever sends: all recipients would meet it.
ABOUT_US = re.compile(
    r"\b(senders?|signature|accounts?|credits?|quota|plan|api.?key|tokens?|billing|suspended|unverified"
    r"|(not|isn.t|is not) (yet )?(verified|authori[sz]ed|allowed to send)"
    r"|['\"]?from(_?email)?['\"]?[ .:_](parameter|address|email|field|domain|name))\b",
    re.IGNORECASE,
)

# HTTP status from, to; words in the answer; verdict. The first line that fits counts (RFC 9110, section 15).
STATUSES = (
    # It may have been taken, and nobody can read what was said of the recipient.
    (200, 299, None, Verdict.UNKNOWN),
    # The request was not done there, and is wanted at another address: the api_url is wrong. Of 301 to 303 nobody can
    # tell: "see other" is also said after something was done.
    (307, 308, None, Verdict.REFUSED),
    # Whoever sends is not let in, has not paid, may not; or what is called is not there (api_url, domain, region).
    (401, 405, None, Verdict.REFUSED),
    (410, 410, None, Verdict.REFUSED),
    # Too early, too many: said of all requests, and none of them was done.
    (425, 425, None, Verdict.AWAY),
    (429, 429, None, Verdict.AWAY),
    # The service has read the request and says that it is wrong: not done, and it would be as wrong the next time.
    (400, 400, ABOUT_US, Verdict.REFUSED),
    (422, 422, ABOUT_US, Verdict.REFUSED),
    (400, 400, None, Verdict.BOUNCED),
    (406, 406, None, Verdict.BOUNCED),
    (411, 415, None, Verdict.BOUNCED),
    (422, 422, None, Verdict.BOUNCED),
    (431, 431, None, Verdict.BOUNCED),
    # All else, 5xx above all: whoever failed may have failed after the message was taken, and a gateway that gives up
    # (502, 504), or says 503 or 408 for what stands behind it, does not know either.
    (0, 999, None, Verdict.UNKNOWN),
)


@dataclass(frozen=True)
class Answer:
    """What came back for one call: HTTP status, the text, and what was said of the recipient in anymail's words."""

    status: int
    text: str = ""
    words: frozenset[str] = frozenset()


def of_answer(answer: Answer) -> Result:
    """The service has answered."""
    text = CONTROL.sub(" ", answer.text).strip()[:KEPT]
    word = _word(answer)
    if word:
        return Result(WORDS[word], "" if WORDS[word] is Verdict.DELIVERED else word, text)
    verdict = next(
        verdict
        for first, last, words, verdict in STATUSES
        if first <= answer.status <= last and (words is None or words.search(text))
    )
    return Result(verdict, str(answer.status), text)


def of_silence(why: str, *, begun: bool) -> Result:
    """There is no answer: the connection could not be made, or was cut, or it took too long.

    What had begun may have been read to its end, whatever became of the connection then: nobody can know.
    """
    return Result(Verdict.UNKNOWN if begun else Verdict.AWAY, "", why)


def _word(answer: Answer) -> str:
    """The word for the recipient, if there is a clear one; a yes is one only with a status that is a yes."""
    good = 200 <= answer.status <= 299
    if good and answer.words & {"sent", "queued"}:
        return next(iter(answer.words & {"sent", "queued"}))
    refused = answer.words & {"rejected", "invalid"}
    if refused and refused == answer.words:
        return min(refused)
    return "failed" if good and answer.words == {"failed"} else ""
