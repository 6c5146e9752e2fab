"""What answers Google's libraries as BigQuery does: tokens, jobs, rows with the answer or by the Storage Read API."""

import datetime
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.transport import grpc as auth_grpc
from google.auth.transport.requests import Request
from google.cloud.bigquery_storage_v1 import types
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

from tests.jobs.warehouses import answering
from tests.jobs.warehouses.answering import Asked

LOCATION = "bigquery://shop/marts?location=EU&maximum_bytes_billed=1000000"
EMAIL = "reader@shop.iam.gserviceaccount.com"
JOBS, READ = "/bigquery/v2/projects/shop/jobs", "/google.cloud.bigquery.storage.v1.BigQueryRead/"
UTC = datetime.UTC
PATIENCE = 20.0  # seconds

FIELDS: list[dict[str, object]] = [
    {"name": "id", "type": "INTEGER", "mode": "NULLABLE"},
    {"name": "amount", "type": "NUMERIC", "mode": "NULLABLE"},
    {"name": "big", "type": "BIGNUMERIC", "mode": "NULLABLE"},
    {"name": "day", "type": "DATE", "mode": "NULLABLE"},
    {"name": "stamp", "type": "TIMESTAMP", "mode": "NULLABLE"},
    {"name": "clock", "type": "DATETIME", "mode": "NULLABLE"},
    {"name": "ok", "type": "BOOLEAN", "mode": "NULLABLE"},
    {"name": "doc", "type": "JSON", "mode": "NULLABLE"},
    {"name": "tags", "type": "STRING", "mode": "REPEATED"},
    {
        "name": "home",
        "type": "RECORD",
        "mode": "NULLABLE",
        "fields": [
            {"name": "town", "type": "STRING", "mode": "NULLABLE"},
            {"name": "since", "type": "DATE", "mode": "NULLABLE"},
        ],
    },
]
HOME = pa.struct([("town", pa.string()), ("since", pa.date32())])
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("amount", pa.decimal128(38, 9)),
        ("big", pa.decimal256(76, 38)),
        ("day", pa.date32()),
        ("stamp", pa.timestamp("us", tz="UTC")),
        ("clock", pa.timestamp("us")),
        ("ok", pa.bool_()),
        ("doc", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("home", HOME),
    ]
)
DAY, WHEN = datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, 30, 0, 5)
FIRST: dict[str, object] = {
    "id": 1,
    "amount": Decimal("123.450000000"),
    "big": Decimal(f"12345.{'0' * 37}1"),
    "day": DAY,
    "stamp": WHEN.replace(tzinfo=UTC),
    "clock": WHEN,
    "ok": True,
    "doc": '{"a":[1,null]}',
    "tags": ["x", "y"],
    "home": {"town": "Bern", "since": DAY},
}
SEEN = FIRST | {"doc": {"a": [1, None]}}
SECOND: dict[str, object] = dict.fromkeys(FIRST) | {"id": 2, "tags": []}
# The first row as it comes with the answer: every value a text.
MICROSECONDS = int(WHEN.replace(tzinfo=UTC).timestamp()) * 1_000_000 + 5
TOLD: list[dict[str, object]] = [
    {"v": "1"},
    {"v": "123.45"},
    {"v": str(FIRST["big"])},
    {"v": "2024-02-29"},
    {"v": str(MICROSECONDS)},
    {"v": "2024-02-29T12:30:00.000005"},
    {"v": "true"},
    {"v": '{"a":[1,null]}'},
    {"v": [{"v": "x"}, {"v": "y"}]},
    {"v": {"f": [{"v": "Bern"}, {"v": "2024-02-29"}]}},
]
TOLD_SECOND: list[dict[str, object]] = [{"v": None} for _ in TOLD]
TOLD_SECOND[0], TOLD_SECOND[8] = {"v": "2"}, {"v": []}


