"""What people are told of each kind of Warehouse, and what this machine has of it.

One table (`guidebook`) for the admin's form and pages, `warehouse test` and the README.
"""

import importlib.util

from jobs.models import Kind
from jobs.warehouses import kinds
from jobs.warehouses.guidebook import GUIDES, Guide


def of(kind: str) -> Guide:
    return GUIDES[Kind(kind)]


def name(kind: str) -> str:
    """As it begins a line or a heading."""
    label = str(Kind(kind).label)
    return label[0].upper() + label[1:]


def proven(kind: str) -> bool:
    """Whether our tests run it against the real engine."""
    return Kind(kind) in kinds.PROVEN


def installed(kind: str) -> bool:
    """Whether its connector is on this machine. It is looked for, not imported, which takes seconds."""
    extra = kinds.EXTRAS.get(Kind(kind))
    try:
        return extra is None or importlib.util.find_spec(extra) is not None
    except ImportError:
        return False  # not even the package that it would be in


def is_file(kind: str) -> bool:
    """Whether it is a file, or a folder of them: then its location is a path."""
    return Kind(kind) in kinds.FILES


def fits(kind: str, location: str) -> bool:
    """Whether a location begins as those of this kind do; the URLs of SQLAlchemy begin with whatever there is."""
    scheme, found, _ = location.partition("://")
    if is_file(kind) or not found:
        return is_file(kind) and not found
    known = (of(kind).location.partition("://")[0], *of(kind).schemes)
    return Kind(kind) is Kind.SQLALCHEMY or scheme.lower() in known


def how_to_install(kind: str) -> str:
    """What whoever runs Accelerator types to have the connector of this kind; "" where none is needed."""
    return f"uv sync --extra {kind}" if Kind(kind) in kinds.EXTRAS else ""


def readme() -> str:
    """The README's table of the kinds, in Markdown."""
    head = "| Warehouse | location | secret | held to reading by | our tests |\n|---|---|---|---|---|\n"
    return head + "".join(map(_row, Kind))


def _row(kind: Kind) -> str:
    found = of(kind)
    extra = f" (`{how_to_install(kind)}`)" if how_to_install(kind) else ""
    tried = "run it against the real engine" if proven(kind) else "**never run against the real service**"
    return f"| {name(kind)}{extra} | `{found.location}` | {found.secret} | {found.held[0]} | {tried} |\n"
