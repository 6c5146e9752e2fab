"""The invariants about a Job's life: its ledger and its name (9), its rest (11), its launch (13); what is seen (14)."""

from collections import Counter
from collections.abc import Iterator

from tests.faults import traces
from tests.faults.evidence import Job
from tests.faults.judging import View, Violation, some

# DESIGN.md, section 2, drawn once more.
EDGES = {
    ("", "initializing", "launch"),
    ("initializing", "processing", "freeze"),
    ("processing", "collecting", "all_attempted"),
    ("collecting", "completed", "window_over"),
    ("paused", "completed", "window_over"),
    *((state, "paused", "pause") for state in ("initializing", "processing", "collecting")),
    *(("paused", state, "resume") for state in ("initializing", "processing", "collecting")),
    ("initializing", "failed", "cancel"),
    ("paused", "failed", "cancel"),
    ("initializing", "failed", "error"),
    ("processing", "failed", "error"),
}
ENDS = ("completed", "failed")


def along_the_edges(view: View) -> Iterator[Violation]:
    """9: states move along drawn edges only, ends stay, and no number falls or is missing."""
    for job in view.evidence.jobs:
        numbers = [move.number for move in job.moves]
        if numbers != list(range(job.version + 1)):
            yield Violation(
                9, job.id, f"version {job.version}, and its ledger has the numbers {some(numbers)}"
            )
            continue
        for before, move in zip([None, *job.moves], job.moves, strict=False):
            stood = before.target if before else ""
            if (move.origin, move.target, move.cause) not in EDGES or move.origin != stood:
                yield Violation(
                    9,
                    job.id,
                    f"move {move.number}: from {stood or 'nothing'} along"
                    f" {move.origin or 'nothing'} -> {move.target} by {move.cause}, which is not drawn",
                )
            if move.cause == "resume" and move.target != _paused_from(job, move.number):
                yield Violation(
                    9, job.id, f"move {move.number}: resumed to {move.target}, where it was not paused"
                )
            if before and move.at < before.at:
                yield Violation(9, job.id, f"move {move.number} is older than the one before")
        if job.moves and job.moves[-1].target != job.state:
            yield Violation(9, job.id, f"it is {job.state}, and its ledger ends with {job.moves[-1].target}")
        asked = [wish.number for wish in job.wishes]
        if asked != sorted(set(asked)) or (asked and asked[-1] > job.last_ask):
            yield Violation(
                9, job.id, f"the numbers of its Asks, {some(asked)}, do not rise to {job.last_ask}"
            )


def _paused_from(job: Job, number: int) -> str:
    return next((m.origin for m in reversed(job.moves[:number]) if m.target == "paused"), "")


def one_name(view: View) -> Iterator[Violation]:
    """9: the Request ID that the Cloud has given is the one that the dashboard shows; none is lost."""
    for job in view.evidence.jobs:
        given = job.mailing.request_id if job.mailing else None
        if job.request_id != given:
            yield Violation(
                9, job.id, f"its Request ID is {job.request_id or 'none'}, the Cloud's {given or 'none'}"
            )


def at_rest(view: View) -> Iterator[Violation]:
    """11: with everything up, every Job comes to rest, and nothing of it is left to be done."""
    for job in view.evidence.jobs:
        pending = [wish.number for wish in job.wishes if wish.outcome == "pending"]
        if job.state not in ENDS:
            yield Violation(11, job.id, f"it is {job.state}, which is no end")
        elif pending or job.busy_steps:
            yield Violation(
                11,
                job.id,
                f"it is {job.state}, with {len(pending)} Asks pending and {some(job.busy_steps)} due",
            )


def one_launch_one_job(view: View) -> Iterator[Violation]:
    """13: one confirmed launch, one Job."""
    evidence = view.evidence
    for job in evidence.jobs:
        if len(job.tokens) != 1:
            yield Violation(13, job.id, f"{len(job.tokens)} launches lead to it")
    if evidence.clicks is None:
        return
    unasked = [token for token in evidence.campaigns if token not in evidence.clicks]
    if unasked:
        yield Violation(13, None, f"{len(unasked)} launches that nobody asked for")
    clicked, launched = Counter(evidence.clicks.values()), Counter(evidence.campaigns.values())
    for campaign, count in launched.items():
        if count > clicked[campaign]:
            yield Violation(
                13, None, f"campaign {campaign} was launched {count} times for {clicked[campaign]} forms"
            )


def nothing_shows(view: View) -> Iterator[Violation]:
    """14: no address and no secret in broker, logs and paths of requests."""
    for where, text in view.evidence.texts.items():
        text = traces.unwrapped(text)
        found = {match["domain"] for match in traces.ADDRESS.finditer(text)}
        if found:
            yield Violation(14, None, f"{where} holds addresses, of {some(found)}")
        for name, secret in view.evidence.secrets.items():
            if secret in text:
                yield Violation(14, None, f"{where} holds the secret {name}")


RULES = (along_the_edges, one_name, at_rest, one_launch_one_job, nothing_shows)
