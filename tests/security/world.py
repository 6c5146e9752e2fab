"""A world with one of everything, all of it Northwind's; the people who look at it, and what they may have changed."""

import uuid
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection
from django.test import Client

from campaigns import launching
from campaigns.models import Audience, Campaign, Launch, SendingProfile, Template
from jobs import control
from jobs.models import GeneralPause, Job, Notice, Pulse, Step, SuppressionChange, Warehouse
from jobs.states import Wish
from tests.campaigns import cast
from tests.jobs.cast import account, customers, person

# Nobody in particular, Charlie of Contoso, Sam of support, Alice of Northwind, and Root who may everything.
ROLES = ("anonymous", "other account", "support", "marketer", "admin")


@dataclass(frozen=True)
class World:
    """One of everything that an address can name. `job` is Initializing, `rested` was cancelled.

    `waiting` has a list of dropped rows and waits for somebody to confirm its size.
    """

    people: dict[str, User]
    account: Group
    warehouse: Warehouse
    audience: Audience
    template: Template
    profile: SendingProfile
    campaign: Campaign
    job: Job
    rested: Job
    waiting: Job
    launch: Launch
    notice: Notice
    step: Step
    pulse: Pulse
    change: SuppressionChange
    kind: ContentType
    general: GeneralPause

    def browser(self, role: str) -> Client:
        """The browser of somebody who is logged in, unless nobody is."""
        client = Client(raise_request_exception=False)
        if role in self.people:
            client.force_login(self.people[role])
        return client


def build(folder: Path) -> World:
    """Alice has planned a campaign and launched it three times; the first launch she has cancelled."""
    northwind = account()
    people = {
        "other account": person("charlie", account("Contoso")),
        "support": person("sam", support=True),
        "marketer": person("alice", northwind),
        "admin": User.objects.create_superuser("root", "root@northwind.example", "password"),
    }
    alice = people["marketer"]
    warehouse = customers(
        folder / "shop.duckdb", [(1, "ann@example.com", "Ann"), (2, "ben@example.com", "Ben")]
    )
    audience, template, profile = cast.audience(warehouse), cast.template(), cast.profile()
    campaign = cast.campaign(audience=audience, template=template, sending_profile=profile)
    rested, job, waiting = (launching.launch(campaign, by=alice, token=uuid.uuid4()) for _ in range(3))
    control.ask(rested, Wish.CANCEL, by=alice, seen=rested.version)
    rested.refresh_from_db()
    place = storages["spool"].save(f"{waiting.pk}/dropped-1.csv", ContentFile(b"reason,recipient_id,email"))
    Job.objects.filter(pk=waiting.pk).update(size_found=2, dropped_file=place)
    return World(
        people=people,
        account=northwind,
        warehouse=warehouse,
        audience=audience,
        template=template,
        profile=profile,
        campaign=campaign,
        job=job,
        rested=rested,
        waiting=waiting,
        launch=Launch.objects.get(job=job),
        notice=rested.notice,
        step=job.steps.get(kind=Step.Kind.INITIALIZING),
        pulse=Pulse.objects.create(name="sweep"),
        change=SuppressionChange.objects.create(by=people["admin"], act="added", digests=["x"], count=1),
        kind=ContentType.objects.get_for_model(Campaign),
        general=GeneralPause.objects.create(by=people["admin"], why="because", token=uuid.uuid4()),
    )


# What comes and goes with every visit, and what no request can change.
UNWATCHED = frozenset({"django_session", "django_content_type", "django_migrations", "auth_permission"})


def rows() -> dict[str, int]:
    """Every row of the database as text, and how often it is there."""
    found: dict[str, int] = {}
    with connection.cursor() as cursor:
        for table in sorted(set(connection.introspection.table_names(cursor)) - UNWATCHED):
            cursor.execute(f"SELECT record::text FROM {connection.ops.quote_name(table)} AS record")
            for (record,) in cursor.fetchall():
                found[f"{table}{record}"] = found.get(f"{table}{record}", 0) + 1
    return found
