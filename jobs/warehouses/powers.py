"""What somebody may do beyond reading, said alike by the `roles` of all kinds."""

from collections.abc import Iterable, Sequence

from jobs.reading.errors import WarehouseUnsafe

SHOWN = 5  # of a list
NOTHING_RUN = (
    "Nothing was run. Let the Warehouse in with a {} that may only read; the statements that make one are shown with "
    "the Warehouse."
)


def unsafe(kind: str, name: str, why: str, reached: str) -> WarehouseUnsafe:
    """For who must not be let in. `kind`: role or user; `reached`: what a SELECT could reach beside tables."""
    return WarehouseUnsafe(
        f'The {kind} "{name}" {why}: an Audience\'s SQL could reach more than tables through it, such as {reached}. '
        + NOTHING_RUN.format(kind)
    )


def beyond(who: str, powers: Iterable[str]) -> list[str]:
    """A sentence for each power, which is one itself."""
    return [f"{who} could do more than read. {power}" for power in powers]


def listed(names: Sequence[str], between: str = ", ") -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return between.join(names[:SHOWN]) + more
