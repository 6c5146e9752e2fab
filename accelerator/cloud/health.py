"""How the Cloud is, part by part: for /readyz, and for the dashboard, which asks GET /v1/health.

Each part says what is the case, what it means for recipients, and what to do. No part names a host or an address.
"""

import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Count, Min, Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accelerator import protocol, pulses, watching
from accelerator.cloud import dkim, guarding, hits, smtp
from accelerator.cloud.models import Batch, Mailing, Pulse
from accelerator.cloud.services import carrier
from accelerator.protocol import HealthPart

PATIENCE = 2.0  # seconds with a mail server

DATABASE_AWAY = HealthPart(
    name="database",
    ok=False,
    sentence="The Cloud's database does not answer. Nobody is contacted until it does, and nobody twice; opens and"
    " clicks are kept on this host, and whoever unsubscribes is told to try again. See that PostgreSQL runs and that"
    " CLOUD_DATABASE_URL leads to it.",
)
BROKER_AWAY = HealthPart(
    name="broker",
    ok=False,
    sentence="The Cloud's broker does not answer. Senders are not woken: mailings stand still, and go on by themselves"
    " when it is back; nobody is lost. See that Redis or Valkey runs and that CLOUD_REDIS_URL leads to it.",
)


def heart(name: str, queues: Iterable[str]) -> pulses.Heart:
    """What beats for a worker until it is closed."""
    return pulses.Heart(Pulse, name, queues)


def swept() -> None:
    """The sweep was here."""
    pulses.swept(Pulse)


def status() -> protocol.CloudHealth:
    """The answer to GET /v1/health: the parts, and a word with the mail server, which probes spare it."""
    return protocol.CloudHealth(
        time=int(time.time()),
        parts=[*parts(), *_signatures(), *_services(), *_returns(), _links(), _line()],
    )


def _signatures() -> list[HealthPart]:
    """The keys that messages are signed with, and the records that make them worth something."""
    try:
        found = dkim.signers()
    except dkim.KeyUnusable as error:
        sentence = f"{error}. Mailings are held until an admin has mended it; nobody is lost."
        return [HealthPart(name="dkim", ok=False, sentence=sentence)]
    if not found:
        sentence = "Messages are not signed by the Cloud: DKIM_KEYS names no folder. A relay may sign them."
        return [HealthPart(name="dkim", ok=True, sentence=sentence)]
    return [
        HealthPart(
            name="dkim",
            ok=True,
            sentence=f"Messages from {signer.domain} are signed ({signer.kind}, {signer.bits} bits). DNS must have:"
            f" {signer.line}",
        )
        for signer in found
    ]


def _services() -> list[HealthPart]:
    """Those of MAIL_SERVICES, as this process could send through them; no call is made for a look."""
    return [
        HealthPart(
            name=f"service {name}",
            ok=not problem,
            sentence=f"{problem}. Mailings through it are stopped for a person to look at; nobody is lost."
            if problem
            else f'Mailings may be sent through the service "{name}".',
        )
        for name, problem in carrier.problems().items()
    ]


def _returns() -> list[HealthPart]:
    """Where mails come back to, and the records that bring them there."""
    domain = settings.BOUNCE_DOMAIN
    if not domain:
        sentence = (
            "Mails that come back go to the From addresses: BOUNCE_DOMAIN names no domain for them. What they say is"
            " taken in only where somebody hands them to manage.py inbound or returned."
        )
        return [HealthPart(name="returns", ok=True, sentence=sentence)]
    sentence = (
        f"Mails come back to {domain}. DNS must have: {domain}. MX 10, the mail server that hands them to manage.py"
        f' inbound or returned; {domain}. TXT "v=spf1 ... -all", with the servers that messages leave from.'
    )
    return [HealthPart(name="returns", ok=True, sentence=sentence)]


def _links() -> HealthPart:
    """Where the links in mails lead."""
    base = settings.CLOUD_PUBLIC_URL
    sentence = f"The links in mails lead to {base}."
    if urlsplit(base).scheme != "https":
        sentence += (
            " Mail programs offer one click to unsubscribe for https alone (RFC 8058): put a proxy before it."
        )
    if not hits.are_in_database():
        sentence += (
            f" Opens and clicks wait in {settings.HITS} for the database, or for a person to see to them."
        )
    return HealthPart(name="links", ok=True, sentence=sentence)


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  a view takes its request
    """For whoever asks, without a signature."""
    return watching.ready(parts())


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
                sentence=f"The Cloud's database lacks {missing} migrations of this version. Mailings may stand still;"
                " nobody is contacted twice by that. Run manage.py migrate with the Cloud's settings.",
            )
        ]
    everybody = pulses.seen(Pulse)
    return [
        HealthPart(name="database", ok=True, sentence="The Cloud's database answers and has all migrations."),
        _generation(),
        _senders(everybody),
        _sweep(pulses.age_of_sweep(everybody)),
        _mail_server(),
        _batches(),
    ]


