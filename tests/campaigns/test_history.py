import uuid

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from campaigns import history, launching
from campaigns.models import Audience, Campaign
from jobs.models import Job
from tests.campaigns import cast


@pytest.fixture
def campaign(campaign: Campaign) -> Campaign:
    """Its Audience asks for the least id."""
    Audience.objects.update(
        sql="SELECT id, email, first_name FROM customers WHERE id >= {{ least }}",
        variables=[{"name": "least", "kind": "number", "value": "1"}],
    )
    return Campaign.objects.get()


def launched(campaign: Campaign, by: User, least: str, **changes: object) -> Job:
    job = launching.launch(campaign, by=by, token=uuid.uuid4(), values={"least": least})
    Job.objects.filter(pk=job.pk).update(**changes)
    return job


def test_a_campaign_that_was_never_launched_has_none(campaign: Campaign) -> None:
    assert history.values(campaign) == {}
    assert history.size(campaign) is None


def test_the_last_launch_counts_and_the_last_size_that_there_is(campaign: Campaign, alice: User) -> None:
    launched(campaign, alice, "1", extracted=100)
    launched(campaign, alice, "2", extracted=70)
    launched(campaign, alice, "3")
    assert history.values(campaign)["least"].value == "3"
    assert history.size(campaign) == 70


def test_a_deleted_job_and_another_campaigns_do_not_count(campaign: Campaign, alice: User) -> None:
    launched(campaign, alice, "1", extracted=100)
    launched(campaign, alice, "2", extracted=70, deleted_at=timezone.now())
    other = cast.campaign(
        audience=campaign.audience, template=campaign.template, sending_profile=campaign.sending_profile
    )
    launched(other, alice, "3", extracted=5)
    assert history.values(campaign)["least"].value == "1"
    assert history.size(campaign) == 100
