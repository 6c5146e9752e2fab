"""The world of the races: people, campaigns to launch, both databases and their clocks, all of it soon empty again."""

# ruff: noqa: ARG002 - names and arguments are aiosmtpd's

import uuid
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.contrib.auth.models import User
from django.db import connection

from accelerator.protocol import address_key
from campaigns import launching
from campaigns.models import Campaign
from jobs.client import CloudClient
from jobs.models import Job, Warehouse
from tests.campaigns import cast as planned
from tests.jobs import cast
from tests.mail import MailReceiver
from tests.races.wire import Wire

# Records in a batch: the people below make three of them.
BATCH = 2

# Local parts say what the mail server does (tests.mail). The last two are nobody new: one twice, one nowhere.
PEOPLE = ("ann", "reject", "defer", "dropafterdot", "ben", "ANN", "")
# Somebody else at every extraction, so that what one has read can be told from what another has.
SOMEBODY = "SELECT 99, 'somebody' || epoch_us(now()) || '@{domain}', 'N'"

# In the order of the foreign keys. So few rows are sooner deleted than their tables are truncated.
DASHBOARD = (
    *(
        "campaigns_launch",
        "campaigns_campaign",
        "campaigns_audience",
        "jobs_event",
        "jobs_reached",
        "jobs_tally",
    ),
    *("jobs_point", "jobs_notice", "jobs_batch", "jobs_step", "jobs_transition", "jobs_ask", "jobs_job"),
)
CLOUD = (
    *("cloud_batchbytes", "cloud_objection", "cloud_intent", "cloud_batch", "cloud_pace", "cloud_log"),
    *("cloud_logentry", "cloud_suppression", "cloud_seennonce", "cloud_mailing"),
)

# What passes with time, at which database: leases run out, what was put off is due, collecting windows end.
CLOCKS = {
    "dashboard's leases": (
        "UPDATE jobs_step SET leased_until = now() WHERE leased_until > now()",
        "UPDATE jobs_notice SET leased_until = now() WHERE leased_until > now()",
    ),
    "dashboard's dues": (
        "UPDATE jobs_step SET due_at = now() WHERE due_at > now()",
        "UPDATE jobs_notice SET due_at = now() WHERE due_at > now()",
    ),
    "windows": (
        "UPDATE jobs_job SET collecting_until = now() WHERE collecting_until > now()",
        "UPDATE jobs_job SET state_since = state_since - interval '10 seconds'",  # as old as it will be then
    ),
    "Cloud's leases": ("UPDATE cloud_batch SET leased_until = now() WHERE leased_until > now()",),
    "Cloud's dues": (
        "UPDATE cloud_intent SET due_at = now() WHERE due_at > now()",
        "UPDATE cloud_batch SET due_at = now() WHERE due_at > now()",
        "UPDATE cloud_pace SET free_at = now() WHERE free_at > now()",
    ),
}


class MoodyReceiver(MailReceiver):
    """A mail server that may turn away whoever sends, for a while ("busy") or for good ("refuses")."""

    mood = "well"

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return {
            "well": "250 2.1.0 OK",
            "busy": "421 4.3.2 Busy, come back later",
            "refuses": "550 5.7.1 We take nothing from you",
        }[self.mood]


@dataclass
class Launched:
    """One campaign, its form, and the Job it became. The domain of its Audience tells its mails from others'."""

    campaign: Campaign
    domain: str
    token: uuid.UUID = field(default_factory=uuid.uuid4)
    job_id: uuid.UUID = field(default_factory=uuid.uuid4)

    def launch(self, by: User) -> Job:
        """The form is sent."""
        job = launching.launch(self.campaign, by=by, token=self.token)
        self.job_id = job.pk
        return job

    @property
    def job(self) -> Job:
        """As it stands now."""
        return Job.objects.select_related("account", "warehouse").get(pk=self.job_id)


@dataclass
class World:
    """What a race is run in."""

    cloud: CloudClient  # past the wire
    url: str
    wire: Wire
    ledger: psycopg.Connection[tuple[object, ...]]
    receiver: MoodyReceiver
    hand: Path
    warehouse: Warehouse
    people: tuple[User, ...]
    campaigns: int = 0

    def plan(self, people: tuple[str, ...] = PEOPLE, rate: int | None = None) -> Launched:
        """A campaign of its own, ready to launch."""
        self.campaigns += 1
        domain = f"c{self.campaigns}.example"
        rows = ", ".join(f"({n}, '{name and f'{name}@{domain}'}', 'N')" for n, name in enumerate(people, 1))
        audience = planned.audience(
            self.warehouse,
            looked=False,
            name=domain,
            sql=f"SELECT * FROM (VALUES {rows}) AS people(id, email, first_name) UNION ALL "
            + SOMEBODY.format(domain=domain),
        )
        campaign = planned.campaign(
            name=f"Sale {domain}",
            audience=audience,
            template=self._template,
            sending_profile=self._profile,
            rate_per_hour=rate,
            notification_address=f"team@notices.{domain}",
        )
        return Launched(campaign, domain)

    def __post_init__(self) -> None:
        self._template = planned.template(html="<p>{{ first_name }}</p>", text="{{ first_name }}")
        self._profile = planned.profile()

    def empty(self) -> None:
        """Both databases, the wire and the receiver as if nothing had been."""
        with connection.cursor() as cursor:
            cursor.execute("; ".join(f"DELETE FROM {table}" for table in DASHBOARD))
        self.ledger.execute("; ".join(f"DELETE FROM {table}" for table in CLOUD))
        self.wire.clear()
        self.receiver.mood = "well"
        self.receiver.messages, self.receiver.refused = [], []
        self.campaigns = 0

    def pass_time(self, *clocks: str) -> None:
        """As if it had come for each of the CLOCKS."""
        for clock in clocks:
            statements = "; ".join(CLOCKS[clock])
            if clock.startswith("Cloud"):
                self.ledger.execute(statements)
            else:
                with connection.cursor() as cursor:
                    cursor.execute(statements)

    def received(self, domain: str) -> list[str]:
        """Address keys of everything the mail server accepted for people of this domain."""
        return [key for key in map(address_key, self.receiver.received()) if key.endswith(f"@{domain}")]


def people() -> tuple[User, ...]:
    """Two operators of one team, and support."""
    return (
        cast.person("alice", cast.account()),
        cast.person("bob", cast.account()),
        cast.person("sam", support=True),
    )
