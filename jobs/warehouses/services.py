"""What Warehouses that are somebody's service share: a location without a secret, time limits, bearable batches."""

import logging
from collections.abc import Iterator, Sequence
from urllib.parse import SplitResult, parse_qsl, urlsplit

import pyarrow as pa
from django.conf import settings

from jobs.reading import times
from jobs.reading.errors import AudienceSqlError, WarehouseUnreachable
from jobs.warehouses import words

# A record batch has at most so many rows and about so many bytes, whatever the service sends at once.
ROWS, BYTES = 10_000, 2 << 20


def quiet(*loggers: str) -> None:
    """A vendor's connector says what it asks, and where; that is SQL and addresses, which our log is no place for."""
    for name in loggers:
        logging.getLogger(name).setLevel(logging.WARNING)


def located(
    location: str, form: str, options: Sequence[str], required: Sequence[str] = ()
) -> tuple[SplitResult, dict[str, str]]:
    """The parts of a location of that form, and its options. Raises WarehouseUnreachable."""
    try:
        parts = urlsplit(location)
        given = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError as error:
        raise WarehouseUnreachable(f"The location can't be read; it must look like {form}.") from error
    if parts.scheme != urlsplit(form).scheme or not parts.netloc or parts.fragment:
        raise WarehouseUnreachable(f"The location must look like {form}.")
    if ":" in parts.netloc.rpartition("@")[0]:
        raise WarehouseUnreachable("The location holds a password; it belongs into the field for the secret.")
    for name in given:
        if name not in options:
            raise WarehouseUnreachable(
                f'The location has an option "{name}", which is not known. There are: {", ".join(options)}.'
            )
    for name in required:
        if name not in given:
            raise WarehouseUnreachable(f'The location lacks the option "{name}"; it must look like {form}.')
    return parts, given


def timeout() -> int:
    """Seconds after which the service itself ends a statement."""
    return int(settings.WAREHOUSE_TIMEOUT)


def slow() -> AudienceSqlError:
    return AudienceSqlError(f"The SQL takes longer than {timeout() / 3600:g} hours (WAREHOUSE_TIMEOUT).")


def batches(arrived: pa.RecordBatch | pa.Table, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """What arrived, in the promised schema and in bearable pieces. Raises AudienceSqlError."""
    for batch in arrived.to_batches() if isinstance(arrived, pa.Table) else [arrived]:
        columns = [_as_promised(column, field) for column, field in zip(batch.columns, schema, strict=True)]
        readable = times.readable(pa.RecordBatch.from_arrays(columns, schema=schema))
        rows = max(1, min(ROWS, BYTES * readable.num_rows // max(1, readable.nbytes)))
        for start in range(0, readable.num_rows, rows):
            yield readable.slice(start, rows)


def _as_promised(column: pa.Array, field: pa.Field) -> pa.Array:
    """A service may send the same column narrower in one batch than in the next."""
    if column.type == field.type:
        return column
    try:
        # What is finer than a microsecond is cut, as `times` does.
        return column.cast(field.type, safe=not pa.types.is_temporal(field.type))
    except pa.ArrowException as error:
        raise AudienceSqlError(
            f'The column "{field.name}" holds values that do not fit its type, {words.word(field)}: cast it to text in '
            "the SQL."
        ) from error
