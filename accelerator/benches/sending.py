"""The Cloud's senders, ledger on, beside smtp-source, into the same sink with messages of the same size."""

import json
import secrets
import statistics
from collections.abc import Callable
from functools import partial

import psycopg

from accelerator import protocol
from accelerator.benches import BenchFailed, load, mailings, postfix, results
from accelerator.benches.results import Result
from accelerator.benches.stage import Process, Stage
from accelerator.embedded import databases, processes
from accelerator.embedded.processes import CLOUD, PYTHON, Command
from accelerator.embedded.up import healthy
from accelerator.protocol import ControlRequest, Desired
from jobs.client import CloudClient

SUMMARY = "100,000 personalised messages of 6 KB, ledger on, two senders, into smtp-sink; beside smtp-source"
ROUNDS = 3
RECIPIENTS = 100_000
SENDERS = 2

# Whose messages are signed.
SIGNED = "signed.example"

# Messages that are sent first, to a receiver that says how large they are.
SAMPLE = 200


def run(
    stage: Stage, say: Callable[[str], object], *, rounds: int, recipients: int, dkim: str = ""
) -> Result:
    """Reference and value in turn, so that both meet the same machine. With `dkim` (rsa, ed25519) the messages are
    signed, and the reference is the same without: signed and unsigned domains take turns.
    """
    for name in ("smtp-sink", "smtp-source"):
        postfix.program(name)
    say("bringing up PostgreSQL, Valkey, the Cloud and its senders")
    port = stage.ports.smtp
    env, client, senders = cloud(stage, dkim)
    with psycopg.connect(env["CLOUD_DATABASE_URL"], autocommit=True) as database:
        size = sample(stage, client, database)
        say(f"a message has {size:,} bytes")
        postfix.sink(stage, port)
        batches = mailings.load(recipients)
        values, references, costs, bare = [], [], [], []
        beside = "unsigned" if dkim else "smtp-source"
        for number in range(1, rounds + 1):
            if dkim:
                references.append(mailings.send(client, database, batches))
            else:
                references.append(postfix.source(stage, port, recipients, size))
            spent = load.processor_seconds(family(senders))
            signed = {"domain": SIGNED} if dkim else {}
            values.append(mailings.send(client, database, batches, **signed))
            costs.append((load.processor_seconds(family(senders)) - spent) / recipients * 1e6)
            if not dkim:
                bare.append(without_ledger(stage, env, client, batches))
            said = f"; without the ledger {bare[-1]:,.0f}/s" if bare else ""
            say(
                f"round {number}: {values[-1]:,.0f}/s; {beside} {references[-1]:,.0f}/s{said}; "
                f"{costs[-1]:,.0f} us of a processor a message"
            )
    ledger: dict[str, float] = {}
    if bare:
        without = statistics.median(bare)
        ledger = {
            "without_ledger": results.rounded(without),
            "ledger_share": round(1 - statistics.median(values) / without, 3),
        }
    return results.rate(
        "sending",
        "messages/s",
        values,
        references,
        recipients=recipients,
        senders=SENDERS,
        dkim=dkim or "none",
        message_bytes=size,
        cpu_us_per_message=results.rounded(statistics.median(costs)),
        peak_rss_mb=results.rounded(load.peak_megabytes(family(senders))),
        **ledger,
    )


def without_ledger(stage: Stage, env: dict[str, str], client: CloudClient, batches: mailings.Load) -> float:
    """Messages a second of as many processes that do all but keep the ledger. Raises BenchFailed."""
    key = mailings.transfer(client, batches)
    parts = [
        stage.start(
            Command(
                f"bare {part}",
                [*PYTHON, "-m", "accelerator.cloud.bare", str(key), str(part), str(SENDERS)],
                env=CLOUD,
            ),
            env,
        )
        for part in range(SENDERS)
    ]
    said = []
    for process in parts:
        if process.popen.wait():
            raise BenchFailed(f"Sending without the ledger failed. It said: {process.last_words}")
        said.append(json.loads(process.said.splitlines()[-1]))
    client.control(key, ControlRequest(seq=2, desired=Desired.CANCEL))
    accepted = sum(int(one["accepted"]) for one in said)
    if accepted != batches.records:
        raise BenchFailed(f"Without the ledger {accepted:,} of {batches.records:,} messages were accepted.")
    seconds: float = max(one["ended"] for one in said) - min(one["began"] for one in said)
    return accepted / seconds


def cloud(stage: Stage, dkim: str = "") -> tuple[dict[str, str], CloudClient, list[Process]]:
    """The Cloud with its database, broker and senders: (what its processes are told, a client, the senders)."""
    postgres, valkey = stage.postgres(), stage.valkey()
    key = f"bench:{secrets.token_urlsafe(32)}"
    env = stage.environment(
        CLOUD_DATABASE_URL=postgres.url(databases.CLOUD),
        CLOUD_REDIS_URL=valkey.url(),
        CLOUD_SECRET_KEY=secrets.token_urlsafe(50),
        CLOUD_KEYS=key,
        DKIM_KEYS=str(stage.folder / "dkim") if dkim else "",
    )
    databases.ensure(env["CLOUD_DATABASE_URL"])
    [migrate] = [command for command in processes.migrations() if command.env == CLOUD]
    stage.finish(migrate, env)
    app = "accelerator.cloud.celery"
    web = processes.granian(
        "cloud",
        "accelerator.cloud.wsgi:application",
        "127.0.0.1",
        stage.ports.cloud,
        CLOUD,
        threads=processes.CLOUD_THREADS,
    )
    if dkim:
        (stage.folder / "dkim").mkdir()
        make = [*PYTHON, "manage.py", "dkim", SIGNED, "--kind", dkim]
        stage.finish(Command("dkim", make, env=CLOUD), env)
    server = stage.start(web, env)
    senders = [
        stage.start(
            processes.celery_worker(f"cloud worker {number}", app, "sending", CLOUD, concurrency=1), env
        )
        for number in range(1, SENDERS + 1)
    ]
    stage.start(processes.celery_beat("cloud beat", app, CLOUD), env)
    server.until(partial(healthy, "127.0.0.1", stage.ports.cloud), "the Cloud answers", 120.0)
    client = CloudClient(env["CLOUD_URL"], protocol.Key.parse(key))
    stage.stack.callback(client.close)
    return env, client, senders


def sample(stage: Stage, client: CloudClient, database: psycopg.Connection) -> int:
    """The size of a message, as a receiver that looks at each of them logs it. Warms the senders up, too."""
    folder = stage.folder / "receiver"
    options = ["--smtp-port", str(stage.ports.smtp), "--http-port", str(stage.ports.inbox)]
    command = [*PYTHON, "-m", "accelerator.demo.receiver", *options, "--folder", str(folder), "--accept-all"]
    command += ["--engagement-minutes", "0"]
    receiver = stage.start(Command("receiver", command), stage.environment())
    receiver.until(lambda: "Mail receiver" in receiver.said, "the receiver listens", 60.0)
    mailings.send(client, database, mailings.load(SAMPLE))
    receiver.stop()
    sizes = [json.loads(line)["size"] for line in (folder / "received.jsonl").read_text().splitlines()]
    return int(statistics.median(sizes))


def family(senders: list[Process]) -> list[int]:
    return [process for sender in senders for process in load.family(sender.popen.pid)]
