"""Whose campaigns a person may see and make: the accounts (Django Groups) she belongs to."""

from django.contrib.auth.models import AnonymousUser, Group, User
from django.db.models import Q, QuerySet

from jobs.models import Warehouse


def accounts_of(user: User | AnonymousUser) -> QuerySet[Group]:
    """The accounts a person may plan for; every account for superusers."""
    if not user.is_active:
        return Group.objects.none()
    if user.is_superuser:
        return Group.objects.order_by("name")
    return user.groups.order_by("name")


def warehouses_of(user: User | AnonymousUser) -> QuerySet[Warehouse]:
    """The warehouses a person's audiences may read from: her accounts', and those shared by everybody."""
    return Warehouse.objects.filter(Q(account=None) | Q(account__in=accounts_of(user)))
