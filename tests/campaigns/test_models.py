import pytest
from django.contrib.auth.models import AnonymousUser, User

from campaigns.models import Audience, Campaign
from tests.jobs.cast import account, person


def test_people_see_what_belongs_to_their_accounts(
    campaign: Campaign, alice: User, bob: User, charlie: User
) -> None:
    assert list(Campaign.objects.visible_to(alice)) == [campaign]
    assert list(Campaign.objects.visible_to(bob)) == [campaign]
    assert list(Campaign.objects.visible_to(charlie)) == []


def test_support_without_an_account_sees_no_campaigns(campaign: Campaign, sam: User) -> None:
    assert list(Campaign.objects.visible_to(sam)) == []


def test_superusers_see_everything(campaign: Campaign, charlie: User) -> None:
    charlie.is_superuser = True
    assert list(Campaign.objects.visible_to(charlie)) == [campaign]


def test_who_may_not_log_in_sees_nothing(campaign: Campaign, alice: User) -> None:
    alice.is_active = False
    assert list(Campaign.objects.visible_to(alice)) == []
    assert list(Campaign.objects.visible_to(AnonymousUser())) == []


def test_a_person_of_two_accounts_sees_each_thing_once(campaign: Campaign) -> None:
    both = person("dora", account(), account("Contoso"))
    assert list(Campaign.objects.visible_to(both)) == [campaign]


def test_a_sample_keeps_the_order_of_the_columns(audience: Audience) -> None:
    stored = Audience.objects.get(pk=audience.pk)
    assert stored.column_names == ["id", "email", "first_name"]
    assert stored.cells[0] == ["1", "ann@example.com", "Ann"]
    assert stored.records[2] == {"id": 3, "email": "cat@example.com", "first_name": None}


@pytest.mark.parametrize("counted", [True, False])
def test_columns_are_known_without_a_sample_too(audience: Audience, counted: bool) -> None:
    audience.sample = []
    audience.columns = {"id": "int64", "email": "string"} if counted else {}
    assert audience.column_names == (["id", "email"] if counted else [])
