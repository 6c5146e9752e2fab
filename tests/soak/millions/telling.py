"""What was seen of a Job that rests, told and judged."""

from pathlib import Path

from accelerator.benches.stage import Stage
from tests.soak.mailings import Say
from tests.soak.millions import ledgers, meters, readers, rules
from tests.soak.millions.asking import Asker
from tests.soak.millions.counted import ACCEPTED
from tests.soak.millions.ledgers import Found
from tests.soak.millions.watching import Run


def judge(stage: Stage, run: Run, say: Say) -> list[str]:
    """Tell what was seen; what was not kept."""
    page = run.built.browser.http.get(f"/jobs/{run.job}/").text
    found = ledgers.read(run.dashboard, run.cloud, run.job, page, run.counted)
    found.senders_dead = run.killer.senders
    seen = rules.violations(found)
    _tell_numbers(run, found, say)
    seen += _judge_meanwhile(run, say)
    say(f"disk: {_megabytes(stage.folder):,.0f} MB at the end")
    return seen


def _tell_numbers(run: Run, found: Found, say: Say) -> None:
    sums = ", ".join(f"{name} {found.told[name]:,}" for name in ledgers.FINAL)
    say(f"extracted {found.extracted:,} = {sums} (dropped: {sum(found.dropped.values()):,})")
    accepted = run.counted.totals[ACCEPTED]
    windows = f"{len(found.windows)} windows, of {max(found.windows, default=0)} at most"
    say(
        f"{accepted:,} messages were accepted, of {found.octets / max(accepted, 1):,.0f} bytes each; "
        f"{found.at('unknown'):,} are unknown in {windows}"
    )
    say(
        f"{run.killer.struck} kills ({run.killer.workers} of whole workers), {run.killer.senders} senders dead, "
        f"{len(run.asker.pauses)} pauses"
    )
    seconds, until_read = run.last_accepted - run.began, run.ended - run.began
    say(
        f"launch to last delivery: {seconds:,.0f} s ({accepted / seconds:,.0f} messages/s), "
        f"{_cost(run, run.last_accepted, found)}"
    )
    say(f"launch to last result read: {until_read:,.0f} s, {_cost(run, run.ended, found)}")


def _cost(run: Run, until: float, found: Found) -> str:
    spent = run.meter.cost(until)
    return f"{spent:,.0f} CPU seconds, {spent / found.extracted * 1e5:.1f} per 100,000 recipients"


def _judge_meanwhile(run: Run, say: Say) -> list[str]:
    """Memory, the page, the pauses, and whether all of it took place."""
    table = run.meter.table((run.ended - run.meter.began) / 2)
    say("memory of the largest process of each role, MB: first half, second half")
    for role, before, after in table:
        say(f"  {role:<24}{before:>8,.0f}{after:>8,.0f}")
    seen = meters.grown(table) + readers.complaints(run.reader.seen)
    for kind, looks in run.reader.seen.items():
        say(f"Job page ({kind}): {looks.line() if looks.seconds else 'never read'}")
    for name in ("shown", "acknowledged"):
        if seconds := sorted(getattr(pause, name) for pause in run.asker.pauses):
            say(f"pauses, {name}: median {seconds[len(seconds) // 2]:.2f} s, max {seconds[-1]:.2f} s")
    return seen + late(run.asker) + missing(run)


def late(asker: Asker) -> list[str]:
    """More than was in flight went out after a pause was acknowledged."""
    wrong = [pause for pause in asker.pauses if pause.late > pause.in_flight]
    return [
        f"{one.late} messages came after a pause that said {one.in_flight} are in flight" for one in wrong
    ]


def missing(run: Run) -> list[str]:
    """What was to be shown and was not."""
    left = (("kills", len(run.killer.left)), ("pauses", len(run.asker.left)))
    return [f"{count} {what} did not come before the Job's end" for what, count in left if count]


def _megabytes(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
