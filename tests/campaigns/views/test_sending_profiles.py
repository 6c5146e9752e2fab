import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pydantic import TypeAdapter

from accelerator.protocol import SERVICE_NAME
from accelerator.protocol.documents import ServiceName
from campaigns.models import SendingProfile
from tests.campaigns.cast import errors_at, words

LIST = "/campaigns/sending-profiles/"
NEW = "/campaigns/sending-profiles/new/"
DATA = {"name": "Shop", "from_name": "Northwind", "from_address": "news@northwind.example"}


def test_the_list_says_from_whom(as_alice: Client, profile: SendingProfile) -> None:
    assert "Shop Northwind <news@northwind.example>" in words(as_alice.get(LIST))


def test_charlies_list_is_empty_and_says_what_belongs_there(
    as_charlie: Client, profile: SendingProfile
) -> None:
    assert "No Sending Profile yet" in words(as_charlie.get(LIST))


def test_a_new_one_belongs_to_the_account(as_alice: Client) -> None:
    response = as_alice.post(NEW, DATA)
    profile = SendingProfile.objects.get()
    assert (response.status_code, response["Location"]) == (303, profile.get_absolute_url())
    assert profile.account.name == "Northwind"


def test_addresses_are_checked(as_alice: Client) -> None:
    response = as_alice.post(NEW, DATA | {"from_address": "news", "reply_to": "a b@example.com"})
    assert errors_at(response, "from_address")
    assert errors_at(response, "reply_to")
    assert 'value="Northwind"' in response.content.decode()


@pytest.mark.parametrize("field", ["from_address", "reply_to"])
@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("hello@höron.example", "Write the domain in its ASCII form: hello@xn--hron-5qa.example."),
        ('"ab"@northwind.example', "the name before the @ is of ASCII letters"),
        ("news@[127.0.0.1]", "the domain after it"),
    ],
)
def test_addresses_that_the_cloud_would_refuse_are_refused(
    as_alice: Client, field: str, address: str, sentence: str
) -> None:
    assert sentence in errors_at(as_alice.post(NEW, DATA | {field: address}), field)
    assert not SendingProfile.objects.exists()


def test_a_name_stays_on_one_line(as_alice: Client) -> None:
    as_alice.post(NEW, DATA | {"from_name": "North\r\nBcc: x@example.com"})
    assert SendingProfile.objects.get().from_name == "North Bcc: x@example.com"


def test_it_is_sent_by_the_mail_server_unless_a_service_is_named(as_alice: Client) -> None:
    form = as_alice.get(NEW)
    assert "Sent through" in words(form)
    assert "Empty: the Cloud's mail server." in words(form)
    as_alice.post(NEW, DATA)
    assert SendingProfile.objects.get().service == ""
    assert "The mail server" in words(as_alice.get(LIST))


def test_a_service_is_named_and_taken_back(as_alice: Client, profile: SendingProfile) -> None:
    as_alice.post(profile.get_absolute_url(), DATA | {"service": " Postmark-EU "})
    profile.refresh_from_db()
    assert profile.service == "postmark-eu"
    assert 'value="postmark-eu"' in as_alice.get(profile.get_absolute_url()).content.decode()
    assert "postmark-eu" in words(as_alice.get(LIST))
    as_alice.post(profile.get_absolute_url(), DATA | {"service": ""})
    profile.refresh_from_db()
    assert profile.service == ""


@pytest.mark.parametrize("name", ["post mark", "-x", "smtp://host", "é", "a" * 41, "x\ny", "_x"])
def test_what_can_be_no_services_name_is_refused(as_alice: Client, name: str) -> None:
    assert errors_at(as_alice.post(NEW, DATA | {"service": name}), "service")
    assert not SendingProfile.objects.exists()


def test_whatever_the_form_takes_the_contract_takes() -> None:
    for name in ("a", "a" * 40, "9-9", "postmark-"):
        assert re.fullmatch(SERVICE_NAME, name)
        assert TypeAdapter(ServiceName).validate_python(name) == name


def test_it_can_be_changed(as_alice: Client, profile: SendingProfile) -> None:
    as_alice.post(profile.get_absolute_url(), DATA | {"from_name": "Northwind News"})
    profile.refresh_from_db()
    assert profile.from_name == "Northwind News"


def test_charlie_does_not_find_it(as_charlie: Client, profile: SendingProfile) -> None:
    assert as_charlie.get(profile.get_absolute_url()).status_code == 404
    assert as_charlie.post(profile.get_absolute_url(), DATA).status_code == 404


def test_somebody_without_an_account_is_told_so(client: Client, nora: User) -> None:
    client.force_login(nora)
    assert "You are in no account yet" in words(client.get(NEW))
