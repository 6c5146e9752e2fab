"""Supplemental Data that a SELECT gives: what all recipients share, read once for a Job and for each preview.

The columns of the first row stand for themselves, `{{ supplemental.season }}`; all rows are `supplemental.rows`.
"""

import json
from collections.abc import Callable

from accelerator import rendering, storable
from accelerator.protocol import SUPPLEMENTAL_LIMIT
from jobs import warehouses
from jobs.models import Warehouse
from jobs.warehouses import AudienceSqlError

MOST_ROWS = 1_000
ROWS = "rows"


def read(
    warehouse: Warehouse, sql: str, *, on_loss: Callable[[Callable[[], None]], None] | None = None
) -> dict[str, object]:
    """What the SELECT gives now. `on_loss` is told how the query is ended. Raises WarehouseError."""
    rows: list[dict[str, object]] = []
    opening = warehouses.open_patiently if on_loss is None else warehouses.open_stream
    with opening(warehouse, sql) as stream:
        if on_loss is not None:
            on_loss(stream.cancel)
        schema = stream.start()
        _check_columns(schema.names)
        for batch in stream:
            rows += warehouses.as_python(batch.slice(0, MOST_ROWS + 1 - len(rows)))
            if len(rows) > MOST_ROWS:
                raise AudienceSqlError(
                    f"It gives more than {MOST_ROWS:,} rows; what all recipients share is small."
                )
    if not rows:
        raise AudienceSqlError("It gives no row.")
    return _document(rows)


def _check_columns(names: list[str]) -> None:
    if ROWS in names:
        raise AudienceSqlError(
            f'A column is called "{ROWS}", which stands for all rows: give it another name.'
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise AudienceSqlError(f'The column "{twice[0]}" is there twice: name each differently.')


def _document(rows: list[dict[str, object]]) -> dict[str, object]:
    plain = [
        {storable.text(name): storable.document(rendering.plain(value)) for name, value in row.items()}
        for row in rows
    ]
    document: dict[str, object] = {**plain[0], ROWS: plain}
    if len(json.dumps(document).encode()) > SUPPLEMENTAL_LIMIT:
        raise AudienceSqlError(
            f"It gives more than {SUPPLEMENTAL_LIMIT // 1000} kB, twice its first row included."
        )
    return document
