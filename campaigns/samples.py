"""What a warehouse says about an Audience and what a Template makes of it: for previews and checks, never for a Job."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa
from django.utils import timezone

from accelerator import rendering, storable
from accelerator.rendering import Compiled, Message, Rendered, RenderError
from campaigns.models import Audience, Template, shown
from jobs import warehouses
from jobs.models import Warehouse
from jobs.warehouses import AudienceSqlError, Preview, TooSlow, Value

ROWS = 5

# A preview's link: it looks like one, and leads nowhere (RFC 2606).
UNSUBSCRIBE_URL = "https://unsubscribe.example/"


@dataclass(frozen=True)
class Look:
    """What one look into the warehouse showed, and the `seconds` that the count took.

    `slow` says what it would not show in time; the `schema` may be missing then.
    """

    columns: dict[str, str]
    rows: list[dict[str, object]] = field(default_factory=list)
    size: int | None = None
    seconds: float | None = None
    slow: str = ""
    schema: pa.Schema | None = None

    @property
    def cells(self) -> list[list[str | None]]:
        """The first rows as a table shows them, in the order of the columns."""
        return [[shown(value) for value in row.values()] for row in self.rows]


def look(
    warehouse: Warehouse, sql: str, values: Mapping[str, Value] | None = None, *, counting: bool
) -> Look:
    """Columns, first rows and, when `counting`, the number of rows. Raises WarehouseError, but not for slowness.

    `values`: of the launch variables of the SQL, by name.
    """
    try:
        first = _storable(_first_rows(warehouse, sql, values))
    except TooSlow as slow:
        return Look(warehouses.columns(warehouse, sql, values), slow=str(slow))
    if not counting:
        return Look(first.columns, first.rows, schema=first.schema)
    began = time.perf_counter()
    try:
        size = warehouses.count(warehouse, sql, values)
    except TooSlow as slow:
        return Look(first.columns, first.rows, slow=str(slow), schema=first.schema)
    return Look(first.columns, first.rows, size, time.perf_counter() - began, schema=first.schema)


def _first_rows(warehouse: Warehouse, sql: str, values: Mapping[str, Value] | None) -> Preview:
    """With a LIMIT, so that the warehouse stops early. What fails is run as written, so that errors name the line."""
    # In brackets, not as a subquery: that would rename columns of the same name, which must be seen.
    limited = f"({sql.strip().rstrip(';')}\n) LIMIT {ROWS}"
    try:
        return warehouses.preview(warehouse, limited, values)
    except TooSlow:
        raise
    except AudienceSqlError:
        return warehouses.preview(warehouse, sql, values, limit=ROWS)


def _storable(first: Preview) -> Preview:
    """What is shown is what can be stored: a warehouse may hold NUL characters and NaN, jsonb may not."""
    rows = [
        {storable.text(name): storable.document(value) for name, value in row.items()} for row in first.rows
    ]
    columns = {storable.text(name): kind for name, kind in first.columns.items()}
    return replace(first, columns=columns, rows=rows)


# What `remember` changes.
REMEMBERED = ("columns", "sample", "sampled_at", "size", "counted_at")


def remember(audience: Audience, seen: Look) -> None:
    """Put what was seen on the Audience (the caller saves it)."""
    audience.columns = seen.columns
    audience.sample, audience.sampled_at = [list(row.items()) for row in seen.rows], timezone.now()
    if seen.size is not None:
        audience.size, audience.counted_at = seen.size, timezone.now()


def remembered(audience: Audience) -> Look | None:
    """What was seen last; None for an Audience that was never looked at."""
    if not audience.columns:
        return None
    columns = {name: str(audience.columns.get(name, "")) for name in audience.column_names}
    return Look(columns, audience.records, audience.size)


def values(audience: Audience) -> dict[str, Value]:
    """What the launch variables stand for in previews and counts."""
    return {value.name: value.meant for value in audience.launch_values}


def refresh(audience: Audience) -> Look:
    """Look again, count, and store what was seen. Raises WarehouseError."""
    seen = look(audience.warehouse, audience.sql, values(audience), counting=True)
    remember(audience, seen)
    audience.save(update_fields=REMEMBERED)
    return seen


def record(audience: Audience | None, template: Template, number: int = 0) -> dict[str, object]:
    """A record of the Audience's sample; without one, every variable stands for itself in brackets."""
    if audience is not None and audience.sample:
        return audience.records[number % len(audience.sample)]
    return {name: f"[{name}]" for name in compiled(template).variables}


def compiled(template: Template) -> Compiled:
    """The Template compiled. Raises TemplateInvalid."""
    return rendering.compile_template(subject=template.subject, html=template.html, text=template.text)


def rendered(template: Template, record: dict[str, object], shared: dict[str, object]) -> Rendered:
    """The message as the record's recipient would see it. Raises TemplateInvalid, RenderError."""
    return compiled(template).render(record, supplemental=shared, unsubscribe_url=UNSUBSCRIBE_URL)


def unknown_variables(template: Template, audience: Audience) -> list[str]:
    """Variables of the Template that are no column of the Audience; nothing where the columns are not known."""
    if not audience.columns:
        return []
    return sorted(compiled(template).variables - set(audience.columns))


def failures(template: Template, audience: Audience, shared: dict[str, object]) -> list[str]:
    """Why the Template fails, for each record of the sample that it fails for. Raises TemplateInvalid."""
    messages = [Message(record, UNSUBSCRIBE_URL) for record in audience.records]
    made = compiled(template).render_all(messages, supplemental=shared)
    return [str(error) for error in made if isinstance(error, RenderError)]
