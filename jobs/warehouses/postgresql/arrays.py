"""Arrays of PostgreSQL's, which know their dimensions in each row only: the driver would flatten them without a word.

So the server is asked for the dimensions of each array beside it. A SELECT without arrays is read as it is.
"""

import pyarrow as pa
import pyarrow.compute as pc

from jobs.reading.errors import AudienceSqlError
from jobs.warehouses.postgresql import types

# In brackets stands a query alone. The driver prepares it, which takes one statement; one that has no columns (RESET,
# COMMIT) it would then run as it is.
READING = "SELECT * FROM ({}\n) AS audience"


def reading(sql: str, schema: pa.Schema) -> str:
    """The SELECT to be run, whose columns are `schema`'s, some of them as text, and the dimensions of each array."""
    # Names of our own, as the SQL may give the same one twice.
    names = [f"c{place}" for place in range(len(schema))]
    pairs = zip(names, schema, strict=True)
    asked = [f"{name}::pg_catalog.text" if types.is_written(field) else name for name, field in pairs]
    asked += [f"pg_catalog.array_ndims({names[place]})" for place in _arrays(schema)]
    if asked == names:
        return READING.format(sql)
    return f"SELECT {', '.join(asked)} FROM ({sql}\n) AS audience ({', '.join(names)})"  # noqa: S608 - names of our own


def flat(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch without the dimensions. Raises AudienceSqlError for an array of arrays."""
    for place, dimensions in zip(_arrays(schema), batch.columns[len(schema) :], strict=True):
        if (pc.max(dimensions).as_py() or 0) > 1:
            name = schema.field(place).name
            raise AudienceSqlError(
                f'The column "{name}" holds arrays of several dimensions, which can\'t be read as they are: '
                f"write to_jsonb({name}) AS {name} in the SQL."
            )
    return batch.select(range(len(schema)))


def _arrays(schema: pa.Schema) -> list[int]:
    return [place for place, field in enumerate(schema) if pa.types.is_list(field.type)]
