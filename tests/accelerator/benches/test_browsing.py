"""The benchmark's browser and its plans, at real pages."""

import json

import pytest
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from accelerator.benches import BenchFailed, planning
from accelerator.benches.browsing import Browser
from campaigns import launching
from campaigns.models import Campaign
from jobs.models import Job
from tests.campaigns.conftest import alice, audience, campaign, profile, template
from tests.jobs.conftest import warehouse

__all__ = ["alice", "audience", "campaign", "profile", "template", "warehouse"]


def test_plans_are_campaigns_that_can_be_launched(
    campaign: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    planning.main(2, 2)
    planned = json.loads(capsys.readouterr().out)
    made = Campaign.objects.filter(pk__in=[plan["campaign"] for plan in planned["launches"]])
    assert len({plan["sender"] for plan in planned["launches"]}) == made.count() == 2
    for each in made:
        assert launching.blockers(each) == []
        assert each.audience is not None
        assert each.audience.size == 2
    assert User.objects.get(username=planned["username"]).check_password(planned["password"])


def test_it_logs_in_and_launches(live_server: LiveServer, campaign: Campaign, alice: User) -> None:
    browser = Browser(live_server.url)
    browser.log_in("alice", "password")
    fields = browser.form(f"/campaigns/{campaign.pk}/launch/")
    launched = browser.launch(campaign.pk, fields)
    assert Job.objects.get().pk == launched == browser.launch(campaign.pk, fields)
    browser.close()


def test_a_wrong_password_is_no_launch(live_server: LiveServer, alice: User) -> None:
    browser = Browser(live_server.url)
    with pytest.raises(BenchFailed):
        browser.log_in("alice", "wrong")
    browser.close()
