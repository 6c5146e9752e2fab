"""jobs/stages/following.py: what the stages after the freeze share."""

from jobs.states import Cause, State
from tests.model import lifecycle
from tests.model.lifecycle import Draft, holding
from tests.model.parts import Effect, Job, Mailing, Rules, Seen, Status, Worker


def take_in(worker: Worker, job: Job, mailing: Mailing, rules: Rules, status: Status, then: Worker) -> Effect:
    """following.take_in(): the Request ID; and a stop by the Cloud itself, unless an Ask is newer than the news."""

    def write(draft: Draft) -> Worker:
        draft.set(request_id=worker.job.request_id or status.request_id)
        answered = job.asked > status.seq and rules.mutant != "old-news-beats-an-ask"
        if status.stopped and follows(worker.job) and not answered:
            lifecycle.move(draft, worker.job, State.PAUSED, Cause.PAUSE)
        return then

    return holding(worker, job, mailing, rules, f"{worker.row}: following.take_in", write)


def follows(read: Seen) -> bool:
    """Whether a stop by the Cloud itself moves the Job."""
    return read.state in (State.PROCESSING, State.COLLECTING)
