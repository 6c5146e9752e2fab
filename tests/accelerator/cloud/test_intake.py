"""Batches on their way into the database; what each request is answered is tests/contract."""

import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.test import Client

from accelerator import protocol
from accelerator.cloud import intake, tasks
from accelerator.cloud.celery import app
from accelerator.cloud.models import Batch, BatchBytes, Mailing
from accelerator.protocol import Desired
from tests.accelerator.cloud import mailings

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty_queue() -> Iterator[None]:
    app.control.purge()
    yield
    app.control.purge()


@pytest.fixture
def data() -> bytes:
    """A batch of many records."""
    return protocol.encode_batch(mailings.table(mailings.addresses(5_000)))


@pytest.fixture
def mailing(data: bytes) -> Mailing:
    """Accepted; nothing of it is here."""
    return intake.accept(uuid.uuid4(), mailings.request([data]))


def put(client: Client, mailing: Mailing, data: bytes) -> int:
    path = f"/v1/mailings/{mailing.key}/batches/0"
    key = next(iter(settings.CLOUD_KEYS.values()))
    signed = protocol.sign(key, "PUT", path, data, at=int(time.time()))
    return client.put(path, data, "application/vnd.apache.arrow.stream", headers=signed).status_code


def test_the_bytes_are_kept_as_they_came(mailing: Mailing, data: bytes) -> None:
    intake.store_batch(mailing.key, 0, data)
    stored = BatchBytes.objects.get()
    assert (stored.batch, bytes(stored.data)) == (Batch.objects.get(), data)


def test_the_database_does_not_compress_them_again() -> None:
    """Also where it could: trying it costs more than storing them."""
    records = mailings.table(mailings.addresses(5_000))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, records.schema) as writer:
        writer.write_table(records)
    plain = sink.getvalue().to_pybytes()
    intake.store_batch(intake.accept(uuid.uuid4(), mailings.request([plain])).key, 0, plain)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_column_compression(data), octet_length(data) FROM cloud_batchbytes")
        assert cursor.fetchall() == [(None, len(plain))]


def test_a_batch_that_comes_twice_at_once_is_stored_once(mailing: Mailing, data: bytes) -> None:
    together = threading.Barrier(4)

    def store(_: int) -> bool:
        together.wait(10)
        try:
            return intake.store_batch(mailing.key, 0, data).due
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(store, range(4))) == [False, False, False, True]
    assert BatchBytes.objects.count() == 1


def test_a_batch_that_waits_for_a_resume_wakes_nobody(client: Client, mailing: Mailing, data: bytes) -> None:
    mailings.control(mailing, 1, Desired.PAUSE)
    assert put(client, mailing, data) == 200
    assert (tasks.waiting(), Batch.objects.get().due_at) == (0, None)


def test_a_batch_wakes_one_sender_however_often_it_comes(
    client: Client, mailing: Mailing, data: bytes
) -> None:
    for _ in range(3):
        assert put(client, mailing, data) == 200
    assert tasks.waiting() == 1
    assert Batch.objects.get().due_at is not None


def test_a_database_that_lets_nobody_write_is_told_apart_from_a_mistake(
    client: Client, mailing: Mailing, data: bytes
) -> None:
    def hold() -> None:
        try:
            with transaction.atomic():
                Batch.objects.select_for_update().get()
                held.set()
                over.wait(20)
        finally:
            connection.close()

    held, over = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as threads:
        holder = threads.submit(hold)
        try:
            assert held.wait(10)
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '50ms'")
                with pytest.raises(OperationalError):
                    intake.store_batch(mailing.key, 0, data)
        finally:
            over.set()
        holder.result()
    assert put(client, mailing, data) == 200
