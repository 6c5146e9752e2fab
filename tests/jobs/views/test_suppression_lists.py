"""The lists of accounts, and files in and out of them, with a real Cloud: Alice is of Northwind, Charlie of Contoso."""

import csv
import io
import logging
import uuid
from typing import TYPE_CHECKING

import httpx2
import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accelerator import protocol
from accelerator.protocol import Addresses
from jobs import suppressing
from jobs.client import CloudClient
from jobs.models import SuppressionChange
from tests.jobs.stages.conftest import cloud, cloud_address, cloud_database, no_cloud

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

__all__ = ["cloud", "cloud_address", "cloud_database", "no_cloud"]

URL, EXPORT = "/suppressions/", "/suppressions/export/"


def browser(person: User, *permissions: str) -> Client:
    person.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def northwind(alice: User) -> Group:
    """Hers, under a number that no list at the Cloud had before."""
    return account(alice)


@pytest.fixture
def contoso(charlie: User) -> Group:
    return account(charlie)


def account(person: User) -> Group:
    group = person.groups.get()
    made = Group.objects.create(pk=uuid.uuid4().int % 2**31, name=f"{group.name} & Co")
    person.groups.set([made])
    return made


def somebody(start: str = "ann") -> str:
    return f"{start}-{uuid.uuid4().hex[:12]}@example.com"


def post(client: Client, act: str, **data: object) -> "Response":
    return client.post(URL, {"act": act, **data})


def text(response: "Response") -> str:
    return response.content.decode()


def take(client: Client, content: bytes, **data: object) -> str:
    response = post(client, "import", file=SimpleUploadedFile("list.csv", content), **data)
    assert response.status_code == 200
    return " ".join(text(response).split())


def on(cloud: CloudClient, group: Group | None, *addresses: str) -> list[str]:
    wanted = Addresses(addresses=list(addresses), account=str(group.pk) if group else "")
    return [one.address for one in cloud.find_suppressed(wanted).suppressions]


def exported(client: Client, **query: int) -> list[list[str]]:
    response = client.get(EXPORT, query)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert "no-store" in response["Cache-Control"]
    content = response.getvalue().decode()
    assert response["Content-Length"] == str(len(content.encode()))
    return list(csv.reader(io.StringIO(content, newline="")))


# --- whose list -----------------------------------------------------------------------------------------


def test_the_people_of_an_account_change_its_list_and_no_other(
    cloud: CloudClient, alice: User, northwind: Group, contoso: Group
) -> None:
    browse, address = browser(alice), somebody()
    assert f'href="{URL}"' in text(browse.get("/jobs/"))
    page = text(browse.get(URL))
    assert "Suppression list of Northwind &amp; Co" in page
    assert "<select" not in page  # there is no choice
    assert post(browse, "add", addresses=address)["Location"] == URL
    assert on(cloud, northwind, address) == [address]
    assert on(cloud, None, address) == on(cloud, contoso, address) == []
    change = SuppressionChange.objects.get()
    assert (change.account, change.count) == (northwind, 1)
    assert address in text(browse.get(URL))
    for act in ("find", "add", "remove", "import"):
        assert post(browse, act, list=contoso.pk, address=address, addresses=address).status_code == 404
    for url in (URL, EXPORT):
        assert browse.get(url, {"list": contoso.pk}).status_code == 404
        assert browse.get(url, {"list": "x" * 10_000}).status_code == 404


def test_taking_off_one_list_leaves_the_other(cloud: CloudClient, alice: User, northwind: Group) -> None:
    browse, address = browser(alice, "view_suppression", "change_suppression"), somebody()
    for word in ("everybody", northwind.pk):
        post(browse, "add", list=word, addresses=address)
    page = text(post(browse, "remove", list=northwind.pk, address=address))
    assert "off the list of Northwind &amp; Co" in page
    assert "Everybody’s list is not changed" in page
    gone = post(browse, "remove", list=northwind.pk, address=address, confirmed="yes")
    assert gone["Location"] == f"{URL}?list={northwind.pk}"
    assert on(cloud, None, address) == [address]
    assert on(cloud, northwind, address) == []
    found = text(post(browse, "find", list=northwind.pk, address=address))
    assert "Is not on the list" in found
    assert "unless it is on everybody’s list" in found
    assert "Removed from the list" in found
    assert "Removed from the list" not in text(post(browse, "find", list="everybody", address=address))


