"""Puts the demo world into the database, once: people, warehouse, audiences, message and campaigns."""

from collections.abc import Callable
from pathlib import Path

from django.contrib.auth.models import Group, Permission, User
from django.db import connection, transaction

from accelerator.demo import customers, plans
from accelerator.demo.people import COMPANY, PEOPLE, Person
from campaigns import samples
from campaigns.models import Audience, Campaign, SendingProfile, Template
from jobs import warehouses
from jobs.models import Kind, Warehouse

TEMPLATE = "Autumn sale"
# Any number that nobody else takes: two seeds at the same time come one after the other.
_LOCK = 20_261_115


def seed(data_dir: Path, say: Callable[[str], None], *, count: int = customers.CUSTOMERS) -> bool:
    """Make what is missing of the demo world; whether the database had to be filled.

    The warehouse is a file of its own and comes back when it was deleted. The database is filled once: people
    may change or remove what they find there, and it stays changed. One that has people of its own is left
    alone, because the demo's passwords are known to everybody.
    """
    path = data_dir / "demo" / "warehouse.duckdb"
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            # The database waits while the warehouse is made, for as long as that takes.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        known = Group.objects.filter(name=COMPANY).exists()
        if not known and User.objects.exists():
            say("The database has people of its own: the demo world is not added to it.")
            return False
        if not path.exists():
            say(f"Making a warehouse of {count:,} customers.")
            customers.write_warehouse(path, customers=count)
        if known:
            return False
        say("Adding the demo's people, audiences, message and campaigns.")
        _fill(path)
    return True


def _fill(path: Path) -> None:
    company = Group.objects.create(name=COMPANY)
    for person in PEOPLE:
        _employ(person, company)
    warehouse = Warehouse.objects.create(
        name="Customer warehouse", kind=Kind.DUCKDB, location=str(path), account=company
    )
    audiences = {who: _audience(who, company, warehouse) for who in plans.AUDIENCES}
    message = plans.message()
    template = Template.objects.create(
        account=company, name=TEMPLATE, subject=message.subject, html=message.html, text=message.text
    )
    profile = SendingProfile.objects.create(
        account=company,
        name=f"{COMPANY}, newsletter",
        from_name=plans.FROM_NAME,
        from_address=plans.FROM_ADDRESS,
        reply_to=plans.REPLY_TO,
    )
    for plan in plans.CAMPAIGNS:
        Campaign.objects.create(
            account=company,
            name=plan.name,
            audience=audiences[plan.who],
            template=template,
            sending_profile=profile,
            notification_address=plans.NOTIFICATION_ADDRESS,
            supplemental=plans.supplemental(),
        )


def _employ(person: Person, company: Group) -> None:
    user = User.objects.create_user(
        person.username,
        person.email,
        person.password,
        first_name=person.first_name,
        is_staff=person.is_admin,
        is_superuser=person.is_admin,
    )
    if person.in_company:
        user.groups.add(company)
    if person.sees_every_job:
        # "Why did I get no mail?" is asked of support; who may be mailed again is not theirs to decide.
        codenames = ("view_every_job", "view_suppression")
        wanted = Permission.objects.filter(codename__in=codenames, content_type__app_label="jobs")
        user.user_permissions.add(*wanted)


def _audience(who: plans.Who, company: Group, warehouse: Warehouse) -> Audience:
    audience = Audience(
        account=company,
        name=who.name,
        warehouse=warehouse,
        sql=who.sql,
        recipient_id_column="customer_id",
        email_column="email",
    )
    # Five rows of the slow audience are there at once if no more than five are asked for.
    first = warehouses.preview(warehouse, f"SELECT * FROM (\n{who.sql}) AS audience LIMIT {samples.ROWS}")  # noqa: S608
    size = warehouses.count(warehouse, who.sql)
    samples.remember(audience, samples.Look(first.columns, first.rows, size))
    audience.save()
    return audience
