"""What answers Snowflake's connector as the service does: the login, a query by its id, its rows as Arrow."""

import base64
import datetime
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from jobs.warehouses.snowflake import connector
from tests.jobs.warehouses import answering
from tests.jobs.warehouses.answering import Asked

ID = "01b2c3d4-0000-1111-0000-000000000001"
LOCATION = "snowflake://me@acc/db/s?warehouse=wh&role=reader"
EPOCH = 1_700_000_000  # seconds: 2023-11-14 22:13:20 UTC


class Snow:
    """The service: what it was asked, and what it says."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.role = "READER"
        self.refusal: tuple[str, str] | None = None  # of the login: number and words
        self.failure: tuple[str, str] | None = None  # of the query
        self.table, self.columns = MANY
        self.grants: list[dict[str, str]] = []
        self.runs = threading.Event()  # that a query was begun
        self.held = False  # whether the query goes on until somebody ends it
        self.aborted = threading.Event()

    @property
    def statements(self) -> list[dict[str, Any]]:
        return [asked.json for asked in self.asked if asked.path == "/queries/v1/query-request"]

    @property
    def login(self) -> dict[str, Any]:
        [found] = [asked.json["data"] for asked in self.asked if "login-request" in asked.path]
        return dict(found)

    def answer(self, asked: Asked) -> tuple[int, object]:
        self.asked.append(asked)
        if asked.path == "/session/v1/login-request":
            return 200, self._let_in()
        if asked.path == "/queries/v1/query-request":
            return 200, self._begun(asked.json["sqlText"])
        if asked.path.startswith("/monitoring/queries/"):
            return 200, self._state()
        if asked.path.endswith("/abort-request"):
            self.aborted.set()
            return 200, {"success": True, "code": None, "message": None, "data": None}
        if asked.path.endswith("/result"):
            return 200, result(self.table, self.columns)
        return 200, {"success": True, "code": None, "message": None, "data": {}}

    def _let_in(self) -> dict[str, object]:
        if self.refusal is not None:
            number, words = self.refusal
            return {"success": False, "code": number, "message": words, "data": {"nextAction": "RETRY_LOGIN"}}
        return {
            "success": True,
            "code": None,
            "message": None,
            "data": {
                "token": "session-token",
                "masterToken": "master-token",
                "validityInSeconds": 3600,
                "masterValidityInSeconds": 14400,
                "sessionId": 42,
                "displayUserName": "ME",
                "serverVersion": "9.1",
                "parameters": [{"name": "TIMEZONE", "value": "Europe/Berlin"}],
                "sessionInfo": {
                    "databaseName": "DB",
                    "schemaName": "S",
                    "warehouseName": "WH",
                    "roleName": self.role,
                },
            },
        }

    def _begun(self, sql: str) -> dict[str, object]:
        if sql.startswith("SHOW GRANTS"):
            return shown(self.grants)
        self.runs.set()
        data = {"queryId": ID, "getResultUrl": f"/queries/{ID}/result", "queryAbortsAfterSecs": 300}
        return {"success": True, "code": "333334", "message": "in progress", "data": data}

    def _state(self) -> dict[str, object]:
        state: dict[str, object] = {"id": ID, "status": "SUCCESS", "errorCode": None, "errorMessage": None}
        if self.failure is not None:
            number, words = self.failure
            state |= {"status": "FAILED_WITH_ERROR", "errorCode": number, "errorMessage": words}
        elif self.held:
            state |= {"status": "RUNNING"}
        return {"success": True, "code": None, "message": None, "data": {"queries": [state]}}


@contextmanager
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Snow]:
    """The service, where our connector finds it instead of the real one."""
    snow = Snow()
    with answering.server(snow.answer) as port:
        for name, value in {"host": "127.0.0.1", "port": port, "protocol": "http"}.items():
            monkeypatch.setitem(connector.OPTIONS, name, value)
        yield snow


def result(table: pa.Table, columns: list[dict[str, object]]) -> dict[str, object]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return _rows(columns, table.num_rows) | {
        "data": _data(columns, table.num_rows)
        | {"rowsetBase64": base64.b64encode(sink.getvalue()).decode(), "queryResultFormat": "arrow"}
    }


def shown(grants: list[dict[str, str]]) -> dict[str, object]:
    """What SHOW gives: rows as JSON."""
    names = ("created_on", "privilege", "granted_on", "name", "granted_to", "grantee_name")
    columns = [column(name, "text", length=1000, byteLength=4000) for name in names]
    rows = [[grant.get(name, "") for name in names] for grant in grants]
    return _rows(columns, len(rows)) | {
        "data": _data(columns, len(rows)) | {"rowset": rows, "queryResultFormat": "json"}
    }


def _rows(columns: list[dict[str, object]], count: int) -> dict[str, object]:
    return {"success": True, "code": None, "message": None}


def _data(columns: list[dict[str, object]], count: int) -> dict[str, object]:
    return {
        "parameters": [],
        "rowtype": columns,
        "total": count,
        "returned": count,
        "queryId": ID,
        "databaseProvider": None,
        "finalDatabaseName": "DB",
        "finalSchemaName": "S",
        "finalWarehouseName": "WH",
        "finalRoleName": "READER",
        "numberOfBinds": 0,
        "arrayBindSupported": False,
        "statementTypeId": 4096,
        "version": 1,
        "sendResultTime": 1,
    }


def column(name: str, kind: str, **more: object) -> dict[str, object]:
    nothing = dict.fromkeys(("precision", "scale", "length", "byteLength", "collation"))
    place = dict.fromkeys(("database", "schema", "table"), "")
    return nothing | place | {"name": name, "type": kind, "nullable": True} | more


def field(name: str, kind: pa.DataType, logical: str, **more: int) -> pa.Field:
    """As Snowflake's Arrow has it: what a column means is in its metadata."""
    about: dict[str, object] = {"logicalType": logical, "precision": 38, "scale": 0, "charLength": 0}
    about |= {"byteLength": 0, "finalType": "T"} | more
    return pa.field(name, kind, metadata={name: str(value) for name, value in about.items()})


