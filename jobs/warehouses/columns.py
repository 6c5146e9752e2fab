"""What the columns of an Audience must be: asked by the form when it is saved, and by the Job before it reads a row."""

import pyarrow as pa

from accelerator import rendering
from jobs.warehouses.errors import AudienceSqlError


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
        if not _is_scalar(schema.field(column).type):
            raise AudienceSqlError(f'The {what} column "{column}" holds no text or number in each row.')


def _is_scalar(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
