"""Opens and clicks, each durable before it is answered, beside an empty view of the same server."""

import json
import statistics
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg

from accelerator.benches import BenchFailed, mailings, results, sending
from accelerator.benches.results import Result
from accelerator.benches.stage import Process, Stage
from accelerator.embedded.processes import CLOUD, PYTHON, Command
from accelerator.protocol import ControlRequest, Desired
from jobs.client import CloudClient

SUMMARY = "open pixels and clicks on 64 connections, each durable before it is answered; beside an empty view"
ROUNDS = 3
RECIPIENTS = 10_000

CONNECTIONS = 64
# Requests in a round.
HITS = 30_000
EMPTY = "/healthz"
# While a mailing of so many is sent: requests a second, how many, and the seconds that 99 of 100 may take.
SENT, PER_SECOND, SOME, ALLOWED = 200_000, 200, 3_000, 0.05


def run(stage: Stage, say: Callable[[str], object], *, rounds: int, recipients: int) -> Result:
    """Hits and the empty view in turn, so that both meet the same machine; then hits while a mailing is sent."""
    say("bringing up PostgreSQL, Valkey, the Cloud and its senders")
    env, client, _ = sending.cloud(stage)
    receiver(stage)
    load = mailings.load(recipients)
    with psycopg.connect(env["CLOUD_DATABASE_URL"], autocommit=True) as database:
        key = mailings.transfer(client, load)
        mailings.go(client, key)
        hits, empty = stage.folder / "hits.txt", stage.folder / "empty.txt"
        hits.write_text(paths(stage, env, key, HITS))
        empty.write_text(f"{EMPTY}\n" * HITS)
        values, references, slowest = [], [], []
        for number in range(1, rounds + 1):
            reference = ask(stage, env, empty)
            before = kept(database)
            said = ask(stage, env, hits)
            if kept(database) - before != HITS:
                raise BenchFailed(f"{HITS:,} hits were answered, and {kept(database) - before:,} are kept.")
            references.append(HITS / reference["seconds"])
            values.append(HITS / said["seconds"])
            slowest.append(said["p99"])
            say(
                f"round {number}: {values[-1]:,.0f} hits/s (p99 {said['p99'] * 1000:.0f} ms);"
                f" empty view {references[-1]:,.0f}/s"
            )
        before = kept(database)
        rate, busy = while_sending(stage, env, client, database)
        if kept(database) - before != busy["answered"] or busy["refused"]:
            raise BenchFailed(f"Of {busy['answered']:,} hits {kept(database) - before:,} are kept.")
    say(f"while {rate:,.0f} messages/s were sent: {PER_SECOND} hits/s, p99 {busy['p99'] * 1000:.0f} ms")
    return results.rate(
        "tracking",
        "hits/s",
        values,
        references,
        connections=CONNECTIONS,
        p99=results.rounded(statistics.median(slowest)),
        p99_while_sending=results.rounded(busy["p99"]),
        p99_allowed=ALLOWED,
        messages_per_second=results.rounded(rate),
    )


def receiver(stage: Stage) -> Process:
    """Takes everything, and looks at nothing."""
    command = [*PYTHON, "-m", "accelerator.demo.receiver", "--folder", str(stage.folder / "receiver")]
    command += ["--smtp-port", str(stage.ports.smtp), "--http-port", str(stage.ports.inbox)]
    command += ["--accept-all", "--engagement-minutes", "0"]
    process = stage.start(Command("receiver", command), stage.environment())
    process.until(lambda: "Mail receiver" in process.said, "the receiver listens", 60.0)
    return process


def paths(stage: Stage, env: Mapping[str, str], key: uuid.UUID, number: int) -> str:
    """Of links in the mails of a mailing, a line each."""
    command = [*PYTHON, "-m", "accelerator.cloud.linking", str(key), str(number)]
    return stage.finish(Command("linking", command, env=CLOUD), env)


def ask(stage: Stage, env: Mapping[str, str], file: Path, per_second: int = 0) -> dict[str, float]:
    """What somebody says who asked the Cloud for all paths of a file. Raises BenchFailed."""
    return answers(asker(stage, env, file, per_second))


def asker(stage: Stage, env: Mapping[str, str], file: Path, per_second: int = 0) -> Process:
    """Somebody who asks for them."""
    command = [*PYTHON, "-m", "accelerator.benches.hitting", "127.0.0.1", str(stage.ports.cloud)]
    command += [str(CONNECTIONS), str(file), *([str(per_second)] if per_second else [])]
    return stage.start(Command("hitting", command), env)


def answers(process: Process) -> dict[str, float]:
    """Once they are done. Raises BenchFailed."""
    if process.popen.wait() != 0:
        raise BenchFailed(f"The requests came to no end. They said: {process.last_words}")
    said: dict[str, float] = json.loads(process.said.splitlines()[-1])
    return said


def kept(database: psycopg.Connection) -> int:
    """How many hits the database has."""
    row = database.execute("SELECT count(*) FROM cloud_hit").fetchone()
    assert row is not None  # noqa: S101  a count has a row
    return int(row[0])


def while_sending(
    stage: Stage, env: Mapping[str, str], client: CloudClient, database: psycopg.Connection
) -> tuple[float, dict[str, float]]:
    """(messages a second, what somebody says who hits those that are sent meanwhile). Raises BenchFailed."""
    key = mailings.transfer(client, mailings.load(SENT))
    some = stage.folder / "some.txt"
    some.write_text(paths(stage, env, key, SOME))
    client.control(key, ControlRequest(seq=2, desired=Desired.RUN))
    said = answers(asker(stage, env, some, PER_SECOND))
    client.control(key, ControlRequest(seq=3, desired=Desired.CANCEL))
    row = database.execute(
        "SELECT count(*), extract(epoch FROM max(settled_at) - min(committed_at)) FROM cloud_intent "
        "WHERE mailing_id = %s AND state = 'delivered'",
        [key],
    ).fetchone()
    sent, seconds = row or (0, 1)
    return int(sent) / float(seconds), said