def test_support_sees_every_list_and_changes_none(
    cloud: CloudClient, sam: User, northwind: Group, contoso: Group
) -> None:
    browse, address = browser(sam, "view_suppression"), somebody()
    page = text(browse.get(URL))
    assert "Everybody’s list" in page
    for group in (northwind, contoso):
        assert f'<option value="{group.pk}">' in page
        assert "From a file" not in text(browse.get(URL, {"list": group.pk}))
        for act in ("add", "remove", "import"):
            assert post(browse, act, list=group.pk, address=address, addresses=address).status_code == 403
    assert not SuppressionChange.objects.exists()


def test_whoever_sees_everybodys_list_sees_her_accounts_beside_it(
    cloud: CloudClient, alice: User, northwind: Group, contoso: Group
) -> None:
    browse = browser(alice, "view_suppression")
    assert [(one.account, one.may_change) for one in suppressing.lists(alice)] == [
        (None, False),
        (northwind, True),
    ]
    page = text(browse.get(URL, {"list": northwind.pk}))
    assert f'<option value="{northwind.pk}" selected>' in page
    assert f'<option value="{contoso.pk}"' not in page
    assert "From a file" in page
    assert "From a file" not in text(browse.get(URL))


def test_the_list_of_an_account_comes_in_pages(cloud: CloudClient, alice: User, northwind: Group) -> None:
    browse = browser(alice, "view_suppression")
    addresses = [somebody(f"p{number:03}") for number in range(101)]
    cloud.suppress(Addresses(addresses=addresses, account=str(northwind.pk)))
    first = text(browse.get(URL, {"list": northwind.pk}))
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert following.startswith(f"?list={northwind.pk}&after=")
    second = text(browse.get(f"{URL}{following}"))
    assert all((first + second).count(f">{address}<") == 1 for address in addresses)
    assert second.count('<th scope="row">') == 1


# --- files ----------------------------------------------------------------------------------------------


def test_a_file_is_taken_in_with_a_report_and_can_be_taken_in_again(
    cloud: CloudClient, alice: User, northwind: Group, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    browse, known, new, other = browser(alice), somebody(), somebody("BEN"), somebody()
    cloud.suppress(Addresses(addresses=[known], account=str(northwind.pk)))
    lines = ["E-Mail;Name", f'"{known}";A', f"{new};", "nobody;B", "", f"{new.lower()};twice", ";C", other]
    content = b"\xef\xbb\xbf" + "\r\n".join(lines).encode()
    page = take(browse, content)
    assert "2 addresses of the file were added to the list." in page
    assert "2 stood there before, or earlier in the file." in page
    assert "2 lines hold no address and were left out:" in page
    assert "Line 4 is not an address" in page
    assert "Line 7 has no address." in page
    everybody = [known, new.lower(), other]
    assert sorted(on(cloud, northwind, *everybody)) == sorted(everybody)
    assert on(cloud, None, *everybody) == []
    page = take(browse, content)
    assert "0 addresses of the file were added to the list." in page
    assert "4 stood there before" in page
    changes = SuppressionChange.objects.order_by("pk")
    assert [(row.by, row.account, row.count, len(row.digests)) for row in changes] == [
        (alice, northwind, 2, 3),
        (alice, northwind, 0, 3),
    ]
    assert "@" not in caplog.text


def test_a_file_goes_to_the_cloud_in_pieces(
    cloud: CloudClient, alice: User, northwind: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppressing, "PIECE", 10)
    addresses = [somebody(f"a{number}") for number in range(25)]
    wrong = ["nobody"] * 12
    page = take(browser(alice), "\n".join([*addresses, *wrong]).encode())
    assert "25 addresses of the file were added to the list." in page
    assert "12 lines hold no address" in page
    assert "Line 35 is" in page
    assert "Line 36 is" not in page
    assert "2 more." in page
    assert len(on(cloud, northwind, *addresses)) == 25
    assert [row.count for row in SuppressionChange.objects.order_by("pk")] == [10, 10, 5]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"m\xfcller@example.com", "not in UTF-8"),
        (b'a@example.com\n"b@example.com', "Line 2 cannot be read as CSV"),
        (b"email\n", "no address in the file"),
        (b"", "The submitted file is empty."),
    ],
)
@pytest.mark.usefixtures("no_cloud", "northwind")
def test_what_cannot_be_read_changes_nothing(alice: User, content: bytes, sentence: str) -> None:
    browse = browser(alice)
    response = post(browse, "import", file=SimpleUploadedFile("list.csv", content))
    assert sentence in text(response)
    assert not SuppressionChange.objects.exists()
    assert "This field is required." in text(post(browse, "import"))


