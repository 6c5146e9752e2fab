from django.contrib.auth.models import User

from campaigns import covering
from campaigns.models import Audience, Campaign
from tests.campaigns import cast
from tests.jobs.cast import account

COLUMNS = ["id", "email", "first_name"]


def test_columns_cover_some_variables_and_lack_others(db: None) -> None:
    template = cast.template(
        text="{{ first_name }} {{ city }} {{ supplemental.season }} {{ unsubscribe_url }}"
    )
    cover = covering.of(template, COLUMNS)
    assert (cover.covered, cover.missing, cover.problem) == (["first_name"], ["city"], "")


def test_a_template_that_does_not_compile_says_so(db: None) -> None:
    assert "does not compile" in covering.of(cast.template(html="{{ oh"), COLUMNS).problem


def test_the_templates_of_the_campaigns_that_use_the_audience_are_asked(
    campaign: Campaign, audience: Audience, alice: User
) -> None:
    cast.template(name="Of no campaign")
    cast.campaign(audience=audience, template=campaign.template)
    covers = covering.covers(audience, COLUMNS, alice)
    assert [cover.template for cover in covers] == [campaign.template]


def test_while_no_campaign_uses_it_those_of_the_account_are(audience: Audience, alice: User) -> None:
    ours = cast.template(name="Ours")
    cast.template(name="Theirs", account=account("Contoso"))
    assert [cover.template for cover in covering.covers(audience, COLUMNS, alice)] == [ours]


def test_nobody_is_shown_templates_she_may_not_see(audience: Audience, charlie: User) -> None:
    cast.template()
    assert covering.covers(audience, COLUMNS, charlie) == []


def test_without_columns_nothing_can_be_told(audience: Audience, alice: User) -> None:
    cast.template()
    assert covering.covers(audience, [], alice) == []
