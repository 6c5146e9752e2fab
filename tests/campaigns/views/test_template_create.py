import pytest
from django.contrib.auth.models import User
from django.test import Client

from campaigns.models import Template
from tests.campaigns.cast import errors_at, words

URL = "/campaigns/templates/new/"
DATA = {"name": "Autumn", "subject": "Hello {{ first_name }}", "html": "<p>Hello</p>", "text": "Hello"}


def test_it_saves_and_leads_to_the_template(as_alice: Client) -> None:
    response = as_alice.post(URL, DATA)
    template = Template.objects.get()
    assert (response.status_code, response["Location"]) == (303, template.get_absolute_url())
    assert (template.account.name, template.subject) == ("Northwind", DATA["subject"])


@pytest.mark.parametrize("part", ["subject", "html", "text"])
def test_a_part_that_does_not_compile_is_refused_at_its_field(as_alice: Client, part: str) -> None:
    response = as_alice.post(URL, DATA | {part: "{% if %}"})
    assert f"The {part} of the template does not compile at line 1" in errors_at(response, part)
    assert not Template.objects.exists()


def test_the_line_of_the_error_is_said_and_nothing_is_lost(as_alice: Client) -> None:
    response = as_alice.post(URL, DATA | {"html": "<p>\n\n{{ oh </p>"})
    assert "at line 3" in errors_at(response, "html")
    assert "{{ oh &lt;/p&gt;</textarea>" in response.content.decode()


def test_all_parts_are_needed(as_alice: Client) -> None:
    response = as_alice.post(URL, {})
    assert all(errors_at(response, field) for field in DATA)


def test_somebody_without_an_account_is_told_so(client: Client, nora: User) -> None:
    client.force_login(nora)
    assert "You are in no account yet" in words(client.get(URL))
    client.post(URL, DATA)
    assert not Template.objects.exists()
