"""Runs as `python -m accelerator.benches.transferring DISK WAREHOUSE RECIPIENTS` in a dashboard's environment.

The records of one Job go to the receiver at DISK, which only writes them; then, as a worker does it, to the Cloud, told
beforehand not to send. What came of it is printed as JSON.
"""

import json
import sys
import time
from collections.abc import Sequence

import django
import httpx2

from accelerator.benches import extracting
from accelerator.protocol import ControlRequest, Desired

SQL = """
SELECT format('c{{:07}}', n) AS customer_id, format('customer.{{:07}}@bench.example', n) AS email,
    'Zoë' || (n % 997) AS first_name, n % 4 AS points,
    ['Brest', 'Gdańsk', 'Porto', 'Trieste', 'Uppsala', 'Volos'][n % 6 + 1] AS city
FROM range({count}) AS customers(n)
"""


def main(disk: str, warehouse: str, recipients: int) -> None:
    django.setup()
    from jobs import spool, steps
    from jobs.client import cloud
    from jobs.models import Job

    job = extracting.launched("duckdb", warehouse, SQL.format(count=recipients))
    steps.run(job.steps.get(kind="initializing").pk)
    batches = [spool.read(batch) for batch in job.batches.order_by("number")]
    reference = written(disk, batches)
    cloud().control(job.pk, ControlRequest(seq=1, desired=Desired.PAUSE))
    step = job.steps.get(kind="processing")
    began, spent = time.perf_counter(), time.process_time()
    steps.run(step.pk)
    seconds, cpu = time.perf_counter() - began, time.process_time() - spent
    job = Job.objects.get(pk=job.pk)
    told = {
        "transferred": job.counts.transferred if job.transferred_at else 0,
        "problem": job.failure_sentence or job.waiting_for,
        "seconds": seconds,
        "reference": reference,
        "cpu": cpu,
        "batches": len(batches),
        "bytes": sum(map(len, batches)),
    }
    spool.clear(job.pk)
    print(json.dumps(told))  # noqa: T201  what the caller reads


def written(disk: str, batches: Sequence[bytes]) -> float:
    """Seconds until the receiver has written all of them."""
    with httpx2.Client(base_url=disk, trust_env=False) as http:
        began = time.perf_counter()
        for number, data in enumerate(batches):
            http.put(f"/{number}", content=data).raise_for_status()
        return time.perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
