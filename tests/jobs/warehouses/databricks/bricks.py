"""What answers Databricks' connector as a SQL warehouse does: Thrift over HTTP, a statement by its handle, Arrow."""

# ruff: noqa: ARG002, N802 - the names and the arguments are the protocol's

import datetime
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from databricks.sql.thrift_api.TCLIService import TCLIService, ttypes
from thrift.protocol.TBinaryProtocol import TBinaryProtocol  # type: ignore[import-untyped]
from thrift.transport.TTransport import TMemoryBuffer  # type: ignore[import-untyped]

from jobs.warehouses.databricks import connector
from tests.jobs.warehouses import answering
from tests.jobs.warehouses.answering import Asked

LOCATION = "databricks://adb-1.example.com/sql/1.0/warehouses/abc?catalog=main&schema=marts"
STATE, TYPE = ttypes.TOperationState, ttypes.TTypeId
OK = ttypes.TStatus(statusCode=ttypes.TStatusCode.SUCCESS_STATUS)
V7 = ttypes.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V7

HOME = pa.struct([("town", pa.string()), ("since", pa.date32())])
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("amount", pa.decimal128(10, 2)),
        ("day", pa.date32()),
        ("stamp", pa.timestamp("us", tz="Etc/UTC")),
        ("clock", pa.timestamp("us")),
        ("ok", pa.bool_()),
        ("doc", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("home", HOME),
        ("counts", pa.map_(pa.string(), pa.int32())),
    ]
)
KINDS = (
    TYPE.BIGINT_TYPE,
    TYPE.DECIMAL_TYPE,
    TYPE.DATE_TYPE,
    TYPE.TIMESTAMP_TYPE,
    TYPE.TIMESTAMP_TYPE,
    TYPE.BOOLEAN_TYPE,
    TYPE.STRING_TYPE,
    TYPE.ARRAY_TYPE,
    TYPE.STRUCT_TYPE,
    TYPE.MAP_TYPE,
)
DAY, WHEN = datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, 30, 0, 5)
FIRST: dict[str, object] = {
    "id": 1,
    "amount": Decimal("123.45"),
    "day": DAY,
    "stamp": WHEN.replace(tzinfo=datetime.UTC),
    "clock": WHEN,
    "ok": True,
    "doc": '{"a":[1,null]}',
    "tags": ["x", "y"],
    "home": {"town": "Bern", "since": DAY},
    "counts": {"a": 1, "b": 2},
}
SECOND: dict[str, object] = dict.fromkeys(FIRST) | {"id": 2}
ROWS = pa.Table.from_pylist([FIRST, SECOND], schema=SCHEMA)
GRANT = ("Principal", "ActionType", "ObjectType", "ObjectKey")


