"""Which Campaign, Job or Warehouse, and whose act: from what was typed. Raises Usage with a sentence that helps."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError
from django.db.models import Q, TextField, Value
from django.db.models.functions import Cast, Replace

from accelerator.management import Failed, Usage, quietly
from campaigns.models import Campaign, PlanQuerySet
from jobs.models import Job, JobQuerySet, Warehouse

# Candidates that a sentence lists at most, and the largest id there can be.
LISTED = 10
LARGEST = 2**63 - 1

DATABASE_AWAY = (OperationalError, InterfaceError)


@contextmanager
def database() -> Iterator[None]:
    """Says in a sentence that the database is away."""
    try:
        with quietly():
            yield
    except DATABASE_AWAY as error:
        raise Failed(
            "The dashboard's database does not answer. `manage.py doctor` says what is the matter."
        ) from error


def named(username: str) -> User:
    """The person of that username."""
    try:
        return User.objects.get(username=username, is_active=True)
    except User.DoesNotExist:
        raise Usage(f'Nobody with the username "{username}" may log in.') from None


def actor(username: str | None, may: Callable[[User], bool]) -> User:
    """Whose act it is: the named person's; else that of $USER, if that is somebody here who may; else the only
    superuser's."""
    if username:
        return named(username)
    own = User.objects.filter(username=os.environ.get("USER", ""), is_active=True).first()
    if own is not None and may(own):
        return own
    superusers = User.objects.filter(is_superuser=True, is_active=True)[:2]
    if len(superusers) == 1:
        return superusers[0]
    raise Usage("Say in whose name: --by USERNAME.")


def campaign(wanted: str, campaigns: PlanQuerySet[Campaign]) -> Campaign:
    """By its id or its name; by the name in other letters if only one has it."""
    exactly = Q(name=wanted)
    if wanted.isascii() and wanted.isdigit() and int(wanted) <= LARGEST:
        exactly |= Q(pk=int(wanted))
    known = campaigns.select_related("account").order_by("name", "pk")
    for condition in (exactly, Q(name__iexact=wanted.strip())):
        found = list(known.filter(condition)[: LISTED + 1])
        if len(found) == 1:
            return found[0]
        if found:
            raise Usage(
                f'"{wanted}" is the name of more than one campaign; say its id:'
                + _list(map(_campaign, found))
            )
    near = known.filter(name__icontains=wanted.strip())
    candidates = list((near if near.exists() else known)[: LISTED + 1])
    listed = f" There are:{_list(map(_campaign, candidates))}" if candidates else " There is none yet."
    raise Usage(f'There is no campaign "{wanted}".{listed}')


def job(wanted: str, jobs: JobQuerySet, *, least: int = 1) -> Job:
    """By its id or its Request ID, whole or by a beginning that only one has, of so many characters at least.

    A deleted Job is not found.
    """
    compact = "".join(wanted.split()).lower()
    if compact and len(compact) < least:
        raise Usage(
            f'To ask something of a Job, say at least {least} characters of its id: "{wanted}" is too short.'
        )
    if not compact:
        raise Usage("Say which Job: its id or its Request ID, or how it begins.")
    digits = Replace(Cast("id", TextField()), Value("-"), Value(""), output_field=TextField())
    kept = jobs.filter(deleted_at=None).alias(digits=digits).select_related("account")
    whole = Q(request_id__iexact=compact) | Q(digits=compact.replace("-", ""))
    beginning = Q(request_id__istartswith=compact) | Q(digits__startswith=compact.replace("-", ""))
    for condition in (whole, beginning):
        found = list(kept.filter(condition).order_by("-created_at", "pk")[: LISTED + 1])
        if len(found) == 1:
            return found[0]
        if found:
            raise Usage(f'More than one Job begins with "{wanted}":' + _list(map(_job, found)))
    raise Usage(f'There is no Job whose id or Request ID begins with "{wanted}".')


def warehouse(wanted: str) -> Warehouse:
    """By its name, or by the name in other letters if only one has it."""
    for condition in (Q(name=wanted), Q(name__iexact=wanted.strip())):
        found = list(Warehouse.objects.filter(condition)[:2])
        if len(found) == 1:
            return found[0]
    known = list(Warehouse.objects.order_by("name")[: LISTED + 1])
    listed = f" There are:{_list(map(_warehouse, known))}" if known else " There is none yet."
    raise Usage(f'There is no warehouse "{wanted}".{listed}')


def _warehouse(found: Warehouse) -> str:
    return f"{found.name}  ({found.get_kind_display()})"


def _campaign(found: Campaign) -> str:
    return f"{found.pk:>6}  {found.name}  ({found.account.name})"


def _job(found: Job) -> str:
    return f"{found.pk}  {found.request_id or 'no Request ID'}  {found.name}  {found.get_state_display()}"


def _list(lines: Iterable[str]) -> str:
    """On lines of their own, the last of too many left out."""
    shown = list(lines)
    return "".join(f"\n  {line}" for line in shown[:LISTED]) + ("\n  ..." if len(shown) > LISTED else "")