class Google:
    """The service: what it was asked, and what it says."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self.key = key
        self.port = 0
        self.asked: list[Asked] = []
        self.claims: list[dict[str, Any]] = []  # of those who wanted a token
        self.read: list[tuple[str, str]] = []  # calls of the Storage Read API, and who was let in
        self.kind: str | None = "SELECT"  # what it calls the statement
        self.refusal: tuple[int, str, str] | None = None  # of any job: status, reason, words
        self.failure: tuple[str, str] | None = None  # of the job that runs: reason, words
        self.no_token = False
        self.many = False  # whether the rows are too many to come with the answer
        self.silent = False  # whether the Storage Read API sends one page and no more
        self.held = False  # whether the job goes on until somebody ends it, or PATIENCE does
        self.until = 0.0
        self.runs, self.cancelled = threading.Event(), threading.Event()
        self.over = threading.Event()
        self.may: list[str] = []

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """What was to be run, or only looked at."""
        return [a.json["configuration"] for a in self.asked if a.method == "POST" and a.path == JOBS]

    def secret(self) -> str:
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "shop",
                "private_key_id": "abc",
                "private_key": answering.pem(self.key),
                "client_email": EMAIL,
                "token_uri": f"http://127.0.0.1:{self.port}/token",
            }
        )

    def answer(self, asked: Asked) -> tuple[int, object]:
        self.asked.append(asked)
        if asked.path == "/token":
            return self._token(asked)
        if asked.headers.get("authorization") != "Bearer of-the-account":
            return 401, failed(401, "authError", "Invalid Credentials")
        if asked.path == JOBS:
            return self._job(asked.json)
        if asked.path.endswith("/cancel"):
            self.cancelled.set()
            return 200, {"kind": "bigquery#jobCancelResponse", "job": self._state()}
        if asked.path.startswith(JOBS):
            return 200, self._state()
        if "/queries/" in asked.path:
            return self._results()
        if asked.path.endswith(":testIamPermissions"):
            return 200, {"permissions": [one for one in asked.json["permissions"] if one in self.may]}
        if asked.path.endswith("/tables"):
            reference = {"projectId": "shop", "datasetId": "marts", "tableId": "customers"}
            return 200, {"tables": [{"tableReference": reference, "id": "shop:marts.customers"}]}
        return 404, failed(404, "notFound", f"Not found: {asked.path}")

    def _token(self, asked: Asked) -> tuple[int, object]:
        if self.no_token:
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        self.claims.append(answering.claims(asked.form["assertion"][0], self.key))
        return 200, {"access_token": "of-the-account", "expires_in": 3600, "token_type": "Bearer"}

    def _job(self, wanted: dict[str, Any]) -> tuple[int, object]:
        if self.refusal is not None:
            status, reason, words = self.refusal
            return status, failed(status, reason, words)
        if wanted["configuration"].get("dryRun"):
            query = {"totalBytesProcessed": "10"}
            if self.kind:
                query["statementType"] = self.kind
            reference = {"projectId": "shop", "location": "EU"}
            return 200, wanted | {
                "jobReference": reference,
                "status": {"state": "DONE"},
                "statistics": {"query": query},
            }
        self.reference, self.configuration = wanted["jobReference"], wanted["configuration"]
        self.until = time.monotonic() + PATIENCE
        self.runs.set()
        return 200, self._state()

    def _state(self) -> dict[str, object]:
        goes_on = self._goes_on()
        status: dict[str, object] = {"state": "RUNNING" if goes_on else "DONE"}
        failure = ("stopped", "Job execution was cancelled: User requested cancellation")
        failure = failure if self.cancelled.is_set() else self.failure  # type: ignore[assignment]
        if not goes_on and failure:
            status["errorResult"] = {"reason": failure[0], "message": failure[1]}
            status["errors"] = [status["errorResult"]]
        reference = {"projectId": "shop", "datasetId": "_hidden", "tableId": "anon1"}
        query = self.configuration["query"] | {"destinationTable": reference}
        return {
            "jobReference": self.reference | {"location": "EU"},
            "configuration": self.configuration | {"query": query},
            "status": status,
            "statistics": {"query": {"statementType": "SELECT"}},
        }

    def _goes_on(self) -> bool:
        return self.held and not self.cancelled.is_set() and time.monotonic() < self.until

    def _results(self) -> tuple[int, object]:
        if self._goes_on() and not self.cancelled.wait(0.2):
            return 200, {"jobComplete": False, "jobReference": self.reference}
        if self.cancelled.is_set():
            return 499, failed(499, "stopped", "Job execution was cancelled: User requested cancellation")
        if self.failure:
            return 400, failed(400, *self.failure)
        found: dict[str, object] = {
            "jobComplete": True,
            "jobReference": self.reference,
            "schema": {"fields": FIELDS},
        }
        if self.many:
            return 200, found | {"totalRows": "4", "rows": [], "pageToken": "more"}
        return 200, found | {"totalRows": "2", "rows": [{"f": TOLD}, {"f": TOLD_SECOND}]}

    # --- the Storage Read API -----------------------------------------------------------------------------

    def session(self, request: types.CreateReadSessionRequest, context: Any) -> types.ReadSession:
        self._let_in("CreateReadSession", context)
        schema = types.ArrowSchema(serialized_schema=SCHEMA.serialize().to_pybytes())
        streams = [types.ReadStream(name=f"s{number}") for number in range(min(2, request.max_stream_count))]
        return types.ReadSession(
            name="session", data_format="ARROW", arrow_schema=schema, streams=streams, table="t"
        )

    def rows(self, request: types.ReadRowsRequest, context: Any) -> Iterator[types.ReadRowsResponse]:
        self._let_in("ReadRows", context)
        batch = pa.RecordBatch.from_pylist([FIRST, SECOND], schema=SCHEMA)
        content = types.ArrowRecordBatch(serialized_record_batch=batch.serialize().to_pybytes(), row_count=2)
        if request.offset == 0:
            schema = types.ArrowSchema(serialized_schema=SCHEMA.serialize().to_pybytes())
            yield types.ReadRowsResponse(arrow_record_batch=content, row_count=2, arrow_schema=schema)
        if self.silent:
            self.over.wait(30)

    def _let_in(self, call: str, context: Any) -> None:
        metadata = dict(context.invocation_metadata())
        self.read.append((call, metadata.get("authorization", "")))


@contextmanager
def service(monkeypatch: pytest.MonkeyPatch, key: rsa.RSAPrivateKey, folder: Path) -> Iterator[Google]:
    """The service, where Google's libraries find it instead of the real one."""
    google = Google(key)
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([_handlers(google)])
    address = f"unix:{folder}/read"
    # Whom it lets in is told on a line that nobody else listens to.
    server.add_secure_port(address, grpc.local_server_credentials(grpc.LocalConnectionType.UDS))
    server.start()

    def channel(_host: str, *, credentials: Any, options: Any = None, **_: object) -> grpc.Channel:
        let_in = grpc.metadata_call_credentials(auth_grpc.AuthMetadataPlugin(credentials, Request()))
        line = grpc.local_channel_credentials(grpc.LocalConnectionType.UDS)
        return grpc.secure_channel(address, grpc.composite_channel_credentials(line, let_in), options)

    monkeypatch.setattr(BigQueryReadGrpcTransport, "create_channel", staticmethod(channel))
    with answering.server(google.answer) as port:
        google.port = port
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        yield google
    google.over.set()
    server.stop(None).wait()


def _handlers(google: Google) -> grpc.GenericRpcHandler:
    session = grpc.unary_unary_rpc_method_handler(
        google.session, types.CreateReadSessionRequest.deserialize, types.ReadSession.serialize
    )
    rows = grpc.unary_stream_rpc_method_handler(
        google.rows, types.ReadRowsRequest.deserialize, types.ReadRowsResponse.serialize
    )
    calls = {"CreateReadSession": session, "ReadRows": rows}
    return grpc.method_handlers_generic_handler(READ.strip("/"), calls)


def failed(status: int, reason: str, words: str) -> dict[str, object]:
    error = {"message": words, "domain": "global", "reason": reason}
    return {"error": {"code": status, "message": words, "errors": [error], "status": "FAILED"}}
