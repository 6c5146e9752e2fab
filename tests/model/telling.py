"""How a search is told: its bounds, what it found, and a trace that a person can follow."""

from tests.model import invariants
from tests.model.parts import ANY, Job, Mailing, Rules

BOUNDS = {
    "asks": "Asks",
    "crashes": "deaths of a worker or a sender",
    "expiries": "leases that run out on a frozen process",
    "losses": "requests or answers that are lost",
    "late": "requests that come late or twice",
    "bounces": "refusals for good",
    "deferrals": "temporary refusals",
    "cuts": "lines cut at the dot",
    "stops": "stops by the Cloud itself",
    "errors": "failures of a stage",
    "deletes": "deletions",
}
WIDTH = 92


def scope(rules: Rules) -> str:
    """What takes part."""
    jobs = "1 Job" if rules.jobs == 1 else f"{rules.jobs} Jobs"
    batches = " and ".join(str(records) for records in rules.batches)
    return f"{jobs}, batches of {batches}, windows of {rules.window}, {rules.workers} workers, {rules.senders} senders"


def bounds(rules: Rules) -> list[str]:
    """How much may happen, a line for each limit; what is not named does not happen."""
    each = {name: most for name, most in rules.bounds.items() if name != "faults"}
    lines = [
        ("any number of: " if limit == ANY else f"at most {limit} each of: ")
        + ", ".join(BOUNDS[name] for name, most in each.items() if most == limit)
        for limit in sorted(set(each.values()))
    ]
    if "faults" in rules.bounds:
        lines.append(f"at most {rules.bounds['faults']} of these in all, Asks apart")
    return lines or ["nothing but the course itself"]


def figures(states: int, transitions: int, seconds: float) -> str:
    return f"{states:,} states, {transitions:,} transitions, {seconds:.1f} s"


def line(number: int, did: str, standings: list[tuple[Job, Mailing]]) -> str:
    """One step of a trace, and where everything stands after it."""
    return f"{number:4}  {did:<{WIDTH}}  {'  //  '.join(_standing(*standing) for standing in standings)}"


def _standing(job: Job, mailing: Mailing) -> str:
    asks = ", ".join(f"{ask.wish.value} {ask.number} pending" for ask in job.pending)
    words = [job.state.value, job.failure, asks, f"window {job.window}" if job.window else ""]
    words.append("files are left" if job.left else "")
    if mailing.known:
        words += [f"Cloud: {mailing.desired.value} {mailing.seq}", "stopped" if mailing.stopped else ""]
        words += ["/".join(intent or "waiting" for intent in mailing.intents)]
        words += [f"accepted {mailing.accepted}" if any(mailing.accepted) else ""]
    return "; ".join(word for word in words if word)


def promises() -> int:
    """How many promises every world is asked."""
    return len(list(invariants.all_sentences()))
