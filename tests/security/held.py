"""A warehouse that an Audience's SQL is tried on, and what of it may not have changed."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs import warehouses
from jobs.models import Warehouse
from jobs.warehouses import AudienceSqlError

MANY = 10


@dataclass(frozen=True)
class Held:
    """A warehouse, and what of it may not have changed: its rows, and the files around it."""

    warehouse: Warehouse
    folder: Path

    def state(self) -> tuple[list[dict[str, object]], list[str]]:
        found = rows(self.warehouse, "SELECT id, email FROM customers ORDER BY id")
        return found, sorted(path.name for path in self.folder.iterdir())


def rows(warehouse: Warehouse, statement: str) -> list[dict[str, object]]:
    with warehouses.open_stream(warehouse, statement) as stream:
        stream.start()
        return [row for batch in stream for row in warehouses.as_python(batch)]


def refusal(warehouse: Warehouse, statement: str) -> str:
    with pytest.raises(AudienceSqlError) as caught:
        rows(warehouse, statement)
    return str(caught.value)


def refused(held: Held, statements: Iterable[str]) -> None:
    """Each of them, and nothing has come of any; nor of what tries to end what a preview and a count put around it."""
    before = held.state()
    for statement in statements:
        text = statement.format(folder=held.folder)
        assert "root:" not in refusal(held.warehouse, text), statement
        if ")" in text.partition(";")[0].partition("TO")[0]:
            with suppress(AudienceSqlError):
                warehouses.preview(held.warehouse, f"(\n{text}\n) LIMIT 5")
            with suppress(AudienceSqlError):
                warehouses.count(held.warehouse, text)
    assert held.state() == before
