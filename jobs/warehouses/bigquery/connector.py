"""Google BigQuery as a Warehouse: a dry run that must be one SELECT, then rows as Arrow from the Storage Read API.

Built on the connector's source and Google's documents; never run against the real service.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import google.auth
import google.auth.exceptions
import google.oauth2.service_account
import pyarrow as pa
from google.cloud import bigquery, bigquery_storage

from jobs.reading import times, variables
from jobs.reading.base import Query
from jobs.reading.errors import AudienceSqlError, Cancelled, WarehouseError, WarehouseUnreachable
from jobs.reading.lexing import bare
from jobs.warehouses import onequery, services
from jobs.warehouses.bigquery import DIALECT, errors, types

services.quiet("google", "grpc", "urllib3")

FORM = "bigquery://project/dataset?location=EU"

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)

# Streams that are read side by side, and pages of each (about a MB) that wait for us.
STREAMS, PAGES = 2, 2
ASKING = 10.0  # seconds for a short question
BRIEFLY = bigquery.DEFAULT_RETRY.with_timeout(ASKING)

# What a reader of a table may not.
WRITES = (
    "bigquery.tables.create",
    "bigquery.tables.delete",
    "bigquery.tables.setIamPolicy",
    "bigquery.tables.update",
    "bigquery.tables.updateData",
)


class Stream:
    """A BigQuery job."""

    def __init__(
        self, client: bigquery.Client, reader: bigquery_storage.BigQueryReadClient, query: Query, limit: int
    ) -> None:
        self._client, self._reader, self._query, self._limit = client, reader, query, limit
        self._job: bigquery.QueryJob | None = None
        self._pages: Iterator[pa.RecordBatch] = iter(())
        self._schema = pa.schema([])
        self._ended = threading.Event()

    def start(self) -> pa.Schema:
        sql = variables.bound(self._query.sql, lambda name: f"@{name}")
        try:
            _check_reads(self._client.query(sql, job_config=self._config(dry_run=True), job_retry=None))
            onequery.check(bare(sql), DIALECT)  # of what is a SELECT, and yet acts
            # A job of its own is never started again by the library: what is cancelled stays so.
            self._job = self._client.query(sql, job_config=self._config(), job_retry=None)
            if self._ended.is_set():
                self.cancel()
            rows = self._job.result(job_retry=None)
            self._schema = types.schema(rows.schema)
            self._pages = iter(
                rows.to_arrow_iterable(self._reader, max_queue_size=PAGES, max_stream_count=STREAMS)
            )
        except errors.FAILURES as error:
            raise self._explained(error) from error
        return times.readable_schema(self._schema)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for page in self._pages:
                yield from services.batches(page, self._schema)
        # A channel that `cancel` closed is a ValueError.
        except (*errors.FAILURES, ValueError) as error:
            raise self._explained(error) from error

    def cancel(self) -> None:
        self._ended.set()
        job = self._job
        if job is not None:
            with suppress(*errors.FAILURES):
                self._client.cancel_job(job.job_id, location=job.location, retry=BRIEFLY, timeout=ASKING)
            # Whoever waits for the next page is woken.
            self._reader.transport.close()

    def working(self) -> bool:
        """A job that is done works no more: then only its rows are awaited."""
        job = self._job
        if job is None:
            return False
        try:
            found = self._client.get_job(job.job_id, location=job.location, retry=BRIEFLY, timeout=ASKING)
        except errors.FAILURES:
            return False
        return bool(found.state != "DONE")

    def close(self) -> None:
        self._ended.set()
        self._reader.transport.close()
        if self._job is not None and self._job.state != "DONE":
            self.cancel()
        # Its threads end when they look up, and find the channel closed.
        if hasattr(self._pages, "close"):
            with suppress(*errors.FAILURES, ValueError):
                self._pages.close()
        self._client.close()

    def _config(self, *, dry_run: bool = False) -> bigquery.QueryJobConfig:
        config = bigquery.QueryJobConfig(
            dry_run=dry_run,
            use_legacy_sql=False,
            use_query_cache=not dry_run,
            query_parameters=[
                bigquery.ScalarQueryParameter(name, *types.bound(self._query.values[name]))
                for name in variables.names(self._query.sql)
            ],
            labels={"application": "accelerator"},
        )
        if not dry_run:
            config.job_timeout_ms = services.timeout() * 1000
        if self._limit:
            config.maximum_bytes_billed = self._limit
        return config

    def _explained(self, error: Exception) -> WarehouseError:
        if self._ended.is_set() or errors.reason(error) == "stopped":
            return Cancelled("The query was ended.")
        return errors.explained(error)


@contextmanager
def open_stream(location: str, secret: str, query: Query) -> Iterator[Stream]:
    """Ready to run one SELECT in the project at `location` (bigquery://project/dataset?location=EU).

    `secret`: the JSON of a service account's key, or nothing: the credentials of the machine.
    """
    client, limit = _client(location, secret)
    reader = bigquery_storage.BigQueryReadClient(credentials=client._credentials)
    stream = Stream(client, reader, query, limit)
    try:
        yield stream
    finally:
        stream.close()


def examine(location: str, secret: str) -> list[str]:
    """What the account may do to the first table of the dataset: that holds what project and dataset grant."""
    with open_stream(location, secret, Query("SELECT 1 AS one")) as stream:
        stream.start()
    client, _ = _client(location, secret)
    project, name, _ = _parts(location)
    dataset = f"{project}.{name}"
    try:
        table = next(iter(client.list_tables(dataset, max_results=1)), None)
        if table is None:
            return [
                f"The dataset {dataset} has no table yet, so nobody can say whether the account may write."
            ]
        may = client.test_iam_permissions(table.reference, WRITES).get("permissions", [])
    except errors.FAILURES as error:
        return [f"It could not be asked whether the account may write: {errors.words(error)}"]
    finally:
        client.close()
    if not may:
        return []
    return [
        f"The account may do more than read the table {table.table_id} ({', '.join(sorted(may))}). "
        "Give it roles/bigquery.dataViewer and nothing that writes."
    ]


def _client(location: str, secret: str) -> tuple[bigquery.Client, int]:
    """A client with the dataset as default, and the bytes that one query may be billed for (0: no limit)."""
    project, dataset, options = _parts(location)
    limit = options.get("maximum_bytes_billed", "0")
    if not limit.isdecimal():
        raise WarehouseUnreachable("maximum_bytes_billed in the location must be a number of bytes.")
    client = bigquery.Client(
        project=project,
        credentials=_credentials(secret),
        location=options.get("location"),
        default_query_job_config=bigquery.QueryJobConfig(default_dataset=f"{project}.{dataset}"),
    )
    return client, int(limit)


def _parts(location: str) -> tuple[str, str, dict[str, str]]:
    parts, options = services.located(location, FORM, ("location", "maximum_bytes_billed"))
    dataset = parts.path.strip("/")
    if not dataset or "/" in dataset:
        raise WarehouseUnreachable(f"The location must name one project and one dataset: {FORM}.")
    return parts.netloc, dataset, options


def _credentials(secret: str) -> Any:
    if not secret:
        try:
            return google.auth.default(scopes=SCOPES)[0]
        except google.auth.exceptions.DefaultCredentialsError as error:
            raise WarehouseUnreachable(
                "No secret is given, and this machine has no credentials for Google Cloud of its own. "
                "Enter the JSON of a service account's key."
            ) from error
    try:
        info = json.loads(secret)
        return google.oauth2.service_account.Credentials.from_service_account_info(info, scopes=SCOPES)
    except (ValueError, TypeError, AttributeError, google.auth.exceptions.GoogleAuthError):
        # The cause may quote what it could not read.
        raise WarehouseUnreachable(
            "The secret is not the JSON of a service account's key, as Google Cloud lets one download it."
        ) from None


def _check_reads(dry: bigquery.QueryJob) -> None:
    """BigQuery itself says what the SQL is, without running it. Raises AudienceSqlError."""
    if dry.statement_type != "SELECT":
        raise AudienceSqlError(
            f"An Audience only reads: BigQuery calls this {dry.statement_type or 'no query'}. Nothing was run."
        )
