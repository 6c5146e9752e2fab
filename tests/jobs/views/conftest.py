"""The pages of a Job as Bob, of Alice's team, sees them."""

import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.fixture
def client(bob: User) -> Client:
    """Bob's browser."""
    browser = Client()
    browser.force_login(bob)
    return browser
