from django.test import Client

from campaigns.models import Template
from tests.campaigns.cast import words

URL = "/campaigns/templates/"


def test_it_lists_subjects(as_alice: Client, template: Template) -> None:
    assert 'Autumn Hello {{ first_name|default("you") }}' in words(as_alice.get(URL))


def test_charlie_sees_an_empty_list_that_says_what_belongs_there(
    as_charlie: Client, template: Template
) -> None:
    page = words(as_charlie.get(URL))
    assert "Autumn" not in page
    assert "No Template yet" in page
