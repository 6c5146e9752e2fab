"""What was answered is not lost: who left stays on the suppression list (12), and who acted is told of (8)."""

from collections.abc import Iterator

from tests.faults.acts import COMING_BACK, LEAVING
from tests.faults.evidence import Act, Job
from tests.faults.judging import View, Violation, key

# What the Cloud tells of, and as what; an answered click may be told of later than the mailing is looked at.
TOLD = {"unsubscribe": "unsubscribe", "open": "open", "returned": "bounced"}


def whoever_left_is_listed(view: View) -> Iterator[Violation]:
    """12: an unsubscribe or an entry that was answered is on the list, until somebody takes it off again."""
    listed = {entry.key for entry in view.evidence.barred}
    last: dict[str, Act] = {}
    for act in view.evidence.acts:
        if act.what in (*LEAVING, COMING_BACK):
            last[act.key] = act
    jobs = {job.id for job in view.evidence.jobs}
    for act in last.values():
        if (act.key in listed) == (act.what in LEAVING):
            continue
        if view.evidence.whole or act.job in jobs:
            kept = "is still on" if act.what == COMING_BACK else "is not on"
            yield Violation(
                12, act.job, f"somebody was answered for {act.what}, and {kept} the suppression list"
            )


def whoever_acted_is_told_of(view: View) -> Iterator[Violation]:
    """8: every unsubscribe, open and message given back that was answered is an event of its recipient's."""
    for job in view.evidence.jobs:
        happened = _happened(job)
        lost = [
            act.what
            for act in view.evidence.acts
            if act.job == job.id and act.what in TOLD and (TOLD[act.what], act.key) not in happened
        ]
        if lost:
            yield Violation(
                8, job.id, f"{len(lost)} acts of recipients were answered and are in no event: {lost[0]}"
            )


def _happened(job: Job) -> set[tuple[str, str]]:
    who = {(record.batch, record.position): key(record.address) for record in job.extraction}
    log = job.mailing.log if job.mailing else []
    return {(event.kind, who.get((event.batch, event.record), "")) for event in log}


RULES = (whoever_left_is_listed, whoever_acted_is_told_of)
