import uuid

import pytest
from django.contrib.auth.models import User
from django.test import Client

from campaigns import launching
from campaigns.models import Audience, Campaign, SendingProfile
from jobs.models import Job
from tests.campaigns.cast import campaign as make_campaign
from tests.campaigns.cast import template as make_template
from tests.campaigns.cast import words


def test_it_says_who_what_when_and_the_rest(as_alice: Client, campaign: Campaign) -> None:
    page = words(as_alice.get(campaign.get_absolute_url()))
    for expected in (
        "Who",
        "Everybody 3 recipients, counted just now",
        "Sample of 3 rows",
        "id whole number email text first_name text",
        "ann@example.com",
        "Autumn has all of its variables: first_name",
        "What",
        "Hello Ann",
        "When",
        "By hand",
        "Advanced",
        "Northwind <news@northwind.example>",
        "team@northwind.example",
        "Sent through The Cloud's mail server",
        "As fast as the mail server takes them",
    ):
        assert expected in page


def test_it_says_which_service_takes_the_messages_and_so_does_the_launch(
    as_alice: Client, campaign: Campaign
) -> None:
    SendingProfile.objects.update(service="postmark")
    page = words(as_alice.get(campaign.get_absolute_url()))
    assert "Sent through The service postmark" in page
    assert "As fast as the service takes them" in page
    assert "through the service postmark" in words(as_alice.get(f"{campaign.get_absolute_url()}launch/"))


def test_launch_is_offered_where_nothing_blocks_it(as_alice: Client, campaign: Campaign) -> None:
    page = as_alice.get(campaign.get_absolute_url()).content.decode()
    assert f'href="{campaign.get_absolute_url()}launch/"' in page
    assert "aria-disabled" not in page


def test_a_disabled_launch_stands_beside_its_reasons_and_their_remedies(as_alice: Client) -> None:
    campaign = make_campaign()
    response = as_alice.get(campaign.get_absolute_url())
    page = response.content.decode()
    assert 'aria-disabled="true" aria-describedby="blockers"' in page
    assert f'href="{campaign.get_absolute_url()}launch/"' not in page
    assert "3 things to do before this campaign can be launched" in words(response)
    assert f'href="{campaign.get_absolute_url()}edit/#id_audience"' in page


def test_a_template_that_fails_is_shown_and_not_an_error_page(as_alice: Client, campaign: Campaign) -> None:
    Campaign.objects.update(template=make_template(html="{{ oh"))
    response = as_alice.get(campaign.get_absolute_url())
    assert response.status_code == 200
    assert "does not compile" in words(response)


def test_variables_that_the_audience_lacks_are_named_beside_those_it_has(
    as_alice: Client, campaign: Campaign
) -> None:
    Campaign.objects.update(template=make_template(name="Spring", text="{{ first_name }} {{ city }}"))
    assert "Spring lacks city, has first_name" in words(as_alice.get(campaign.get_absolute_url()))


def test_an_audience_that_was_never_looked_at_covers_nothing_yet(
    as_alice: Client, campaign: Campaign
) -> None:
    Audience.objects.update(columns={}, sample=[], size=None, counted_at=None)
    page = words(as_alice.get(campaign.get_absolute_url()))
    assert "Size not counted yet" in page
    assert "all of its variables" not in page


def test_counting_again_comes_back_here(as_alice: Client, campaign: Campaign) -> None:
    Audience.objects.update(size=None, counted_at=None)
    page = as_alice.get(campaign.get_absolute_url()).content.decode()
    assert f'<input type="hidden" name="campaign" value="{campaign.pk}">' in page
    url = f"/campaigns/audiences/{campaign.audience_id}/count/"
    response = as_alice.post(url, {"campaign": str(campaign.pk)})
    assert (response.status_code, response["Location"]) == (303, campaign.get_absolute_url())
    part = as_alice.post(url, {"campaign": str(campaign.pk)}, headers={"HX-Request": "true"})
    assert "3 recipients, counted just now in 0." in words(part)
    assert f'name="campaign" value="{campaign.pk}"' in part.content.decode()


def test_it_says_what_launches_ask_for_and_what_they_are_compared_to(
    as_alice: Client, campaign: Campaign, alice: User
) -> None:
    Audience.objects.update(
        sql="SELECT id, email, first_name FROM customers WHERE {{ all }} AND id >= {{ least }}",
        variables=[
            {"name": "all", "kind": "boolean", "value": "false"},
            {"name": "least", "kind": "number", "value": "1"},
        ],
    )
    Campaign.objects.update(most_change=20, supplemental_sql="SELECT 1 AS season", supplemental={"season": 1})
    page = words(as_alice.get(campaign.get_absolute_url()))
    assert "all no, least 1" in page
    assert "Asks when it differs by more than 20 % from 3" in page
    assert "By a SELECT, run anew for each launch; it gave season" in page
    job = launching.launch(campaign, by=alice, token=uuid.uuid4(), values={"all": "yes", "least": "1"})
    Job.objects.filter(pk=job.pk).update(extracted=41_200)
    assert "more than 20 % from 41,200" in words(as_alice.get(campaign.get_absolute_url()))


def test_past_jobs_are_listed_with_state_and_progress(
    as_alice: Client, campaign: Campaign, alice: User
) -> None:
    job = launching.launch(campaign, by=alice, token=uuid.uuid4())
    Job.objects.filter(pk=job.pk).update(extracting=41_200)
    page = words(as_alice.get(campaign.get_absolute_url()))
    assert "Initializing 41,200 extracted so far" in page
    assert "alice" in page


@pytest.mark.parametrize("rests", [True, False])
def test_jobs_are_followed_until_all_of_them_rest(
    as_alice: Client, campaign: Campaign, alice: User, rests: bool
) -> None:
    job = launching.launch(campaign, by=alice, token=uuid.uuid4())
    if rests:
        Job.objects.filter(pk=job.pk).update(state="failed", failure="campaign", failure_sentence="No rows.")
    part = as_alice.get(campaign.get_absolute_url(), headers={"HX-Request": "true"}).content.decode()
    assert part.strip().startswith("<div")
    assert ("every 5s" in part) is not rests


def test_a_launch_whose_job_was_deleted_is_not_listed(
    as_alice: Client, campaign: Campaign, alice: User
) -> None:
    launching.launch(campaign, by=alice, token=uuid.uuid4())
    campaign.launches.update(job=None)
    assert "Not launched yet" in words(as_alice.get(campaign.get_absolute_url()))


def test_charlie_does_not_find_it(as_charlie: Client, campaign: Campaign) -> None:
    assert as_charlie.get(campaign.get_absolute_url()).status_code == 404


def test_names_are_escaped(as_alice: Client) -> None:
    campaign = make_campaign(name="<script>alert(1)</script>")
    assert "<script>alert" not in as_alice.get(campaign.get_absolute_url()).content.decode()
