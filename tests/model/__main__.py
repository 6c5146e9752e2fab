"""Explore the life of a Job and its talk with the Cloud, exhaustively within bounds: `python -m tests.model`.

Every configuration must keep every promise, and every mutant must be caught; else the exit code is 1.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence

from jobs.states import TRANSITIONS
from tests.model import mutants, telling
from tests.model.configurations import FULL, REDUCED
from tests.model.parts import Rules
from tests.model.search import Edge, Found, Search


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--reduced", action="store_true", help="what the gate explores")
    parser.add_argument("--only", metavar="NAME", help="one configuration")
    parser.add_argument("--mutant", choices=sorted(mutants.MUTANTS), help="one mutant, with its trace")
    options = parser.parse_args(arguments)
    if options.mutant:
        return 1 if tell(Search(mutants.rules(options.mutant)).run()).broken else 0
    chosen = [rules for rules in (REDUCED if options.reduced else FULL) if options.only in (None, rules.name)]
    if not chosen:
        parser.error(f"no configuration is named {options.only}")
    kept = explore(chosen, complete=options.only is None)
    return 0 if (options.only or hunt()) and kept else 1


def explore(chosen: Iterable[Rules], *, complete: bool) -> bool:
    """Search each configuration; whether all promises were kept and, if it is all of them, every edge taken."""
    say("A world is a Job or two with all that belongs to them. Explored is every world within the bounds.\n")
    found = [tell(Search(rules).run()) for rules in chosen]
    edges: set[Edge] = set().union(*(one.edges for one in found))
    broken = sum(1 for one in found if one.broken)
    total = telling.figures(
        sum(one.states for one in found),
        sum(one.transitions for one in found),
        sum(one.seconds for one in found),
    )
    taken = f"{len(edges & TRANSITIONS)} of the {len(TRANSITIONS)} edges of TRANSITIONS taken"
    others = f"{len(edges - TRANSITIONS)} others"
    say(
        f"{len(found)} configurations: {total}; {telling.promises()} promises; {taken}, {others};"
        f" {broken} violations."
    )
    return not broken and (edges == TRANSITIONS or not complete)


def hunt() -> bool:
    """Search each mutant; whether all are caught."""
    say("\nMutants: each is a bug that is put into the model.\n")
    caught = 0
    for name, mutant in mutants.MUTANTS.items():
        found = Search(mutants.rules(name)).run()
        caught += bool(found.broken)
        say(f"{name}: {mutant.wrong}")
        say(f"    {found.broken or 'NOT CAUGHT'} ({len(found.trace)} steps, {found.states:,} states)")
    say(f"\n{caught} of {len(mutants.MUTANTS)} mutants caught.")
    return caught == len(mutants.MUTANTS)


def tell(found: Found) -> Found:
    """Print what a search found, with the trace of what is broken."""
    say(f"{found.rules.name}")
    say(f"    {telling.scope(found.rules)}")
    for limit in telling.bounds(found.rules):
        say(f"    {limit}")
    figures = telling.figures(found.states, found.transitions, found.seconds)
    say(f"    {figures}, depth {found.depth}: {1 if found.broken else 0} violations\n")
    if found.broken:
        say(f"    BROKEN: {found.broken}")
        say("    Numbers of Asks are told as the model keeps them, always in a row.\n")
        say("\n".join(found.trace) + "\n")
    return found


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
