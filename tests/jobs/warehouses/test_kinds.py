"""Every kind of Warehouse has its module, and those that need a vendor's package say so where it is missing."""

import importlib.util
import subprocess
import sys

import pytest
import sqlglot

from jobs.models import Kind
from jobs.reading.errors import WarehouseUnreachable
from jobs.warehouses import kinds

VENDORS = ("snowflake", "google.cloud.bigquery", "databricks", "sqlalchemy", "redshift_connector")
# What runs without any of them: the house, its pages, its workers.
CORE = (
    "import django; django.setup(); import jobs.warehouses, jobs.admin, jobs.tasks, accelerator.urls, sys; "
    "from jobs.warehouses import guide, kinds, rightroles; "
    "[(kinds.dialect(kind), guide.of(kind), rightroles.statements(kind)) for kind in kinds.Kind]"
)


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_has_a_module_that_speaks_the_protocol(kind: Kind) -> None:
    if (extra := kinds.EXTRAS.get(kind)) and not _is_there(extra):
        pytest.skip(f"{extra} is not installed")
    module = kinds.connector(kind)
    assert module.__name__ == f"jobs.warehouses.{kind}.connector"  # type: ignore[attr-defined]
    assert callable(module.open_stream)
    assert callable(module.examine)


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_says_what_sqlglot_calls_its_sql(kind: Kind) -> None:
    assert sqlglot.Dialect.get_or_raise(kinds.dialect(kind))


def test_what_is_proven_is_among_the_kinds_and_no_service_is() -> None:
    assert set(kinds.PROVEN) <= set(Kind)
    assert not kinds.PROVEN & {Kind.SNOWFLAKE, Kind.BIGQUERY, Kind.DATABRICKS, Kind.REDSHIFT}
    assert set(kinds.EXTRAS) <= set(Kind)


@pytest.mark.parametrize("kind", sorted(kinds.EXTRAS))
def test_a_missing_extra_is_a_sentence(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # None in sys.modules: what Python itself takes as "is not there".
    monkeypatch.setitem(sys.modules, kinds.EXTRAS[Kind(kind)], None)
    with pytest.raises(WarehouseUnreachable, match="is not installed on this machine") as caught:
        kinds.connector(kind)
    assert f"uv sync --extra {kind}" in str(caught.value)


def test_no_vendors_package_is_imported_by_the_house() -> None:
    asking = f"{CORE}; print([name for name in {VENDORS!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
