"""How the dashboard is, part by part: for /readyz, `manage.py doctor` and whoever is called at night.

Each part says what is the case, what it means for recipients, and what to do. No part names a host or an address.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Min
from django.db.models.functions import Now

from accelerator import pulses, watching
from accelerator.protocol import HealthPart
from jobs import restoring
from jobs.models import Notice, Pulse, Step

UNSETTLED = timedelta(minutes=5)  # how long a notification mail may wait

DATABASE_AWAY = HealthPart(
    name="database",
    ok=False,
    sentence="The database does not answer. No page can be shown and no Job goes on until it does; nobody is contacted"
    " twice by that. See that PostgreSQL runs and that DATABASE_URL leads to it.",
)
BROKER_AWAY = HealthPart(
    name="broker",
    ok=False,
    sentence="The broker does not answer. Workers are not woken: Jobs stand still, and go on by themselves when it is"
    " back; nothing is lost. See that Redis or Valkey runs and that REDIS_URL leads to it.",
)

# What waits when nobody takes a queue.
WAITS = {
    "control": "Asks to pause, resume or cancel are stored and wait: whoever is being contacted still is.",
    "jobs": "Nothing is handed to the Cloud, no result comes in and no notification mail leaves.",
    "extracting": "New Jobs do not begin: nobody of theirs is contacted.",
}


def beat(name: str, queues: str = "") -> None:
    """Say that `name` is alive."""
    pulses.beat(Pulse, name, queues)


def forget(name: str) -> None:
    """Whoever it was ended as it should."""
    pulses.forget(Pulse, name)


def heart(name: str, queues: Iterable[str]) -> pulses.Heart:
    """What beats for a worker until it is closed."""
    return pulses.Heart(Pulse, name, queues)


def swept() -> None:
    """The sweep was here."""
    pulses.swept(Pulse)


def parts() -> list[HealthPart]:
    """All parts; where the database or the broker is away or frozen, within seconds. Never raises."""
    return watching.parts([(_in_database, DATABASE_AWAY), (_at_broker, BROKER_AWAY)])


def _look_into_database() -> list[HealthPart]:
    missing = watching.unapplied()
    if missing:
        return [
            HealthPart(
                name="database",
                ok=False,
                sentence=f"The database lacks {missing} migrations of this version. Pages and Jobs may fail; nobody is"
                " contacted twice by that. Run manage.py migrate.",
            )
        ]
    everybody = pulses.seen(Pulse)
    return [
        HealthPart(name="database", ok=True, sentence="The database answers and has all migrations."),
        _generation(),
        *(_worker(everybody, queue.name) for queue in settings.CELERY_TASK_QUEUES),
        _sweep(pulses.age_of_sweep(everybody)),
        _steps(),
        _notices(),
    ]


def _look_at_broker() -> list[HealthPart]:
    watching.ping(settings.REDIS_URL)
    return [HealthPart(name="broker", ok=True, sentence="The broker answers.")]


_in_database = watching.Look(_look_into_database)
_at_broker = watching.Look(_look_at_broker)


def _generation() -> HealthPart:
    if restoring.under_review() is None:
        return HealthPart(name="generation", ok=True, sentence="No restored database waits for review.")
    sentence = (
        "The database was restored from an older copy. Jobs are Paused and no campaign is launched, so nobody is"
        " contacted twice by that. Find out what was launched since, then run manage.py restored --reviewed."
    )
    return HealthPart(name="generation", ok=False, sentence=sentence)


def _worker(everybody: list[pulses.Seen], queue: str) -> HealthPart:
    name = f"worker {queue}"
    if pulses.taken(everybody, queue):
        return HealthPart(name=name, ok=True, sentence=f"A worker takes the queue {queue}.")
    sentence = (
        f"No worker takes the queue {queue}. {WAITS[queue]} Start one:"
        f" celery -A accelerator.celery worker -Q {queue}."
    )
    return HealthPart(name=name, ok=False, sentence=sentence)


def _sweep(age: float | None) -> HealthPart:
    if age is not None and age < pulses.SWEEP_LIVES:
        return HealthPart(name="sweep", ok=True, sentence=f"The sweep was here {age:.0f} s ago.")
    since = "has never been here" if age is None else f"was last here {age:.0f} s ago"
    sentence = (
        f"The sweep {since}. What a dead worker or a lost message left behind is not taken up again: Jobs may stand"
        " still, nobody is lost. See that beat runs, and a worker for the queue jobs."
    )
    return HealthPart(name="sweep", ok=False, sentence=sentence)


def _steps() -> HealthPart:
    late = Step.objects.filter(watching.overdue()).aggregate(
        number=Count("pk"), longest=Now() - Min("due_at")
    )
    if not late["number"]:
        return HealthPart(name="steps", ok=True, sentence="Whatever is due is being worked on.")
    sentence = (
        f"{late['number']} steps of Jobs are due and nobody works on them, the first for"
        f" {late['longest'].total_seconds():.0f} s. Their Jobs stand still and go on when a worker is free. If the"
        " other parts are well, more workers are needed."
    )
    return HealthPart(name="steps", ok=False, sentence=sentence)


def _notices() -> HealthPart:
    waiting = Notice.objects.filter(due_at__isnull=False, created_at__lt=Now() - UNSETTLED).count()
    if not waiting:
        return HealthPart(name="notices", ok=True, sentence="No notification mail waits for long.")
    sentence = (
        f"{waiting} notification mails wait to be handed over. Recipients of campaigns are not concerned; the people"
        " behind a campaign do not know yet that it failed. See that the mail server of EMAIL_URL answers."
    )
    return HealthPart(name="notices", ok=False, sentence=sentence)
