"""What a page shows of a Job's results: whether any, whether more may come, and the figure with its own key.

The figure is a part of its own: it is asked for less often than what is live, and sent only when it changed.
"""

import zlib
from typing import Any

from django.utils import timezone

from jobs.models import Job
from jobs.results import links
from jobs.results.analytics import Tallies
from jobs.results.series import MEASURES, series
from jobs.states import State
from jobs.views import strips

# How often a page asks for a new figure: while the Job lives, and while results of a cancelled one still come.
LIVELY, SLOW = "5s", "30s"


def shown(job: Job) -> bool:
    """Whether the Job has results at all: some record may have been contacted, or will be."""
    return not job.before_freeze and not (job.rests and job.request_id is None)


def awaited(job: Job) -> bool:
    """Whether results may still come; those of a cancelled Job come for the same time as of any other."""
    if not job.rests:
        return True
    until = job.collecting_until
    return job.state == State.FAILED and bool(job.request_id and until and until > timezone.now())


def every(job: Job) -> str:
    """How often to ask for the figure; empty: no more."""
    return (SLOW if job.rests else LIVELY) if awaited(job) else ""


def key(job: Job, counted: Tallies) -> str:
    """A short name of what the figure shows. Points are written together with their tallies."""
    values = [
        item
        for item in sorted(counted.items())
        if item[0][0] in MEASURES and (item[0][0] == "clicks" or not item[0][1])
    ]
    return f"{zlib.crc32(repr((values, job.version, shown(job), every(job))).encode()):08x}"


def figure(job: Job, counted: Tallies) -> dict[str, Any]:
    """The context of jobs/detail.html#figure."""
    context: dict[str, Any] = {"figure_key": key(job, counted), "figure_every": every(job)}
    if shown(job):
        context |= {
            "drawing": strips.draw(series(job, job.transitions.all()), grows=awaited(job)),
            "links": links.top(job, counted),
        }
    return context
