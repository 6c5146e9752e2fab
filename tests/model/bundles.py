"""What may happen next to one Job and all that belongs to it: each part is kept once, each step worked out once.

A bundle is a Job, its mailing, the workers and senders that are at it, and its requests that are still on their way.
Workers are interchangeable, and so are senders: they are kept in order. An idle process is not kept at all.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from jobs.states import Cause, State
from tests.model import happenings, invariants, parts, reductions, senders, steps
from tests.model.parts import Effect, Job, Mailing, Message, Rules, Sender, Worker
from tests.model.pools import NOBODY, Actors, Bundle, Numbers, Pool, Step, Taken, Word

# Mutants whose processes go on past their lease.
FEARLESS = frozenset({"completion-without-epoch", "freeze-without-compare-and-set"})
Named = TypeVar("Named", Job, Mailing, Worker, Message)


class Graph:
    """The bundles that were met, and the edges between them."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.jobs: Pool[Job] = Pool()
        self.mailings: Pool[Mailing] = Pool()
        self.workers: Pool[Worker] = Pool()
        self.senders: Pool[Sender] = Pool()
        self.messages: Pool[Message] = Pool()
        self.words: Pool[Word] = Pool()
        self.bundles: Pool[Bundle] = Pool()
        self.taken: set[tuple[State, State, Cause]] = set()
        self._steps: dict[tuple[object, ...], list[Step]] = {}
        self._names: dict[tuple[object, ...], dict[int, int] | None] = {}
        self._edges: tuple[dict[int, array[int]], dict[int, array[int]]] = ({}, {})
        job, mailing = self.jobs.number(parts.job(rules)), self.mailings.number(parts.mailing(rules))
        self.first = self.bundles.number((job, mailing, (), (), ()))

    def edges(self, number: int, *, costly: bool) -> "array[int]":
        """What may happen to a bundle: numbers of a word and of the bundle it becomes, in turn.

        What is counted against a bound is worked out only where something is left of one.
        """
        known = self._edges[costly]
        edges = known.get(number)
        if edges is None:
            edges = known[number] = array("L")
            for taken in self._expand(self.bundles.parts[number]):
                step = taken[0]
                if step.counted is costly:
                    edges.append(step.word)
                    edges.append(self.bundles.number(self._become(*taken)))
        return edges

    def busy(self, number: int) -> tuple[int, int]:
        """How many workers and senders are at a bundle."""
        _, _, at_steps, at_batches, _ = self.bundles.parts[number]
        return len(at_steps), len(at_batches)

    def standing(self, number: int) -> tuple[Job, Mailing]:
        """The Job of a bundle, and its mailing."""
        job, mailing, *_ = self.bundles.parts[number]
        return self.jobs.parts[job], self.mailings.parts[mailing]

    def _counted(self, cost: str) -> bool | None:
        """Whether a step is counted against a bound; None if it may not be taken at all."""
        if not cost:
            return False
        most = self.rules.bounds.get(cost, 0)
        return None if most == 0 else most != parts.ANY

    # --- what may happen --------------------------------------------------------------------------------------

    def _expand(self, bundle: Bundle) -> Iterator[Taken]:
        yield from self._by_processes(bundle)
        job, mailing, at_steps, at_batches, late = bundle
        for step in self._known(happenings.outside, job, mailing):
            yield step, at_steps, at_batches, late, True
        for index, number in enumerate(late):
            for step in self._known(happenings.arrive, job, mailing, self.messages, number):
                yield step, at_steps, at_batches, late[:index] + late[index + 1 :], True
        yield from self._by_expiry(bundle)

    def _by_processes(self, bundle: Bundle) -> Iterator[Taken]:
        job, mailing, at_steps, at_batches, late = bundle
        for index, number in enumerate(at_steps):
            rest = at_steps[:index] + at_steps[index + 1 :]
            for step in self._known(happenings.work, job, mailing, self.workers, number):
                yield step, rest, at_batches, late, True
        for index, number in enumerate(at_batches):
            rest = at_batches[:index] + at_batches[index + 1 :]
            for step in self._known(happenings.send, job, mailing, self.senders, number):
                yield step, at_steps, rest, late, False
        if len(at_steps) < self.rules.workers:
            for step in self._known(steps.claims, job, mailing):
                yield step, at_steps, at_batches, late, True
        if len(at_batches) < self.rules.senders:
            for step in self._known(senders.claims, job, mailing):
                yield step, at_steps, at_batches, late, False

    def _by_expiry(self, bundle: Bundle) -> Iterator[Taken]:
        """A lease runs out: of a process that died, or (counted) of one that is frozen or slow."""
        job, mailing, at_steps, at_batches, late = bundle
        dead = self._known(happenings.run_out, job, mailing)
        if dead:
            living = self._known(happenings.run_out_on_the_living, job, mailing)
            at_work: list[Worker | Sender] = [self.workers.parts[number] for number in at_steps]
            at_work += (self.senders.parts[number] for number in at_batches)
            held = {process.row for process in at_work if process.valid}
            for step, counted in zip(dead, living, strict=True):
                yield counted if step.row in held else step, at_steps, at_batches, late, True

    def _known(
        self,
        rule: Callable[..., Iterable[Effect]],
        job: int,
        mailing: int,
        pool: Actors | Pool[Message] | None = None,
        number: int = NOBODY,
    ) -> list[Step]:
        """The steps that a rule allows, worked out once."""
        key = (rule, job, mailing, number)
        known = self._steps.get(key)
        if known is None:
            standing = self.jobs.parts[job], self.mailings.parts[mailing]
            actor = () if pool is None else (pool.parts[number],)
            effects = rule(*actor, *standing, self.rules)
            known = self._steps[key] = [self._step(*standing, effect) for effect in effects]
        return known

    def _step(self, job: Job, mailing: Mailing, effect: Effect) -> Step:
        broken = invariants.broken(job, mailing, effect, self.rules)
        if effect.cause is not None:
            self.taken.add((job.state, effect.job.state, effect.cause))
        return Step(
            word=self.words.number(Word(effect.did, effect.kind, effect.cost, broken)),
            job=self.jobs.number(effect.job),
            mailing=self.mailings.number(
                effect.mailing if self.rules.plain else reductions.ghosts(effect.mailing)
            ),
            actor=self._number(self._kept(effect.actor)),
            fences=effect.fences if effect.mailing.seq == mailing.seq else effect.fences | {parts.WISH},
            late=NOBODY if effect.late is None else self.messages.number(effect.late),
            row=effect.row,
            counted=self._counted(effect.cost),
        )

    # --- what becomes of a bundle -----------------------------------------------------------------------------

    def _become(
        self, step: Step, at_steps: Numbers, at_batches: Numbers, late: Numbers, by_worker: bool
    ) -> Bundle:
        if step.fences:
            at_steps = self._fenced(at_steps, step.fences, self.workers)
            at_batches = self._fenced(at_batches, step.fences, self.senders)
        if step.actor != NOBODY:
            if by_worker:
                at_steps = tuple(sorted((*at_steps, step.actor)))
            else:
                at_batches = tuple(sorted((*at_batches, step.actor)))
        if step.late != NOBODY:
            late = tuple(sorted((*late, step.late)))
        return self._renamed((step.job, step.mailing, at_steps, at_batches, late))

    def _fenced(self, numbers: Numbers, fences: frozenset[str], pool: Actors) -> Numbers:
        fenced = (self._number(self._fence(pool.parts[number], fences)) for number in numbers)
        return tuple(sorted(number for number in fenced if number != NOBODY))

    def _fence(self, actor: Worker | Sender, fences: frozenset[str]) -> Worker | Sender | None:
        if isinstance(actor, Worker) and actor.seen and parts.VERSION in fences:
            actor = actor._replace(seen=actor.seen._replace(current=False))
        if isinstance(actor, Sender) and parts.WISH in fences and self.rules.bounds.get("stops"):
            actor = actor._replace(follows=False)
        return self._kept(actor._replace(valid=False)) if actor.row in fences else actor

    def _kept(self, actor: Worker | Sender | None) -> Worker | Sender | None:
        """A process past its lease keeps only what it may still send."""
        if actor is None or actor.valid or actor.at == "claim" or self.rules.plain:
            return actor
        return actor if self.rules.mutant in FEARLESS else reductions.past_its_lease(actor)

    def _number(self, actor: Worker | Sender | None) -> int:
        if isinstance(actor, Worker):
            return self.workers.number(actor)
        return NOBODY if actor is None else self.senders.number(actor)

    def _renamed(self, bundle: Bundle) -> Bundle:
        """The same bundle with its numbers of Asks and controls in a row."""
        job, mailing, at_steps, at_batches, late = bundle
        key = (job, self.mailings.parts[mailing].seq, at_steps, late)
        if key not in self._names:
            self._names[key] = reductions.numbers(
                self.jobs.parts[job],
                self.mailings.parts[mailing],
                [self.workers.parts[number] for number in at_steps],
                [self.messages.parts[number] for number in late],
            )
        names = self._names[key]
        if names is None or self.rules.plain:
            return bundle
        return (
            self.jobs.number(reductions.rename(self.jobs.parts[job], names)),
            self.mailings.number(reductions.rename(self.mailings.parts[mailing], names)),
            _renamed(self.workers, at_steps, names),
            at_batches,
            _renamed(self.messages, late, names),
        )


def _renamed(pool: Pool[Named], numbers: Sequence[int], names: dict[int, int]) -> Numbers:
    renamed = (reductions.rename(pool.parts[number], names) for number in numbers)
    return tuple(sorted(pool.number(part) for part in renamed))
