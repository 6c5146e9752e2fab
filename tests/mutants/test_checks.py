"""What counts as a find, and what does not."""

from pathlib import Path

import pytest

from tests.faults.cases import Case, Outcome
from tests.faults.judging import Violation
from tests.faults.running import Report, Row
from tests.mutants import checks
from tests.mutants.checks import Found, Kind

ERRING = "import pytest\n@pytest.fixture\ndef it():\n    raise {what}\ndef test_it(it):\n    pass\n"


@pytest.mark.parametrize(
    ("text", "kind", "caught"),
    [
        ("def test_it():\n    pass\n", Kind.PASSES, False),
        ("def test_it():\n    assert False\n", Kind.FAILS, True),
        (ERRING.format(what="ValueError('no')"), Kind.ERRS, True),
        ("def test_it():\n    nowhere()\n", Kind.BROKEN, False),
        (ERRING.format(what="NameError('no')"), Kind.BROKEN, False),
        ("def test_it(:\n", Kind.BROKEN, False),
        ("import nowhere\n", Kind.BROKEN, False),
        ("", Kind.BROKEN, False),
    ],
)
def test_only_a_test_that_fails_is_a_find(tmp_path: Path, text: str, kind: Kind, caught: bool) -> None:
    (tmp_path / "test_it.py").write_text(text)
    found = checks.run(tmp_path, "test_it.py")
    assert (found.kind, found.caught) == (kind, caught), found


def test_a_check_that_does_not_end_hangs_and_is_ended(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import threading\ndef test_it():\n    threading.Event().wait()\n")
    assert checks.run(tmp_path, "test_it.py", limit=3) == Found(Kind.HANGS, "test_it.py")


def row() -> Row:
    return Row(Case("kill at x", "", lambda _: Outcome(()), fast=False, alone=True, house="usual"))


def test_a_broken_promise_is_a_find_and_a_case_that_only_failed_is_none() -> None:
    broken, failed, fine = row(), row(), row()
    broken.violations.append(str(Violation(1, None, "somebody was contacted twice")))
    failed.problems.append("a job stood still for 99.0 s; 60 are allowed")
    house = Report([fine], of_houses=["house usual failed: OSError: no room"])
    found = checks.of_faults("faults: kill at x", 1, Report([failed, broken]).table())
    assert found == Found(Kind.FAILS, "faults: kill at x: invariant 1")
    for report in (Report([failed]), house):
        assert checks.of_faults("faults: kill at x", 1, report.table()).kind is Kind.BROKEN
    assert checks.of_faults("faults: kill at x", 0, Report([fine]).table()).kind is Kind.PASSES
