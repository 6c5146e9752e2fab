"""What people call the type of a column: the one place where Arrow's types have names for them."""

from collections.abc import Callable

import pyarrow as pa
from pyarrow import types

from accelerator import protocol

# The first that fits.
WORDS: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (types.is_boolean, "true/false"),
    (types.is_integer, "whole number"),
    (lambda kind: types.is_decimal(kind) and kind.scale <= 0, "whole number"),
    (lambda kind: types.is_decimal(kind) or types.is_floating(kind), "decimal number"),
    (types.is_date, "date"),
    (types.is_timestamp, "date and time"),
    (types.is_time, "time"),
    (lambda kind: types.is_duration(kind) or types.is_interval(kind), "duration"),
    (lambda kind: types.is_struct(kind) or types.is_map(kind), "object"),
    (types.is_nested, "list"),
    (
        lambda kind: types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind),
        "binary",
    ),
    (types.is_fixed_size_binary, "binary"),
    (types.is_null, "empty"),
)


def word(field: pa.Field) -> str:
    """The type of a column, in a word or two."""
    kind = field.type
    if protocol.is_nested(field) or isinstance(kind, pa.JsonType):
        return "JSON"
    if protocol.is_decimals(field):
        return "decimal number"
    if types.is_dictionary(kind):
        kind = kind.value_type
    if isinstance(kind, pa.UuidType):
        return "text"  # as a Template sees it
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    return next((said for fits, said in WORDS if fits(kind)), "text")
