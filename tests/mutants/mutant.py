"""What a mutant is."""

from dataclasses import dataclass

CLOUD = "tests/accelerator/cloud"


@dataclass(frozen=True)
class Sown:
    """An edit: in `file`, `right` (which stands there once) becomes `wrong`."""

    file: str
    right: str
    wrong: str


@dataclass(frozen=True)
class Mutant:
    """A bug. `checks`: test files or node ids, one of which must fail.

    `outside`: what must notice it without looking inside: such checks again, or "faults: CASE", a case of tests/faults
    that must report a broken promise. They are slow, and run only where it is asked. `unseen`: why there is none.
    """

    name: str
    bug: str
    sown: tuple[Sown, ...]
    checks: tuple[str, ...]
    outside: tuple[str, ...] = ()
    unseen: str = ""
