"""The page of everybody's suppression list, with a real Cloud behind it: Sam may look, Ada may change, Bob neither."""

import hashlib
import json
import logging
import re
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from accelerator.protocol import Addresses
from jobs import suppressing
from jobs.client import CloudClient
from jobs.models import SuppressionChange
from tests.jobs import cast
from tests.jobs.stages.conftest import cloud, cloud_address, cloud_database, no_cloud

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

__all__ = ["cloud", "cloud_address", "cloud_database", "no_cloud"]

URL = "/suppressions/"
Browse = Callable[..., Client]


def browser(name: str, *permissions: str) -> Client:
    person = cast.person(name, cast.account())
    person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def sam_browses(db: None) -> Client:
    return browser("sam", "view_suppression")


@pytest.fixture
def ada_browses(db: None) -> Client:
    return browser("ada", "view_suppression", "change_suppression")


def somebody(start: str = "ann") -> str:
    """An address that no other test has put on the list."""
    return f"{start}-{uuid.uuid4().hex[:12]}@example.com"


def post(client: Client, act: str, **data: str) -> "Response":
    return client.post(URL, {"act": act} | data)


def text(response: "Response") -> str:
    return response.content.decode()


def listed(cloud: CloudClient, *addresses: str) -> list[str]:
    return [one.address for one in cloud.find_suppressed(Addresses(addresses=list(addresses))).suppressions]


# --- who ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_cloud")
def test_bob_may_not_see_it_and_without_an_account_he_is_not_shown_the_way(client: Client, bob: User) -> None:
    for act in ("find", "add", "remove", "import"):
        assert post(client, act, list="everybody", address=somebody()).status_code == 404
    for url in (URL, f"{URL}export/"):
        assert client.get(url, {"list": "everybody"}).status_code == 404
    assert "<option" not in text(client.get(URL))
    bob.groups.clear()
    for url in (URL, f"{URL}export/"):
        assert client.get(url).status_code == 403
    assert post(client, "find", address=somebody()).status_code == 403
    assert URL not in text(client.get("/jobs/"))


def test_sam_may_look_and_not_change(sam_browses: Client, cloud: CloudClient) -> None:
    address = somebody()
    page = text(sam_browses.get(URL))
    assert f'href="{URL}"' in page
    assert "Add addresses" not in page
    assert "Is not on the list" in text(post(sam_browses, "find", address=address))
    assert post(sam_browses, "add", addresses=address).status_code == 403
    cloud.suppress(Addresses(addresses=[address]))
    assert post(sam_browses, "remove", address=address, confirmed="yes").status_code == 403
    assert listed(cloud, address) == [address]
    assert not SuppressionChange.objects.exists()


# --- looking --------------------------------------------------------------------------------------------


def test_an_address_is_found_however_it_is_written_and_never_stands_in_a_url(
    sam_browses: Client, cloud: CloudClient
) -> None:
    address = somebody()
    cloud.suppress(Addresses(addresses=[address]))
    response = post(sam_browses, "find", address=f"  {address.upper()} ")
    page = text(response)
    assert response.status_code == 200
    assert "Is on the list" in page
    assert "Added by hand" in page
    assert f"<h2>{address}</h2>" in page
    urls = re.findall(r'(?:href|action|src|hx-[a-z]+)="([^"]*)"', page)
    assert URL in urls
    assert not [url for url in urls if address in url or address.replace("@", "%40") in url]


def test_what_is_no_address_is_said_at_the_field_and_stays_there(
    sam_browses: Client, cloud: CloudClient
) -> None:
    page = text(post(sam_browses, "find", address="ann at example"))
    assert "This is not an address" in page
    assert 'value="ann at example"' in page


def test_the_list_comes_in_pages(sam_browses: Client, cloud: CloudClient) -> None:
    addresses = sorted(somebody(f"p{number:03}") for number in range(101))
    cloud.suppress(Addresses(addresses=addresses))
    seen, after = "", "0"
    while after:
        page = text(sam_browses.get(URL, {"after": after}))
        seen += page
        after = page.split('rel="next" href="?after=')[1].split('"')[0] if 'rel="next"' in page else ""
    assert all(seen.count(f">{address}<") == 1 for address in addresses)
    assert text(sam_browses.get(URL)).count('<th scope="row">') == 100
    assert "From the beginning" in text(sam_browses.get(URL, {"after": "999999999"}))
    assert sam_browses.get(URL, {"after": "nonsense"}).status_code == 200
    assert sam_browses.get(URL, {"after": "9" * 5_000}).status_code == 200


