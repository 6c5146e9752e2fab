"""What the columns of an Audience must be: asked by the form when it is saved, and by the Job before it reads a row."""

import pyarrow as pa

from accelerator import rendering
from jobs.reading.errors import AudienceSqlError
from jobs.warehouses import words

# Types whose values are written in one way only; a column that has nothing but NULLs may have none.
WRITTEN = (
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    *(pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
    *(pa.types.is_boolean, pa.types.is_date, pa.types.is_null),
)


def check_columns(schema: pa.Schema, *, recipient_id_column: str, email_column: str) -> None:
    """Whether the SELECT's columns make an Audience. Raises AudienceSqlError with the sentence."""
    names = list(schema.names)
    for name in names:
        if names.count(name) > 1:
            raise AudienceSqlError(f'The SQL selects "{name}" twice; give one of them another name.')
        if name in rendering.BUILT_IN:
            raise AudienceSqlError(f'The SQL selects a column "{name}"; templates use that name already.')
    for what, column in (("recipient-id", recipient_id_column), ("email", email_column)):
        if column not in names:
            raise AudienceSqlError(
                f'The SQL selects no column "{column}" (the {what} column). It selects: {", ".join(names)}.'
            )
        field = schema.field(column)
        if not _is_text_or_number(field.type):
            raise AudienceSqlError(
                f'The {what} column "{column}" is of the type {words.word(field)}, neither text nor a number: cast '
                "it to text in the SQL."
            )


def _is_text_or_number(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return any(is_one(kind) for is_one in WRITTEN)
