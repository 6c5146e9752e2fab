"""Spooled batches on their way to the Cloud, which stores them for good, beside a receiver that only writes them."""

import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial

import httpx2

from accelerator.benches import mailings, results, sending
from accelerator.benches.results import Result
from accelerator.benches.stage import Stage
from accelerator.embedded.processes import PYTHON, Command
from accelerator.embedded.up import healthy
from accelerator.protocol import ControlRequest, Desired
from jobs.client import CloudClient

SUMMARY = (
    "1 M records in batches of 10,000 to the Cloud, stored durably; beside the same bytes written to a disk"
)
ROUNDS = 5
RECIPIENTS = 1_000_000


def run(stage: Stage, say: Callable[[str], object], *, rounds: int, recipients: int) -> Result:
    """Reference and value in turn, so that both meet the same machine."""
    say("bringing up PostgreSQL, Valkey and the Cloud")
    _, client, _ = sending.cloud(stage)
    mailing = mailings.load(recipients)
    size = sum(map(len, mailing.batches))
    say(f"{len(mailing.batches)} batches, {size / 1e6:.1f} MB")
    disk = writer(stage)
    values, references = [], []
    for number in range(1, rounds + 1):
        references.append(recipients / written(disk, mailing.batches))
        values.append(recipients / transferred(client, mailing))
        say(f"round {number}: {values[-1]:,.0f} records/s; to the disk {references[-1]:,.0f}")
    return results.rate(
        "transfer",
        "records/s",
        values,
        references,
        recipients=recipients,
        batch_records=mailings.BATCH,
        bytes_per_record=results.rounded(size / recipients),
    )


def transferred(client: CloudClient, mailing: mailings.Load) -> float:
    """Seconds until the Cloud has all batches of a mailing that is paused."""
    key = uuid.uuid4()
    client.control(key, ControlRequest(seq=1, desired=Desired.PAUSE))
    client.submit(key, mailing.request)
    began = time.perf_counter()
    for number, data in enumerate(mailing.batches):
        client.put_batch(key, number, data)
    return time.perf_counter() - began


def writer(stage: Stage) -> str:
    """The receiver's address."""
    port = stage.ports.inbox
    command = Command(
        "writer", [*PYTHON, "-m", "accelerator.benches.writing", str(port), str(stage.folder / "disk")]
    )
    process = stage.start(command, stage.environment())
    process.until(partial(healthy, "127.0.0.1", port), "the writer answers", 30.0)
    return f"http://127.0.0.1:{port}"


def written(disk: str, batches: Sequence[bytes]) -> float:
    """Seconds until the receiver has written all of them."""
    with httpx2.Client(base_url=disk, trust_env=False) as http:
        began = time.perf_counter()
        for number, data in enumerate(batches):
            http.put(f"/{number}", content=data).raise_for_status()
        return time.perf_counter() - began