class Losing(httpx2.HTTPTransport):
    """A line that loses the Cloud's answer to one request; what was asked for is done."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.left = number

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        self.left -= 1
        if not self.left:
            response.close()
            raise httpx2.ReadError("the line broke")
        return response


def test_a_line_that_breaks_half_way_is_told_with_how_far_it_came(
    cloud: CloudClient,
    cloud_address: tuple[str, list[str]],
    alice: User,
    northwind: Group,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(suppressing, "PIECE", 10)
    browse = browser(alice)
    addresses = [somebody(f"a{number}") for number in range(45)]
    content = "\n".join(addresses).encode()
    url, keys = cloud_address
    losing = CloudClient(url, protocol.Key.parse(keys[0]), transport=Losing(3))
    with monkeypatch.context() as broken:
        broken.setattr(suppressing, "cloud", lambda: losing)
        response = post(browse, "import", file=SimpleUploadedFile("list.csv", content))
    losing.close()
    page = " ".join(text(response).split())
    assert response.status_code == 503
    assert "20 addresses of the file were added" in page
    assert "up to line 20 is done" in page
    assert "Whether what follows, up to line 30, was added is not known. The rest was not." in page
    assert "Import the whole file again" in page
    assert len(on(cloud, northwind, *addresses)) == 30
    assert [row.count for row in SuppressionChange.objects.order_by("pk")] == [10, 10, None]
    page = take(browse, content)
    assert "15 addresses of the file were added" in page
    assert "30 stood there before" in page
    assert len(on(cloud, northwind, *addresses)) == 45


def test_a_piece_that_the_cloud_refuses_ends_the_import(
    cloud: CloudClient, alice: User, northwind: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppressing, "PIECE", 10)
    monkeypatch.setattr(suppressing, "key", str)  # as if the two did not agree on what an address is
    addresses = [somebody(f"a{number}") for number in range(25)]
    addresses[15] = "no address"
    content = SimpleUploadedFile("list.csv", "\n".join(addresses).encode())
    response = post(browser(alice), "import", file=content)
    page = " ".join(text(response).split())
    assert response.status_code == 502
    assert "The Cloud refused it." in page
    assert "up to line 10 is done. The rest was not." in page
    assert [row.count for row in SuppressionChange.objects.order_by("pk")] == [10, 0]


def test_what_is_exported_can_be_imported(
    cloud: CloudClient, alice: User, northwind: Group, charlie: User, contoso: Group
) -> None:
    own = [*(somebody(start) for start in ("=1", "+a", "-a", "'=a", "ann")), '"a..b"@example.com']
    cloud.suppress(Addresses(addresses=own, account=str(northwind.pk)))
    rows = exported(browser(alice))
    assert rows[0] == ["address", "reason", "since"]
    assert len(rows) == 1 + len(own)
    assert not [row for row in rows if row[0][0] in "=+-@"]
    assert {row[1] for row in rows[1:]} == {"Added by hand"}
    content = "\n".join(",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in rows)
    take(browser(charlie), content.encode())
    assert sorted(on(cloud, contoso, *own)) == sorted(on(cloud, northwind, *own)) == sorted(own)


def test_a_list_of_many_pages_is_exported_whole(
    cloud: CloudClient, alice: User, northwind: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppressing, "AT_ONCE", 7)
    addresses = [somebody(f"a{number}") for number in range(30)]
    cloud.suppress(Addresses(addresses=addresses, account=str(northwind.pk)))
    rows = exported(browser(alice, "view_suppression"), list=northwind.pk)
    assert sorted(row[0] for row in rows[1:]) == sorted(addresses)


def test_a_list_that_breaks_off_is_no_file(
    cloud: CloudClient,
    cloud_address: tuple[str, list[str]],
    alice: User,
    northwind: Group,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of a list looks like a list."""
    monkeypatch.setattr(suppressing, "AT_ONCE", 7)
    addresses = [somebody(f"a{number}") for number in range(30)]
    cloud.suppress(Addresses(addresses=addresses, account=str(northwind.pk)))
    url, keys = cloud_address
    losing = CloudClient(url, protocol.Key.parse(keys[0]), transport=Losing(3))
    monkeypatch.setattr(suppressing, "cloud", lambda: losing)
    response = browser(alice).get(EXPORT)
    losing.close()
    assert response.status_code == 503
    assert "could not be asked" in text(response)
    assert "Content-Disposition" not in response


@pytest.mark.usefixtures("no_cloud", "northwind")
def test_where_the_cloud_is_away_no_file_is_begun(alice: User) -> None:
    response = browser(alice).get(EXPORT)
    assert response.status_code == 503
    assert "could not be asked" in text(response)
    assert "Content-Disposition" not in response


def test_a_forged_form_changes_nothing(alice: User, northwind: Group, no_cloud: None) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    for act in ("add", "import", "remove"):
        assert post(client, act, addresses=somebody()).status_code == 403
    assert not SuppressionChange.objects.exists()