def test_an_address_that_the_cloud_keeps_no_more_is_a_line_without_an_act(
    ada_browses: Client, cloud: CloudClient, cloud_database: str
) -> None:
    with psycopg.connect(cloud_database, autocommit=True) as database:  # an old mail's link was followed
        seal, before = uuid.uuid4().hex, "SELECT max(id) FROM cloud_suppression"
        database.execute(
            "INSERT INTO cloud_suppression (address_key, reason) VALUES (%s, 'unsubscribed')", [seal]
        )
        (last,) = database.execute(before).fetchone() or (0,)
    page = text(ada_browses.get(URL, {"after": last - 1}))
    assert "Not kept any more; found by the address" in page
    assert seal not in page
    assert 'value="remove"' not in page


# --- changing -------------------------------------------------------------------------------------------


def test_addresses_are_added_and_it_is_remembered_by_whom(
    ada_browses: Client, cloud: CloudClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first, second = somebody(), somebody("BEN")
    response = post(ada_browses, "add", addresses=f"{first}\r\n\r\n  {second}  \r\n{first}")
    assert response["Location"] == URL
    assert "2 addresses added to the list." in text(ada_browses.get(URL))
    assert sorted(listed(cloud, first, second)) == sorted([first, second.lower()])
    change = SuppressionChange.objects.get()
    assert (change.by.username, change.act, change.count) == ("ada", "added", 2)
    digests = [hashlib.blake2b(a.lower().encode(), digest_size=16).hexdigest() for a in (first, second)]
    assert sorted(change.digests) == sorted(digests)
    assert "@" not in json.dumps(change.digests) + caplog.text


def test_what_stood_there_is_told(ada_browses: Client, cloud: CloudClient) -> None:
    known, new = somebody(), somebody()
    cloud.suppress(Addresses(addresses=[known]))
    post(ada_browses, "add", addresses=f"{known}\n{new}")
    assert "1 address added to the list. 1 stood there before." in text(ada_browses.get(URL))


def test_a_wrong_line_is_named_by_its_number_and_nothing_is_added(
    ada_browses: Client, cloud: CloudClient
) -> None:
    good = somebody()
    typed = f"{good}\nno address\n\nx@\n{'l' * 400}@example.com"
    page = text(post(ada_browses, "add", addresses=typed))
    for sentence in (
        "Line 2 is not an address",
        "Line 4 is not an address",
        "Line 5 is not an address: longer than 254 bytes.",
        "Nothing was added yet.",
    ):
        assert sentence in page
    assert "Line 1 " not in page
    assert "Line 3 " not in page
    assert f"{good}\nno address\n\nx@" in page
    assert listed(cloud, good) == []
    assert not SuppressionChange.objects.exists()


def test_many_wrong_lines_are_counted_and_too_many_addresses_refused(
    ada_browses: Client, cloud: CloudClient
) -> None:
    page = text(post(ada_browses, "add", addresses="\n".join(["nobody"] * 15)))
    assert "Line 10 is" in page
    assert "Line 11 is" not in page
    assert "5 more lines are wrong." in page
    many = "\n".join(f"a{number}@example.com" for number in range(10_001))
    assert "10,001 addresses are too many at once" in text(post(ada_browses, "add", addresses=many))


@pytest.mark.parametrize("htmx", [False, True])
def test_taking_off_is_confirmed_first(ada_browses: Client, cloud: CloudClient, htmx: bool) -> None:
    address = somebody()
    cloud.suppress(Addresses(addresses=[address]))
    headers = {"HX-Request": "true"} if htmx else {}
    page = text(ada_browses.post(URL, {"act": "remove", "address": address}, headers=headers))
    assert ("<html" in page) is not htmx
    assert "Somebody put the address on the list by hand." in page
    assert "the next mailing may contact it again" in page
    assert listed(cloud, address) == [address]
    assert not SuppressionChange.objects.exists()
    assert post(ada_browses, "remove", address=address, confirmed="yes")["Location"] == URL
    assert "may contact it again" in text(ada_browses.get(URL))
    assert listed(cloud, address) == []
    change = SuppressionChange.objects.get()
    assert (change.act, change.count, len(change.digests)) == ("removed", 1, 1)


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("unsubscribed", "they asked us not to write to them"),
        ("complained", "reported a message of ours as spam"),
        ("hard_bounce", "does not exist or takes no mail"),
    ],
)
def test_the_warning_follows_the_reason(
    ada_browses: Client, cloud: CloudClient, cloud_database: str, reason: str, sentence: str
) -> None:
    address = somebody()
    cloud.suppress(Addresses(addresses=[address]))
    with psycopg.connect(cloud_database) as database:  # as the Cloud itself does when that happens
        database.execute("UPDATE cloud_suppression SET reason = %s WHERE address_key = %s", [reason, address])
    page = text(post(ada_browses, "remove", address=address))
    assert sentence in page
    assert "the next mailing may" in page