class Bricks:
    """The service: what it was asked, and what it says. The methods in capitals are the protocol's."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.sessions: list[Any] = []
        self.statements: list[Any] = []
        self.cancelled: list[str] = []
        self.closed = 0
        self.table, self.kinds = ROWS, KINDS
        self.grants: list[tuple[str, str, str, str]] = []
        self.refusal: tuple[int, str] | None = None  # of any request: status, words
        self.failure: str | None = None  # of the statement that runs
        self.held = False  # whether the statement goes on until somebody ends it
        self.runs, self.ended = threading.Event(), threading.Event()
        self._tables: dict[bytes, pa.Table] = {}
        self._fetched: set[bytes] = set()

    @property
    def let_in(self) -> set[str]:
        """The Authorization headers."""
        return {asked.headers.get("authorization", "") for asked in self.asked if "token" not in asked.path}

    def answer(self, asked: Asked) -> tuple[int, object] | tuple[int, object, dict[str, str]]:
        self.asked.append(asked)
        if asked.path.endswith("/oidc/v1/token"):
            return 200, {"access_token": "of-the-principal", "expires_in": 3600, "token_type": "Bearer"}
        if self.refusal is not None:
            status, words = self.refusal
            return status, b"", {"X-Databricks-Error-Or-Redirect-Message": words}
        came, goes = TMemoryBuffer(asked.body), TMemoryBuffer()
        TCLIService.Processor(self).process(TBinaryProtocol(came), TBinaryProtocol(goes))
        return 200, goes.getvalue()

    def OpenSession(self, asked: Any) -> Any:
        self.sessions.append(asked)
        return ttypes.TOpenSessionResp(
            status=OK,
            serverProtocolVersion=V7,
            sessionHandle=ttypes.TSessionHandle(sessionId=_id()),
            canUseMultipleCatalogs=True,
            initialNamespace=asked.initialNamespace,
        )

    def CloseSession(self, asked: Any) -> Any:
        self.closed += 1
        return ttypes.TCloseSessionResp(status=OK)

    def ExecuteStatement(self, asked: Any) -> Any:
        self.statements.append(asked)
        handle = ttypes.TOperationHandle(
            operationId=_id(), operationType=ttypes.TOperationType.EXECUTE_STATEMENT, hasResultSet=True
        )
        self._tables[handle.operationId.guid] = self._table(asked.statement)
        self.runs.set()
        return ttypes.TExecuteStatementResp(status=OK, operationHandle=handle)

    def GetOperationStatus(self, asked: Any) -> Any:
        state, words = STATE.FINISHED_STATE, None
        if self.ended.is_set():
            state = STATE.CANCELED_STATE
        elif self.failure is not None:
            state, words = STATE.ERROR_STATE, self.failure
        elif self.held:
            state = STATE.RUNNING_STATE
        return ttypes.TGetOperationStatusResp(
            status=OK, operationState=state, displayMessage=words, errorMessage=words
        )

    def GetResultSetMetadata(self, asked: Any) -> Any:
        return self._metadata(self._tables[asked.operationHandle.operationId.guid])

    def FetchResults(self, asked: Any) -> Any:
        """All rows at once, then none."""
        guid = asked.operationHandle.operationId.guid
        table = self._tables[guid].slice(0, 0 if guid in self._fetched else None)
        self._fetched.add(guid)
        batches = [
            ttypes.TSparkArrowBatch(batch=batch.serialize().to_pybytes(), rowCount=batch.num_rows)
            for batch in table.to_batches()
        ]
        rows = ttypes.TRowSet(startRowOffset=0, rows=[], arrowBatches=batches)
        return ttypes.TFetchResultsResp(
            status=OK, hasMoreRows=False, results=rows, resultSetMetadata=self._metadata(table)
        )

    def CancelOperation(self, asked: Any) -> Any:
        self.cancelled.append(uuid.UUID(bytes=asked.operationHandle.operationId.guid).hex)
        self.ended.set()
        return ttypes.TCancelOperationResp(status=OK)

    def CloseOperation(self, asked: Any) -> Any:
        return ttypes.TCloseOperationResp(status=OK)

    def _table(self, statement: str) -> pa.Table:
        if statement.startswith("SELECT current_user()"):
            return pa.table({"me": ["principal"]})
        if statement.startswith("SHOW GRANTS"):
            here = [grant for grant in self.grants if grant[2] in statement]
            schema = pa.schema([(name, pa.string()) for name in GRANT])
            return pa.Table.from_pylist([dict(zip(GRANT, grant, strict=True)) for grant in here], schema)
        return self.table

    def _metadata(self, table: pa.Table) -> Any:
        kinds = self.kinds if table.schema == SCHEMA else [TYPE.STRING_TYPE] * table.num_columns
        columns = [
            ttypes.TColumnDesc(columnName=name, position=place, typeDesc=_described(kind))
            for place, (name, kind) in enumerate(zip(table.schema.names, kinds, strict=True), start=1)
        ]
        return ttypes.TGetResultSetMetadataResp(
            status=OK,
            schema=ttypes.TTableSchema(columns=columns),
            resultFormat=ttypes.TSparkRowSetType.ARROW_BASED_SET,
            lz4Compressed=False,
            arrowSchema=table.schema.serialize().to_pybytes(),
        )


@contextmanager
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bricks]:
    """The service, where our connector finds it instead of the real one."""
    bricks = Bricks()
    with answering.server(bricks.answer) as port:
        here = f"http://127.0.0.1:{port}"
        monkeypatch.setitem(connector.OPTIONS, "_connection_uri", f"{here}/sql/1.0/warehouses/abc")
        monkeypatch.setattr(connector, "TOKENS", here + "/{host}/oidc/v1/token")
        yield bricks


def _id() -> Any:
    return ttypes.THandleIdentifier(guid=uuid.uuid4().bytes, secret=b"s" * 16)


def _described(kind: int) -> Any:
    entry = ttypes.TPrimitiveTypeEntry(type=kind)
    if kind == TYPE.DECIMAL_TYPE:
        digits = {"precision": 10, "scale": 2}
        told = {name: ttypes.TTypeQualifierValue(i32Value=value) for name, value in digits.items()}
        entry.typeQualifiers = ttypes.TTypeQualifiers(qualifiers=told)
    return ttypes.TTypeDesc(types=[ttypes.TTypeEntry(primitiveEntry=entry)])
