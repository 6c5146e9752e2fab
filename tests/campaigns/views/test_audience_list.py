from django.test import Client

from campaigns.models import Audience
from tests.campaigns.cast import words

URL = "/campaigns/audiences/"


def test_it_lists_size_and_age(as_alice: Client, audience: Audience) -> None:
    assert "Everybody shop 3 just now" in words(as_alice.get(URL))


def test_it_says_what_was_never_counted(as_alice: Client, audience: Audience) -> None:
    Audience.objects.update(size=None, counted_at=None)
    assert "Everybody shop Not counted" in words(as_alice.get(URL))


def test_charlie_sees_an_empty_list_that_says_what_belongs_there(
    as_charlie: Client, audience: Audience
) -> None:
    page = words(as_charlie.get(URL))
    assert "Everybody" not in page
    assert "No Audience yet" in page


def test_it_searches_names(as_alice: Client, audience: Audience) -> None:
    assert "Everybody" in words(as_alice.get(URL, {"q": "every"}))
    assert "None is called “nobody”" in words(as_alice.get(URL, {"q": "nobody"}))


def test_control_characters_are_not_searched_for(as_alice: Client, audience: Audience) -> None:
    assert "Everybody shop" in words(as_alice.get(URL, {"q": "\0ev\0ery\x1b"}))
    assert "Everybody shop" in words(as_alice.get(URL, {"q": "\0"}))
