"""Explores every world that can be reached within the bounds, breadth first: the first trace is a shortest one.

A world is a bundle for each Job and what is left of the bounds. Jobs are interchangeable: bundles are kept in order.
"""

import gc
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from jobs.states import Cause, State
from tests.model import invariants, parts, telling
from tests.model.bundles import Graph
from tests.model.parts import Job, Mailing, Rules
from tests.model.pools import Pool

MOST = 1 << 26  # bundles that a world's number has room for
NONE = (1 << 32) - 1
Edge = tuple[State, State, Cause]


@dataclass
class Found:
    """What a search found. `trace`: the steps that lead to what is broken."""

    rules: Rules
    states: int = 0
    transitions: int = 0
    depth: int = 0
    seconds: float = 0.0
    edges: set[Edge] = field(default_factory=set)
    broken: str = ""
    trace: list[str] = field(default_factory=list)


class Search:
    """One search, from the launch of the Jobs to the last world within the bounds."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.graph = Graph(rules)
        self.names = [name for name, most in rules.bounds.items() if most != parts.ANY]
        self.budgets: Pool[tuple[int, ...]] = Pool()
        self.budgets.number(tuple(rules.bounds[name] for name in self.names))
        self._spent: dict[tuple[int, str], int | None] = {}
        self.numbers: dict[int, int] = {}
        self.worlds: array[int] = array("Q")
        self.parents: array[int] = array("L")
        # Steps that go on without people and faults, backwards: for each world a chain of those that lead to it.
        self.latest: array[int] = array("L")
        self.earlier: array[int] = array("L")
        self.origins: array[int] = array("L")

    def run(self) -> Found:
        """Explore, then look whether everything comes to rest. Nothing that is kept here is ever garbage."""
        collects = gc.isenabled()
        gc.disable()
        try:
            return self._run()
        finally:
            if collects:
                gc.enable()

    def _run(self) -> Found:
        found, begun = Found(self.rules), time.monotonic()
        self._add(self._code([self.graph.first] * self.rules.jobs, 0), NONE)
        level = range(1)
        while level and not found.broken:
            found.depth += 1
            for index in level:
                if not self._explore(found, index):
                    break
            level = range(level.stop, len(self.worlds))
        found.states = len(self.worlds)
        if not found.broken:
            self._check_liveness(found)
        found.edges = self.graph.taken
        found.seconds = time.monotonic() - begun
        return found

    def standings(self, *, ends: bool = False) -> Iterator[tuple[Job, Mailing]]:
        """Every Job with its mailing in every world; or where nothing goes on without people and faults (`ends`)."""
        goes_on = set(self.origins) if ends else set()
        for index, code in enumerate(self.worlds):
            if index not in goes_on:
                yield from (self.graph.standing(bundle) for bundle in self._decode(code)[0])

    def _explore(self, found: Found, index: int) -> bool:
        """Meet all that may follow a world; False if something is broken."""
        for word, after in self._next(self.worlds[index]):
            found.transitions += 1
            target = self.numbers.get(after)
            if target is None:
                target = self._add(after, index)
            told = self.graph.words.parts[word]
            if told.broken:
                found.broken = told.broken
                found.trace = self.trace(index)
                found.trace.append(self._line(len(found.trace) + 1, word, after))
                return False
            if told.kind == "system" and target != index:
                self.earlier.append(self.latest[target])
                self.latest[target] = len(self.origins)
                self.origins.append(index)
        return True

    def _add(self, code: int, parent: int) -> int:
        number = self.numbers[code] = len(self.worlds)
        self.worlds.append(code)
        self.parents.append(parent)
        self.latest.append(NONE)
        return number

    # --- worlds -----------------------------------------------------------------------------------------------

    def _code(self, bundles: list[int], budget: int) -> int:
        code = budget
        for bundle in sorted(bundles):
            code = code * MOST + bundle
        return code

    def _decode(self, code: int) -> tuple[list[int], int]:
        bundles = []
        for _ in range(self.rules.jobs):
            code, bundle = divmod(code, MOST)
            bundles.append(bundle)
        return bundles, code

    def _next(self, code: int) -> Iterator[tuple[int, int]]:
        """Words and worlds: what may happen to any of the Jobs, as far as bounds and idle processes allow."""
        bundles, budget = self._decode(code)
        words = self.graph.words.parts
        for index, bundle in enumerate(bundles):
            others = bundles[:index] + bundles[index + 1 :]
            for costly in (False, True) if any(self.budgets.parts[budget]) else (False,):
                edges = self.graph.edges(bundle, costly=costly)
                for at in range(0, len(edges), 2):
                    word, after = edges[at], edges[at + 1]
                    left = self._spend(budget, words[word].cost) if costly else budget
                    if left is None:
                        continue
                    if not others:
                        yield word, left * MOST + after
                    elif self._manned(bundle, after, others):
                        yield word, self._code([*others, after], left)

    def _manned(self, before: int, after: int, others: list[int]) -> bool:
        """Whether somebody was idle, where the step needs one more."""
        limits = self.rules.workers, self.rules.senders
        needs, had = self.graph.busy(after), self.graph.busy(before)
        busy = [self.graph.busy(other) for other in others]
        return all(
            needs[kind] <= had[kind] or needs[kind] + sum(one[kind] for one in busy) <= limits[kind]
            for kind in (0, 1)
        )

    def _spend(self, budget: int, cost: str) -> int | None:
        """What is left of the bounds; None if it is more than there was."""
        key = (budget, cost)
        if key not in self._spent:
            left = dict(zip(self.names, self.budgets.parts[budget], strict=True))
            for name in (cost, "faults") if cost != "asks" and "faults" in left else (cost,):
                left[name] -= 1
            enough = min(left.values()) >= 0
            self._spent[key] = self.budgets.number(tuple(left.values())) if enough else None
        return self._spent[key]

    # --- what was found ---------------------------------------------------------------------------------------

    def _check_liveness(self, found: Found) -> None:
        """Backwards from the worlds at rest, along steps that need neither people nor faults."""
        reached = bytearray(len(self.worlds))
        bundles = range(len(self.graph.bundles.parts))
        rests = [invariants.rests(*self.graph.standing(bundle)) for bundle in bundles]
        todo = [
            index
            for index, code in enumerate(self.worlds)
            if all(rests[bundle] for bundle in self._decode(code)[0])
        ]
        for index in todo:
            reached[index] = 1
        while todo:
            edge = self.latest[todo.pop()]
            while edge != NONE:
                origin = self.origins[edge]
                if not reached[origin]:
                    reached[origin] = 1
                    todo.append(origin)
                edge = self.earlier[edge]
        stuck = reached.find(0)
        if stuck >= 0:
            found.broken = invariants.LIVENESS
            found.trace = self.trace(stuck)

    def trace(self, index: int) -> list[str]:
        """How a world is reached, step by step."""
        path = [index]
        while self.parents[path[-1]] != NONE:
            path.append(self.parents[path[-1]])
        path.reverse()
        lines: list[str] = []
        for before, after in pairwise(path):
            code = self.worlds[after]
            word = next(word for word, reached in self._next(self.worlds[before]) if reached == code)
            lines.append(self._line(len(lines) + 1, word, code))
        return lines

    def _line(self, number: int, word: int, code: int) -> str:
        standings = [self.graph.standing(bundle) for bundle in self._decode(code)[0]]
        return telling.line(number, self.graph.words.parts[word].did, standings)