def _look_at_broker() -> list[HealthPart]:
    watching.ping(settings.CLOUD_REDIS_URL)
    return [HealthPart(name="broker", ok=True, sentence="The Cloud's broker answers.")]


_in_database = watching.Look(_look_into_database)
_at_broker = watching.Look(_look_at_broker)


def _generation() -> HealthPart:
    held = Mailing.objects.filter(stopped_code=guarding.RESTORED).count()
    if not held:
        return HealthPart(
            name="generation", ok=True, sentence="No mailing is held because of a restored database."
        )
    sentence = (
        f"The database was restored from an older copy: {held} mailings are held for review. Whoever had no outcome in"
        " them is Unknown and is not contacted again. Compare with the mail server's log, then resume their Jobs."
    )
    return HealthPart(name="generation", ok=False, sentence=sentence)


def _senders(everybody: list[pulses.Seen]) -> HealthPart:
    if pulses.taken(everybody, settings.CELERY_TASK_DEFAULT_QUEUE):
        return HealthPart(name="senders", ok=True, sentence="A sender is there.")
    sentence = (
        "No sender is there. Nobody is contacted until there is one; mailings go on by themselves then. Start one:"
        " celery -A accelerator.cloud.celery worker."
    )
    return HealthPart(name="senders", ok=False, sentence=sentence)


def _sweep(age: float | None) -> HealthPart:
    if age is not None and age < pulses.SWEEP_LIVES:
        return HealthPart(name="sweep", ok=True, sentence=f"The sweep was here {age:.0f} s ago.")
    since = "has never been here" if age is None else f"was last here {age:.0f} s ago"
    sentence = (
        f"The sweep {since}. Retries, and what a dead sender left behind, are not taken up: mailings may stand still,"
        " nobody is lost. See that the Cloud's beat and a sender run."
    )
    return HealthPart(name="sweep", ok=False, sentence=sentence)


def _mail_server() -> HealthPart:
    """By those who tried it: no connection is opened for a look."""
    held = guarding.held().aggregate(number=Count("pk"), longest=Now() - Min("held_since"))
    if not held["number"]:
        return HealthPart(
            name="mail server", ok=True, sentence="No mailing waits for the mail server or a service."
        )
    sentence = (
        f"{held['number']} mailings wait for the mail server or a service, the first for"
        f" {held['longest'].total_seconds():.0f} s. Nobody is contacted meanwhile and nobody is lost; they go on by"
        " themselves when it answers. See that SMTP_URL leads to the mail server; their Jobs say what they wait for."
    )
    return HealthPart(name="mail server", ok=False, sentence=sentence)


def _line() -> HealthPart:
    """Whether the mail server would take a message now; none is sent."""
    name = urlsplit(settings.CLOUD_PUBLIC_URL).hostname or "localhost"
    try:
        server = smtp.Server.parse(settings.SMTP_URL)
        smtp.connect(server, smtp.Timeouts(connect=PATIENCE, reply=PATIENCE), name=name).close(politely=True)
    except ValueError as error:
        return HealthPart(
            name="line to the mail server", ok=False, sentence=f"{error}. Nobody can be contacted."
        )
    except (smtp.ServerAway, smtp.ServerRefuses) as error:
        refuses = isinstance(error, smtp.ServerRefuses)
        what = (
            "refuses us: mailings stop for a person to look at"
            if refuses
            else "can't be reached: mailings wait"
        )
        sentence = f"The mail server of SMTP_URL {what}. Nobody is contacted until it takes messages; nobody is lost."
        return HealthPart(name="line to the mail server", ok=False, sentence=sentence)
    return HealthPart(
        name="line to the mail server", ok=True, sentence="The mail server of SMTP_URL answers."
    )


def _batches() -> HealthPart:
    """Batches wait for their turn, and as long as some are sent from that is as it should be."""
    waiting = Batch.objects.filter(watching.overdue(), mailing__pace__free_at__lt=Now() - watching.OVERDUE)
    late = waiting.aggregate(number=Count("pk"), longest=Now() - Min("due_at"))
    busy = Q(leased_until__gt=Now()) | Q(last_attempt_at__gt=Now() - watching.OVERDUE)
    if not late["number"] or Batch.objects.filter(busy, due_at__isnull=False).exists():
        return HealthPart(name="batches", ok=True, sentence="Whatever is due is being sent, or is next.")
    sentence = (
        f"{late['number']} batches are due and nobody sends from any, the first for"
        f" {late['longest'].total_seconds():.0f} s. Their recipients are not contacted yet; nobody is lost. If the"
        " other parts are well, look into the senders' log."
    )
    return HealthPart(name="batches", ok=False, sentence=sentence)
