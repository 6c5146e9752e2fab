"""The browsers of Dora, who may everything; of Vera and Carl, who look at and change Warehouses; of Nils of staff."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def staff(name: str, *permissions: str) -> User:
    user = User.objects.create_user(name, f"{name}@northwind.example", "password", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


@pytest.fixture
def admin(db: None) -> User:
    """Dora herself."""
    return User.objects.create_superuser("dora", "dora@northwind.example", "password", first_name="Dora")


@pytest.fixture
def dora(admin: User) -> Client:
    return browser_of(admin)


@pytest.fixture
def vera(db: None) -> Client:
    return browser_of(staff("vera", "view_warehouse"))


@pytest.fixture
def carl(db: None) -> Client:
    return browser_of(staff("carl", "view_warehouse", "change_warehouse"))


@pytest.fixture
def nils(db: None) -> Client:
    return browser_of(staff("nils"))
