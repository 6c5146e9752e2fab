"""Links in mails that somebody has altered: none is counted, none leads anywhere, and nobody is unsubscribed.

`test_links.py` and `test_tracking.py` beside this folder alter characters; here it is every byte, and whole pieces.
"""

import base64
import struct
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from accelerator.cloud import complaining, links, tracking
from accelerator.cloud.links import CLICK, OPEN, UNSUBSCRIBE
from accelerator.cloud.models import Intent, LogEntry, Objection, Suppression
from accelerator.protocol import Complaint
from tests.accelerator.cloud.mailings import addresses, send, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)

TARGET = "https://shop.example/sale?from=mail"
EVIL = "https://evil.example/"


def decoded(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture
def tokens(receiver: MailReceiver) -> dict[str, str]:
    """What stands in the links of a mail that Bob was sent, by kind; another mailing was sent too."""
    submit(addresses(2, "other"))
    submit(addresses(2))
    send()
    intent = Intent.objects.get(address_key="ok1@customers.example")
    bob = (intent.batch_id, intent.position)
    urls = {
        OPEN: links.Links(*bob).open_url,
        CLICK: links.Links(*bob).click(0, TARGET),
        UNSUBSCRIBE: links.Links(*bob).unsubscribe_url,
    }
    return {kind: url.rpartition("/")[2] for kind, url in urls.items()}


def refused(kind: str, token: str) -> None:
    """By the method that would do something."""
    method = "POST" if kind == UNSUBSCRIBE else "GET"
    response = Client().generic(method, f"/{kind}/{token}")
    assert response.status_code == 404, (kind, token)
    assert "Location" not in response.headers
    assert b"https://" not in response.content


@pytest.fixture(autouse=True)
def _nothing_came_of_it(request: pytest.FixtureRequest) -> Iterator[None]:
    if "tokens" in request.fixturenames:
        request.getfixturevalue("tokens")
    before = LogEntry.objects.count()
    yield
    assert LogEntry.objects.count() == before
    assert not Suppression.objects.exists()
    assert not Objection.objects.exists()


def test_no_bit_of_a_link_can_be_changed(tokens: dict[str, str]) -> None:
    for kind, token in tokens.items():
        data = decoded(token)
        for at in range(len(data)):
            for bit in range(8):
                refused(kind, encoded(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]))


def test_no_byte_of_a_link_can_be_changed(tokens: dict[str, str]) -> None:
    """Each to each of the other 255; what stands before the page, because they are many."""
    for kind, token in tokens.items():
        data = decoded(token)
        for at in range(len(data)):
            for value in set(range(256)) - {data[at]}:
                with pytest.raises(links.TokenInvalid):
                    links.read(kind, encoded(data[:at] + bytes([value]) + data[at + 1 :]))


def test_no_link_can_be_cut_or_continued(tokens: dict[str, str]) -> None:
    for kind, token in tokens.items():
        data = decoded(token)
        for length in range(len(data)):
            refused(kind, encoded(data[:length]))
            refused(kind, encoded(data[length:]) if length else "A")
        for more in (b"\0", b"x", data, data[-16:], b"/../x"):
            refused(kind, encoded(data + more))
            refused(kind, encoded(more + data))
            refused(kind, encoded(data[:-16] + more + data[-16:]))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "padded": lambda token: token + "=" * (-len(token) % 4 or 4),
    "in the other alphabet": lambda token: base64.b64encode(decoded(token)).decode().rstrip("=") + "+",
    "in hex": lambda token: decoded(token).hex(),
    "in base32": lambda token: base64.b32encode(decoded(token)).decode().rstrip("="),
    "in other letters": str.swapcase,
    "twice": lambda token: encoded(token.encode()),
    "with a line break": lambda token: token[:9] + "%0A" + token[9:],
    "with a space": lambda token: token + "%20",
    "with a NUL": lambda token: token + "%00",
    "with other bits at its end": lambda token: token[:-1] + chr(ord(token[-1]) + 1),
    "of wide letters": lambda token: "".join(chr(ord(letter) + 0xFEE0) for letter in token),
    "with a slash": lambda token: token + "/",
    "with a path": lambda token: token + "/../" + token,
    "in a matrix": lambda token: token + ";x=1",
}


def test_no_link_has_another_spelling(tokens: dict[str, str]) -> None:
    for spell in SPELLINGS.values():
        for kind, token in tokens.items():
            assert spell(token) != token
            refused(kind, spell(token))


def test_no_link_passes_for_another_kind(tokens: dict[str, str]) -> None:
    for kind, token in tokens.items():
        for other in {OPEN, CLICK, UNSUBSCRIBE} - {kind}:
            refused(other, token)
            refused(
                other, encoded(decoded(token)[: links.REFERENCE.size] + decoded(tokens[other])[-16:] + b"x")
            )


