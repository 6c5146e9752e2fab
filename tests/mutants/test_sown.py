"""The mutants fit the code: each of their edits finds its place. (`make mutants` shows that each is caught.)"""

import ast
from pathlib import Path

import pytest

from tests.faults import cases
from tests.mutants.checks import FAULTS
from tests.mutants.mutant import Mutant
from tests.mutants.nine import NINE
from tests.mutants.sown import MUTANTS

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_fits_and_is_still_python(mutant: Mutant) -> None:
    texts = {edit.file: (CHECKOUT / edit.file).read_text() for edit in mutant.sown}
    assert texts
    for edit in mutant.sown:
        assert texts[edit.file].count(edit.right) == 1, edit.right
        texts[edit.file] = texts[edit.file].replace(edit.right, edit.wrong)
    for text in texts.values():
        ast.parse(text)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_its_checks_are_there(mutant: Mutant) -> None:
    assert mutant.checks
    for check in mutant.checks + mutant.outside:
        if check.startswith(FAULTS):
            assert cases.chosen(check.removeprefix(FAULTS))
        else:
            assert (CHECKOUT / check.partition("::")[0]).exists()


def test_the_nine_are_among_them_and_each_has_one_name() -> None:
    assert len(NINE) >= 9
    assert all(mutant.outside or mutant.unseen for mutant in NINE)
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
