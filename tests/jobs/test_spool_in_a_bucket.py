"""The spool in a bucket: the same as in a folder, over HTTP to a server that speaks S3."""

import os
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import boto3
import pyarrow as pa
import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from moto.server import ThreadedMotoServer
from pytest_django.fixtures import Settings

from accelerator import protocol, spooling
from jobs import spool
from jobs.models import Warehouse
from jobs.states import State
from tests.jobs import cast
from tests.jobs.stages.conftest import run


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(server: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, spool_folder: None) -> str:
    """A new bucket in which the spool is."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "tests")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"spool-{uuid.uuid4()}"
    boto3.client("s3", endpoint_url=server).create_bucket(Bucket=name)
    told = spooling.storage(f"s3://{name}/jobs?endpoint_url={server}", Path(os.devnull))
    settings.STORAGES = settings.STORAGES | {"spool": told}
    return name


def keys(server: str, bucket: str) -> list[str]:
    told = boto3.client("s3", endpoint_url=server).list_objects_v2(Bucket=bucket)
    return [entry["Key"] for entry in told.get("Contents", [])]


def table(start: int, stop: int) -> pa.Table:
    return pa.table({"id": list(range(start, stop))})


def test_batches_are_written_read_replaced_and_cleared(server: str, bucket: str, tmp_path: Path) -> None:
    job_id = uuid.uuid4()
    writers = {attempt: spool.Writer(job_id, attempt, 10) for attempt in (1, 2)}
    for writer in writers.values():
        writer.write(table(0, 25))
        writer.close()
    assert len(keys(server, bucket)) == 6
    first = spool.without(writers[2].batches[0], table(1, 10))
    assert protocol.decode_batch(spool.read(first)).num_rows == 9
    dropped = tmp_path / "dropped.csv"
    dropped.write_text("reason\n")
    place = spool.keep_dropped(job_id, 2, dropped)
    assert spool.jobs() == [job_id]
    spool.clear(job_id, below=2)
    assert len(keys(server, bucket)) == 4
    assert [protocol.decode_batch(spool.read(batch)).num_rows for batch in writers[2].batches] == [9, 10, 5]
    assert spool.untouched(job_id, since=timezone.now() + timedelta(minutes=1))
    assert not spool.untouched(job_id, since=timezone.now() - timedelta(minutes=1))
    spool.clear(job_id, keeping=place)
    file = spool.open_dropped(place)
    assert file is not None
    with file:
        assert file.read() == b"reason\n"
    spool.clear(job_id)
    assert keys(server, bucket) == []
    assert spool.open_dropped(place) is None
    assert spool.jobs() == []


@pytest.mark.django_db(transaction=True)
def test_a_whole_audience_is_extracted_into_it(
    server: str, bucket: str, warehouse: Warehouse, alice: User
) -> None:
    sql = "SELECT id, email, first_name FROM customers UNION ALL SELECT 9, 'ANN@example.com', 'Ann'"
    job = run(cast.job(warehouse, alice, sql=sql), "initializing")
    assert (job.state, job.extracted, job.dropped_duplicate) == (State.PROCESSING, 3, 1)
    [batch] = job.batches.all()
    data = spool.read(batch)
    assert (protocol.digest(data), protocol.decode_batch(data).num_rows) == (batch.sha256, 3)
    assert keys(server, bucket) == sorted([f"jobs/{batch.path}", f"jobs/{job.dropped_file}"])