ZONED = pa.struct(
    [
        field("epoch", pa.int64(), "TIMESTAMP_TZ", scale=9, byteLength=16),
        field("fraction", pa.int32(), "TIMESTAMP_TZ", scale=9, byteLength=16),
        field("timezone", pa.int32(), "TIMESTAMP_TZ", scale=9, byteLength=16),
    ]
)
# Of each column: what Snowflake says it is, how Arrow carries it, and the values of two rows.
COLUMNS: list[tuple[dict[str, object], pa.Field, list[object]]] = [
    (column("ID", "fixed", precision=38, scale=0), field("ID", pa.int8(), "FIXED"), [1, 2]),
    (
        column("AMOUNT", "fixed", precision=10, scale=2),
        field("AMOUNT", pa.int32(), "FIXED", precision=10, scale=2),
        [12345, None],
    ),
    (
        column("BIG", "fixed", precision=38, scale=4),
        field("BIG", pa.decimal128(38, 4), "FIXED", scale=4),
        [Decimal("1234567890123456789012345.6789"), None],
    ),
    (
        column("WHEN_NTZ", "timestamp_ntz", scale=3),
        field("WHEN_NTZ", pa.int64(), "TIMESTAMP_NTZ", scale=3),
        [EPOCH * 1000 + 123, None],
    ),
    (
        column("WHEN_TZ", "timestamp_tz", scale=9),
        field("WHEN_TZ", ZONED, "TIMESTAMP_TZ", scale=9, byteLength=16),
        [{"epoch": EPOCH, "fraction": 123_000_000, "timezone": 1440 + 120}, None],
    ),
    (column("DAY", "date"), field("DAY", pa.date32(), "DATE"), [datetime.date(2024, 2, 29), None]),
    (column("OK", "boolean"), field("OK", pa.bool_(), "BOOLEAN"), [True, None]),
    (column("DOC", "variant"), field("DOC", pa.string(), "VARIANT"), ['{"a": [1, null]}', None]),
    (column("X", "real"), field("X", pa.float64(), "REAL"), [1.5, None]),
    (column("Email", "text", length=99), field("Email", pa.string(), "TEXT"), ["a@example.com", None]),
]
MANY = (
    pa.table(
        [pa.array(values, arrow.type) for _, arrow, values in COLUMNS],
        schema=pa.schema([arrow for _, arrow, _ in COLUMNS]),
    ),
    [told for told, _, _ in COLUMNS],
)
