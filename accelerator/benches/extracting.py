"""Runs as `python -m accelerator.benches.extracting KIND LOCATION FILE` (of SQL) in a dashboard's environment.

One Job is initialized, as a worker does it, from the first row to the freeze; what came of it is printed as JSON.
Before it a small one: what a worker imports with its first Job, and the child that renders, belong to none of the next.
"""

import gc
import json
import os
import sys
import threading
import time
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING

import django

from accelerator.benches import load

if TYPE_CHECKING:
    from jobs.models import Job


# Rows of the small Job.
FEW = 1_000


class Memory(threading.Thread):
    """Looks now and then at how much this process holds."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.done = threading.Event()
        self.seen: list[int] = []  # MB

    def run(self) -> None:
        while not self.done.wait(1.0):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.seen.append(pages * os.sysconf("SC_PAGE_SIZE") >> 20)


class WithoutPandas(MetaPathFinder):
    """Arrow takes pandas along wherever it is, as a vendor's connector brings it: 30 MB that nothing here uses."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)


def launched(kind: str, location: str, sql: str) -> "Job":
    """A Job, Initializing; the SELECT gives customer_id, email, first_name, city and points. After `django.setup()`."""
    from django.contrib.auth.models import Group, User

    from accelerator.protocol import Sender, TemplateSource
    from jobs import control
    from jobs.models import AudienceCopy, JobInstructions, Warehouse

    person, _ = User.objects.get_or_create(username="bench")
    account, _ = Group.objects.get_or_create(name="Bench")
    warehouse, _ = Warehouse.objects.get_or_create(name=kind, defaults={"kind": kind, "location": location})
    instructions = JobInstructions(
        campaign="Bench",
        audience=AudienceCopy(name="Bench", sql=sql, recipient_id_column="customer_id", email_column="email"),
        template=TemplateSource(
            subject="{{ first_name }}", html="<p>{{ points }} {{ unsubscribe_url }}</p>", text="{{ city }}"
        ),
        sender=Sender(from_name="Bench", from_address="bench@bench.example"),
        notification_address="bench@bench.example",
    )
    return control.create(instructions, by=person, account=account, warehouse=warehouse)


def main(kind: str, location: str, sql: str) -> None:
    sys.meta_path.insert(0, WithoutPandas())
    django.setup()
    from jobs import spool, steps
    from jobs.models import Job
    from jobs.reading import children

    gc.freeze()  # as a worker's child does (`accelerator.celery`)
    steps.run(launched(kind, location, f"{sql} LIMIT {FEW}").steps.get(kind="initializing").pk)
    job = launched(kind, location, sql)
    step = job.steps.get(kind="initializing")
    memory = Memory()
    memory.start()
    began, spent = time.perf_counter(), time.process_time()
    steps.run(step.pk)
    seconds, cpu = time.perf_counter() - began, time.process_time() - spent
    memory.done.set()
    memory.join()
    job = Job.objects.get(pk=job.pk)
    told = {
        "state": job.state,
        "problem": job.failure_sentence or job.waiting_for,
        "records": job.extracted,
        "seconds": seconds,
        "cpu": cpu,
        "spooled": sum(batch.size for batch in job.batches.all()),
        "peak_rss_mb": load.peak_megabytes([os.getpid()]),
        "reader_peak_rss_mb": load.peak_megabytes(children.pids()),
        "memory": memory.seen[:: len(memory.seen) // 20 + 1],
    }
    spool.clear(job.pk)
    print(json.dumps(told))  # noqa: T201  what the caller reads


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_text())
