"""What Charlie of Contoso names in a form or a query of his own, and is Northwind's: as if it did not exist."""

import uuid

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from campaigns.models import Audience, Campaign, Launch, SendingProfile, Template
from tests.campaigns import cast
from tests.security import world as worlds
from tests.security.table import audience, campaign, profile, template
from tests.security.world import World


@pytest.fixture
def charlie(world: World) -> Client:
    """His browser; he has logged in before anybody looks at the rows."""
    return world.browser("other account")


def contoso() -> Group:
    return Group.objects.get(name="Contoso")


@pytest.mark.parametrize("field", ["audience", "template", "profile"])
def test_a_campaign_takes_no_part_of_another_account(world: World, charlie: Client, field: str) -> None:
    mine = cast.campaign(account=contoso(), name="Mine")
    part = getattr(world, field).pk
    name = "sending_profile" if field == "profile" else field
    for url in ("/campaigns/new/", f"/campaigns/{mine.pk}/edit/"):
        before = worlds.rows()
        response = charlie.post(url, campaign(world) | {name: part})
        assert response.status_code == 200
        assert "Select a valid choice" in response.content.decode()
        assert worlds.rows() == before


def test_an_audience_reads_no_warehouse_of_another_account(world: World, charlie: Client) -> None:
    world.warehouse.account = world.account
    world.warehouse.save()
    before = worlds.rows()
    for do in ("save", "preview"):
        response = charlie.post("/campaigns/audiences/new/", audience(world) | {"do": do})
        assert response.status_code == 200
        assert "ann@example.com" not in response.content.decode()
    assert worlds.rows() == before


def test_what_is_made_belongs_to_whoever_makes_it(world: World, charlie: Client) -> None:
    """Whatever account the form names."""
    forms = {
        "new/": campaign,
        "audiences/new/": audience,
        "templates/new/": template,
        "sending-profiles/new/": profile,
    }
    for url, form in forms.items():
        assert (
            charlie.post(f"/campaigns/{url}", form(world) | {"account": world.account.pk}).status_code == 303
        )
    for model in (Campaign, Audience, Template, SendingProfile):
        assert model.objects.filter(account=contoso()).count() == 1
        assert model.objects.filter(account=world.account).count() == 1


def test_a_preview_is_for_nobody_of_another_account(world: World, charlie: Client) -> None:
    mine = cast.template(account=contoso(), html="{{ email }}")
    for source in (f"campaign-{world.campaign.pk}", f"audience-{world.audience.pk}"):
        assert charlie.get(f"/campaigns/templates/{mine.pk}/preview/", {"for": source}).status_code == 404
        for url in ("draft", "reading"):
            form = {"subject": "{{ email }}", "html": "{{ email }}", "text": "", "for": source}
            assert charlie.post(f"/campaigns/templates/{url}/", form).status_code == 404


def test_a_form_of_another_account_launches_nothing_of_ones_own(world: World, charlie: Client) -> None:
    mine = cast.campaign(account=contoso(), name="Mine")
    Launch.objects.filter(pk=world.launch.pk).update(token=(token := uuid.uuid4()))
    before = worlds.rows()
    response = charlie.post(f"/campaigns/{mine.pk}/launch/", {"token": token})
    assert response.status_code == 409
    assert str(world.job.pk) not in response.content.decode()
    assert worlds.rows() == before


def test_a_search_finds_nothing_of_another_account(world: World, charlie: Client) -> None:
    for url, wanted in (
        ("/campaigns/", world.campaign.name),
        ("/campaigns/audiences/", world.audience.name),
        ("/campaigns/templates/", world.template.name),
        ("/campaigns/sending-profiles/", world.profile.name),
        ("/jobs/", str(world.job.pk)),
        ("/jobs/", world.job.name),
        ("/jobs/", "%"),
    ):
        page = charlie.get(url, {"q": wanted}).content.decode()
        assert f"/{world.campaign.pk}/" not in page
        assert str(world.job.pk) not in page.replace(f'value="{wanted}"', "").replace(
            f"“{wanted}”", ""
        ).replace(wanted, "")


def test_whoever_is_no_longer_active_sees_nothing(world: World) -> None:
    browsers = [world.browser(role) for role in ("marketer", "support", "admin")]
    for person in world.people.values():
        person.is_active = False
        person.save()
    for browser in browsers:
        for url in ("/campaigns/", f"/jobs/{world.job.pk}/", "/suppressions/", "/admin/"):
            assert browser.get(url).status_code == 302
