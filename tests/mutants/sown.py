"""All mutants."""

from tests.mutants.more import MORE
from tests.mutants.mutant import Mutant
from tests.mutants.nine import NINE

MUTANTS: tuple[Mutant, ...] = NINE + MORE
