"""Text that is UTF-8: Arrow takes a driver's word for it, and a database may send whatever bytes it was given once."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from jobs.reading.errors import AudienceSqlError

LEAVE_OUT = "leave it out"

TEXT = (pa.StringArray, pa.LargeStringArray, pa.StringViewArray)
LISTS = (pa.ListArray, pa.LargeListArray, pa.FixedSizeListArray)


def check(batch: pa.RecordBatch | pa.Table, advice: str = LEAVE_OUT) -> None:
    """Raises AudienceSqlError with the column's name and the advice, in which `{name}` is that name.

    A column at a time, inside Arrow: about 5 ns a value.
    """
    for field, column in zip(batch.schema, batch.columns, strict=True):
        for texts in _texts(column):
            if _is_ascii(texts):
                continue
            try:
                texts.validate(full=True)
            except pa.ArrowInvalid as error:
                raise AudienceSqlError(
                    f'The column "{field.name}" holds text that is not UTF-8: {advice.format(name=field.name)}.'
                ) from error


def _is_ascii(texts: pa.Array) -> bool:
    """Whether it plainly is: all of its bytes are looked at at once, which takes a tenth of the time."""
    data = None if isinstance(texts, pa.StringViewArray) else texts.buffers()[2]
    return data is not None and bool(np.frombuffer(data, np.int8).min(initial=0) >= 0)


def _texts(column: pa.Array | pa.ChunkedArray) -> Iterator[pa.Array]:
    """What is text in the column, at any depth. Arrow, asked for all of it, would also refuse a time of 24:00."""
    if isinstance(column, TEXT):
        yield column
    for part in _parts(column):
        yield from _texts(part)


def _parts(column: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    if isinstance(column, pa.ChunkedArray):
        chunks: list[pa.Array] = column.chunks
        return chunks
    if isinstance(column, pa.StructArray):
        fields: list[pa.Array] = column.flatten()
        return fields
    if isinstance(column, pa.MapArray):  # a list too, for Python
        return [column.keys, column.items]
    if isinstance(column, LISTS):
        return [column.flatten()]
    if isinstance(column, pa.DictionaryArray):
        return [column.dictionary]
    return [column.storage] if isinstance(column, pa.ExtensionArray) else []