def test_what_is_not_on_the_list_cannot_be_taken_off(ada_browses: Client, cloud: CloudClient) -> None:
    address = somebody()
    page = text(post(ada_browses, "remove", address=address))
    assert "is not on the list" in page
    assert "confirmed" not in page
    post(ada_browses, "remove", address=address, confirmed="yes")
    assert "The address was not on the list." in text(ada_browses.get(URL))
    assert SuppressionChange.objects.get().count == 0


def test_who_changed_an_address_is_told_where_it_is_found(ada_browses: Client, cloud: CloudClient) -> None:
    address = somebody()
    post(ada_browses, "add", addresses=f"{address}\n{somebody()}")
    post(ada_browses, "remove", address=address, confirmed="yes")
    page = text(post(ada_browses, "find", address=address))
    assert "Is not on the list" in page
    assert page.index("Removed from the list by ada") < page.index("Added to the list by ada")
    assert "Changed by people" not in text(post(ada_browses, "find", address=somebody()))


def test_a_refusal_of_the_cloud_is_said_in_its_words(
    ada_browses: Client, cloud: CloudClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppressing, "key", str)  # as if the two did not agree on what an address is
    page = text(post(ada_browses, "add", addresses="no address"))
    assert "The Cloud refused it." in page
    assert "it needs one name, one @ and one domain" in page
    assert "Nothing was changed" in page
    assert "no address</textarea>" in page
    assert SuppressionChange.objects.get().count == 0


# --- a Cloud that is away -------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_cloud")
def test_a_cloud_that_is_away_is_said_and_nothing_is_lost(ada_browses: Client) -> None:
    response = ada_browses.get(URL)
    assert response.status_code == 503
    assert "could not be asked" in text(response)
    assert "whoever is on the list stays on it" in text(response)
    address = somebody()
    response = post(ada_browses, "add", addresses=address)
    assert response.status_code == 503
    assert f"{address}</textarea>" in text(response)
    assert "add them again, which does no harm" in text(response)
    change = SuppressionChange.objects.get()
    assert (change.count, len(change.digests)) == (None, 1)
    response = post(ada_browses, "find", address=address)
    assert response.status_code == 503
    assert f'value="{address}"' in text(response)
    assert "stays as it is at the Cloud" in text(post(ada_browses, "remove", address=address))
    assert "is not known" in text(post(ada_browses, "remove", address=address, confirmed="yes"))


@pytest.mark.parametrize(
    "data", [{}, {"act": "nonsense"}, {"act": "remove"}, {"act": "remove", "address": "x"}]
)
@pytest.mark.usefixtures("no_cloud")
def test_nonsense_is_refused(ada_browses: Client, data: dict[str, str]) -> None:
    assert ada_browses.post(URL, data).status_code == 400
    assert ada_browses.delete(URL).status_code == 405


@pytest.mark.usefixtures("no_cloud")
def test_the_page_keeps_to_the_strict_policy(ada_browses: Client) -> None:
    response = ada_browses.get(URL)
    assert "default-src 'none'" in response["Content-Security-Policy"]
    for refused in (" style=", "<style", " onclick=", "javascript:"):
        assert refused not in text(response)
    assert "no-store" in response["Cache-Control"]


def test_the_demo_and_the_admin_lead_here(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("dora", "dora@northwind.example", "password"))
    assert reverse("suppressions:list") == URL
    assert client.get("/admin/jobs/suppression/")["Location"] == URL
    assert "/admin/jobs/suppression/" in text(client.get("/admin/"))
