import uuid

import pytest
from django.contrib.auth.models import User
from django.test import Client

from campaigns import launching
from campaigns.models import Campaign
from jobs import control
from jobs.states import Wish
from tests.jobs.cast import person


@pytest.fixture
def as_admin(client: Client, db: None) -> Client:
    admin = person("admin")
    admin.is_staff = admin.is_superuser = True
    admin.save()
    client.force_login(admin)
    return client


@pytest.mark.parametrize("kind", ["audience", "template", "sendingprofile", "campaign", "launch"])
def test_everything_can_be_looked_at(as_admin: Client, campaign: Campaign, alice: User, kind: str) -> None:
    launching.launch(campaign, by=alice, token=uuid.uuid4())
    assert as_admin.get(f"/admin/campaigns/{kind}/").status_code == 200


def test_a_launch_is_history(as_admin: Client, campaign: Campaign, alice: User) -> None:
    launching.launch(campaign, by=alice, token=uuid.uuid4())
    launch = campaign.launches.get()
    assert as_admin.get("/admin/campaigns/launch/add/").status_code == 403
    assert as_admin.post(f"/admin/campaigns/launch/{launch.pk}/delete/").status_code == 403


def test_the_launch_of_a_deleted_job_is_gone(as_admin: Client, campaign: Campaign, alice: User) -> None:
    launching.launch(campaign, by=alice, token=uuid.uuid4())
    launch = campaign.launches.get()
    assert launch.job is not None
    assert str(launch.job.pk) in as_admin.get(f"/admin/campaigns/launch/{launch.pk}/change/").content.decode()
    control.ask(launch.job, Wish.CANCEL, by=alice, seen=launch.job.version)
    control.delete(launch.job, by=alice)
    assert "0 launches" in as_admin.get("/admin/campaigns/launch/").content.decode()
    assert as_admin.get(f"/admin/campaigns/launch/{launch.pk}/change/").status_code == 302