def test_no_piece_of_a_link_fits_another(tokens: dict[str, str]) -> None:
    """Somebody else's reference, key or signature: from another recipient, and from another mailing."""
    for intent in Intent.objects.exclude(address_key="ok1@customers.example"):
        theirs = decoded(links.Links(intent.batch_id, intent.position).open_url.rpartition("/")[2])
        for kind, token in tokens.items():
            ours = decoded(token)
            refused(kind, encoded(theirs[: links.REFERENCE.size] + ours[links.REFERENCE.size :]))
            refused(kind, encoded(ours[:-16] + theirs[-16:]))
    for key in (0, 2, 255):
        for kind, token in tokens.items():
            refused(kind, encoded(bytes([key]) + decoded(token)[1:]))


TARGETS = (
    EVIL,
    "//evil.example/",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "https://shop.example@evil.example/",
    "https://evil.example/\r\nSet-Cookie: a=b",
    f"{TARGET}&next={EVIL}",
    TARGET.removesuffix("mail"),
    "",
    "https://shop.example/" + "a" * 60_000,
)


def test_no_click_can_be_made_to_lead_elsewhere(tokens: dict[str, str]) -> None:
    data = decoded(tokens[CLICK])
    head, mac = data[: links.REFERENCE.size + links.NUMBER.size], data[-16:]
    for target in TARGETS:
        refused(CLICK, encoded(head + target.encode() + mac))
        # Nor by whoever reads this source, but not the database: no key is not the key.
        forged = links._mac(CLICK, head + target.encode(), b"")
        refused(CLICK, encoded(head + target.encode() + forged))


def test_what_stands_behind_a_click_leads_nowhere(tokens: dict[str, str]) -> None:
    """What a request says beside the token, where other redirectors look for a target."""
    asked = {"url": EVIL, "next": EVIL, "r": EVIL, "to": EVIL}
    headers = {
        "Host": "localhost",
        "Referer": EVIL,
        "X-Forwarded-Host": "evil.example",
        "X-Original-URL": EVIL,
    }
    assert Client().get(f"/c/{tokens[CLICK][:-1]}", asked, headers=headers).status_code == 404
    assert "evil" not in Client().get(f"/u/{tokens[UNSUBSCRIBE]}", asked, headers=headers).content.decode()


@pytest.mark.parametrize(
    "target",
    ["javascript:alert(1)", " javascript:x", "data:text/html,x", "vbscript:x", "https:evil", "http:\\\\x"],
)
def test_what_is_no_page_of_the_web_is_not_signed(target: str) -> None:
    assert links.Links(1, 0).click(0, target) == target


@hypothesis(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_wherever_a_click_leads_it_is_one_line_and_a_page_of_the_web(rest: str) -> None:
    for scheme in ("https://", "\x00\x1f HTTP://"):
        location = tracking.location(scheme + rest)
        assert location.isascii()
        assert location.isprintable()
        assert location.lower().startswith(("https://", "http://"))
        assert not set(location) & set('\r\n\0 <>"')


@hypothesis(deadline=None)
@given(st.sampled_from([OPEN, CLICK, UNSUBSCRIBE]), st.binary(max_size=200))
def test_nobody_finds_a_link_by_guessing(kind: str, data: bytes) -> None:
    with pytest.raises(links.TokenInvalid):
        links.read(kind, encoded(data))
    with pytest.raises(links.TokenInvalid):
        links.read(kind, encoded(struct.pack(">BQI", links.CURRENT_KEY, 1, 0) + data))


def test_huge_links_are_nobodys() -> None:
    for size in (10_000, 100_000, 1_000_000):
        for kind in (OPEN, CLICK, UNSUBSCRIBE):
            refused(kind, "A" * size)


def test_links_of_other_letters_are_nobodys() -> None:
    for token in ("%FF%FE", "%E2%80%AE", "é", "%C3%A9", "💩", ".", "..", "%2e%2e", "%252e", "'--", "%00"):
        for kind in (OPEN, CLICK, UNSUBSCRIBE):
            refused(kind, token)


def test_looking_at_the_page_of_an_unsubscribe_link_changes_nothing(tokens: dict[str, str]) -> None:
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        response = Client().generic(method, f"/u/{tokens[UNSUBSCRIBE]}", b"List-Unsubscribe=One-Click")
        assert response.status_code == (200 if method in ("GET", "HEAD") else 405)
    forms = Client().get(f"/u/{tokens[UNSUBSCRIBE]}?List-Unsubscribe=One-Click&confirm=1")
    assert forms.status_code == 200


def test_a_complaint_by_an_altered_link_is_nobodys(tokens: dict[str, str]) -> None:
    for kind, token in tokens.items():
        for altered in (token[:-2], token + "AA", "B" + token[1:], token[1:], EVIL):
            with pytest.raises(complaining.ComplaintUnknown):
                complaining.complain([Complaint(link=f"http://localhost:8001/{kind}/{altered}")])
