"""jobs/stages/initializing.py: the extraction is nobody's business but the worker's; what others see is how it ends.

Whoever lives deletes their files themselves, also past their lease; whoever dies leaves them.
"""

from collections.abc import Iterator

from jobs.states import Cause, Failure, State
from tests.model import cloud, lifecycle
from tests.model.lifecycle import Draft, holding
from tests.model.parts import Effect, Job, Mailing, Rules, Worker


def end(worker: Worker, job: Job, mailing: Mailing, rules: Rules) -> Iterator[Effect]:
    """initializing.freeze(), or initializing._fail()"""

    def freeze(draft: Draft) -> None:
        lifecycle.move(draft, worker.job, State.PROCESSING, Cause.FREEZE, frozen=True)

    def fail(draft: Draft) -> None:
        lifecycle.fail(draft, worker.job, Failure.AUDIENCE_SQL)
        draft.set(left=True)  # not deleted yet, and the worker may die before it is

    if rules.mutant == "freeze-without-compare-and-set":
        draft = Draft(job)
        lifecycle.write(draft, State.PROCESSING, Cause.FREEZE, frozen=True)
        yield draft.effect("initializing.freeze", mailing)
        return
    if rules.mutant == "submission-before-the-freeze":
        submitted, _ = cloud.accept(mailing, rules)
        yield Effect("initializing: PUT mailing", job, submitted, worker)
    yield holding(worker, job, mailing, rules, "initializing.freeze", freeze)
    failed = holding(worker, job, mailing, rules, "initializing._fail", fail)
    yield failed._replace(kind="fault", cost="errors")


STEPS = {"freeze": end}
