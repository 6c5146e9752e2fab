"""Seeded bugs: each changes one rule of the model, and the search must find what it breaks.

Where a mutant lives, its name stands beside the rule that it changes.
"""

from collections.abc import Mapping
from typing import NamedTuple

from tests.model.parts import Rules


class Mutant(NamedTuple):
    """What is wrong, and how much must be allowed to happen until it shows."""

    wrong: str
    bounds: Mapping[str, int]


MUTANTS = {
    "freeze-without-compare-and-set": Mutant(
        "The freeze writes Processing whatever the Job is by then.", {"asks": 1}
    ),
    "submission-before-the-freeze": Mutant("The mailing is submitted while the extraction runs.", {}),
    "cancel-without-compare-and-set": Mutant("A cancel writes Failed though the freeze was first.", {}),
    "ask-without-version": Mutant("An Ask of a page that is old is stored.", {"asks": 1}),
    "ask-beside-ask": Mutant("A new Ask leaves the pending one pending.", {"asks": 2}),
    "delete-of-anything": Mutant("A Job is deleted that does not rest.", {"deletes": 1}),
    "mail-at-every-cancel": Mutant("A Job Cancel sends a notice too.", {"asks": 2}),
    "grant-without-acknowledgement": Mutant("A Pause is granted before the Cloud has said yes.", {"asks": 1}),
    "control-without-number": Mutant(
        "The Cloud applies an older control over a newer one.", {"asks": 2, "late": 1}
    ),
    "cancel-that-can-be-taken-back": Mutant(
        "The Cloud applies a later control to a cancelled mailing.", {"asks": 1, "deferrals": 1}
    ),
    "submission-after-cancel": Mutant("A PUT of a cancelled mailing is accepted.", {"asks": 2, "late": 1}),
    "submission-begins-again": Mutant("A repeated PUT of a mailing begins it again.", {"late": 1}),
    "old-news-beats-an-ask": Mutant(
        "What the Cloud told before it heard of an Ask moves the Job.", {"asks": 2, "stops": 1}
    ),
    "stop-of-an-old-wish": Mutant(
        "A sender that was refused stops the mailing that a person set going since.", {"asks": 2, "stops": 1}
    ),
    "resume-that-forgets": Mutant("A resume begins with the first recipient again.", {"asks": 2}),
    "intent-without-the-lock": Mutant("An intent is committed by what was wanted a moment ago.", {"asks": 1}),
    "intent-after-the-dot": Mutant(
        "Who was contacted is written once the mail server has replied.", {"crashes": 1}
    ),
    "progress-when-fetched": Mutant("A recipient counts as attempted once the intent is committed.", {}),
    "retry-of-a-lost-reply": Mutant(
        "Whoever the line was cut behind the dot of is tried again.", {"cuts": 1}
    ),
    "retry-of-an-unknown": Mutant("What a dead sender left in flight is sent again.", {"crashes": 1}),
    "claim-without-lock": Mutant("Two processes hold one row.", {}),
    "completion-without-epoch": Mutant("A worker past its lease still writes.", {"expiries": 1}),
    "job-read-before-the-claim": Mutant(
        "A step begins with a Job that was read before its claim.", {"asks": 1, "stops": 1}
    ),
    "pause-that-leaves-files": Mutant(
        "What a dead worker extracted stays while the Job is Paused.", {"asks": 1, "crashes": 1}
    ),
    "end-with-somebody-in-flight": Mutant(
        "A cancelled Job asks no more though somebody's outcome is still to come.", {"asks": 2, "crashes": 1}
    ),
    "end-without-calling-off": Mutant("A Job completes while the Cloud would retry.", {"deferrals": 1}),
}


def rules(name: str) -> Rules:
    """What is searched for a mutant."""
    return Rules(name, dict(MUTANTS[name].bounds), batches=(1,), mutant=name)
