"""The end of a schedule: with everything up again, every Job comes to rest by itself, or by a person's Resume."""

from jobs import control, notices
from jobs.models import Step
from jobs.states import State, Wish
from tests.races import promises
from tests.races.schedule import NOTICE, Schedule
from tests.races.world import CLOCKS

ROUNDS = 15  # of everybody doing what is due; more than any schedule needs


def rest(schedule: Schedule) -> None:
    """11: whatever happened before. Then the numbers of every Job add up for good."""
    schedule.world.receiver.mood = "well"
    while schedule.asleep:
        schedule.wake(0)
    for hand in schedule.hands.values():
        if hand.at:
            hand.go()
    _rounds(schedule)
    schedule.watch.look(schedule.launched)
    for launched in schedule.launched:
        promises.at_rest(schedule.watch.last[launched.job_id])
        schedule.unknown(launched)


def _rounds(schedule: Schedule) -> None:
    """Everybody does what is due, whatever is Paused is resumed, until all of it is over."""
    for _ in range(ROUNDS):
        schedule.world.pass_time(*CLOCKS)
        schedule.hand(0).send_all()
        jobs = [launched.job for launched in schedule.launched]
        due = Step.objects.filter(job__in=jobs, due_at__isnull=False)
        if all(job.rests for job in jobs) and not due.exists() and not notices.due():
            return
        for launched in schedule.launched:
            for kind in list(due.filter(job=launched.job_id).values_list("kind", flat=True)):
                schedule.work(launched, kind)
            if notices.due(launched.job_id):
                schedule.work(launched, NOTICE)
            job = launched.job
            if job.state == State.PAUSED and control.pending(job) is None:
                assert schedule.ask(launched, Wish.RESUME, schedule.world.people[0])
    raise AssertionError(
        f"the Jobs do not come to rest: {[str(launched.job.state) for launched in schedule.launched]}"
    )
