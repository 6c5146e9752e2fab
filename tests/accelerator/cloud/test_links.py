"""Tokens: nobody but the Cloud can write one, none passes for another, and what was sent once is valid for good."""

import base64
import hashlib
import hmac
import struct

import pytest
from django.conf import LazySettings
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from accelerator.cloud import links
from accelerator.cloud.links import CLICK, OPEN, UNSUBSCRIBE, Reading, TokenInvalid
from accelerator.cloud.models import LinkKey

pytestmark = pytest.mark.django_db

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SENT = "AQAAAAAAAAAHAAAAA0cnXpBj4bYZ5N5pYNOLGfD4AAAABWh0dHBzOi8vc2hvcC5leGFtcGxlLxSHDkkR5f9WxGcb3yGhi88"
TARGET = "https://shop.example/sale?from=mail&to=Zoë#top"


def token(url: str) -> str:
    return url.rpartition("/")[2]


def tokens() -> dict[str, str]:
    return {
        OPEN: token(links.Links(7, 3).open_url),
        CLICK: token(links.Links(7, 3).click(5, TARGET)),
        UNSUBSCRIBE: token(links.Links(7, 3).unsubscribe_url),
    }


def test_each_says_what_was_put_into_it() -> None:
    written = tokens()
    assert links.read(OPEN, written[OPEN]) == Reading(7, 3)
    assert links.read(UNSUBSCRIBE, written[UNSUBSCRIBE]) == Reading(7, 3)
    assert links.read(CLICK, written[CLICK]) == Reading(7, 3, 5, TARGET)
    assert links.Links(7, 3).open_url.startswith("http://localhost:8001/o/")


def test_each_is_one_segment_of_a_path_that_needs_no_escaping() -> None:
    for written in tokens().values():
        assert set(written) <= set(ALPHABET)


def test_none_passes_for_another_kind() -> None:
    for kind, written in tokens().items():
        for other in {OPEN, CLICK, UNSUBSCRIBE} - {kind}:
            with pytest.raises(TokenInvalid):
                links.read(other, written)


def test_a_click_cannot_be_cut_down_to_another_kind() -> None:
    data = base64.urlsafe_b64decode(tokens()[CLICK] + "==")
    for length in range(len(data)):
        shorter = base64.urlsafe_b64encode(data[:length]).rstrip(b"=").decode()
        for kind in (OPEN, CLICK, UNSUBSCRIBE):
            with pytest.raises(TokenInvalid):
                links.read(kind, shorter)


def test_one_with_any_character_changed_is_nobodys() -> None:
    for kind, written in tokens().items():
        for at, character in enumerate(written):
            for other in ALPHABET:
                if other != character:
                    with pytest.raises(TokenInvalid):
                        links.read(kind, written[:at] + other + written[at + 1 :])


@pytest.mark.parametrize("change", ["{}=", "{}A", "{}.", " {}", "{}\n", "{}%20", "=", "", "é", "A" * 5_000])
def test_there_is_one_spelling_of_each(change: str) -> None:
    for kind, written in tokens().items():
        with pytest.raises(TokenInvalid):
            links.read(kind, change.format(written))


def test_one_of_a_key_that_we_never_had_is_nobodys() -> None:
    reference = struct.pack(">BQI", 9, 7, 3)
    forged = hmac.digest(b"", b"unsubscribe" + reference, "sha256")[:16]
    with pytest.raises(TokenInvalid):
        links.read(UNSUBSCRIBE, base64.urlsafe_b64encode(reference + forged).rstrip(b"=").decode())


def test_unsubscribe_links_that_were_sent_before_there_were_others_go_on_working() -> None:
    LinkKey.objects.create(id=1, secret=b"k" * 32)
    assert links.read(UNSUBSCRIBE, "AQAAAAAAAAABAAAAAqWtuBefU3t9eVgJ2HnNBtc") == Reading(1, 2)


def test_links_of_an_older_key_are_read_by_it() -> None:
    LinkKey.objects.create(id=2, secret=b"o" * 32)
    said = struct.pack(">BQI", 2, 7, 3)
    mac = hashlib.blake2b(said, key=b"o" * 32, person=b"o", digest_size=16).digest()
    assert links.read(OPEN, base64.urlsafe_b64encode(said + mac).rstrip(b"=").decode()) == Reading(7, 3)


def test_clicks_of_before_they_had_two_parts_are_read_as_ever() -> None:
    LinkKey.objects.create(id=2, secret=b"o" * 32)
    said = struct.pack(">BQII", 2, 7, 3, 5) + TARGET.encode()
    mac = hashlib.blake2b(said, key=b"o" * 32, person=b"c", digest_size=16).digest()
    written = base64.urlsafe_b64encode(said + mac).rstrip(b"=").decode()
    assert links.read(CLICK, written) == Reading(7, 3, 5, TARGET)
    with pytest.raises(TokenInvalid):
        links.read(CLICK, written[:-1] + ("A" if written[-1] != "A" else "B"))


def test_a_click_that_was_sent_is_valid_for_good() -> None:
    LinkKey.objects.create(id=1, secret=b"k" * 32)
    assert token(links.Links(7, 3).click(5, "https://shop.example/")) == SENT
    assert links.read(CLICK, SENT) == Reading(7, 3, 5, "https://shop.example/")


def test_whom_a_click_names_is_put_together_with_where_another_of_its_batch_leads_and_no_other() -> None:
    """All that somebody can make of links they have: their own click on what stood in another's mail of the mailing."""
    own, other = links.Links(7, 3), links.Links(7, 4)
    elsewhere = links.Links(8, 3)
    mine, theirs, strange = (token(one.click(5, TARGET)) for one in (own, other, elsewhere))
    assert mine[:40] != theirs[:40]
    assert mine[40:] == theirs[40:] != strange[40:]
    for mixed in (mine[:40] + strange[40:], strange[:40] + mine[40:]):
        with pytest.raises(TokenInvalid):
            links.read(CLICK, mixed)


@hypothesis(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300), st.integers(0, 2**31 - 1))
def test_a_click_carries_any_url(rest: str, number: int) -> None:
    written = links.Links(2**63 - 1, 2**31 - 1).click(number, f"https://{rest}")
    read = links.read(CLICK, token(written))
    assert read == Reading(2**63 - 1, 2**31 - 1, number, f"https://{rest}")


@pytest.mark.parametrize(
    "url", ["http://x.example", "HTTPS://x.example", " \n https://x.example", "https://é"]
)
def test_links_to_the_web_are_rewritten(url: str) -> None:
    assert links.Links(7, 3).click(0, url).startswith("http://localhost:8001/c/")


@pytest.mark.parametrize(
    "url",
    [
        "mailto:a@b.example",
        "tel:+1",
        "#top",
        "/sale",
        "sale",
        "",
        "//x.example",
        "javascript:alert(1)",
        "ftp://x",
    ],
)
def test_anything_else_stays_as_it_is(url: str) -> None:
    assert links.Links(7, 3).click(0, url) == url


def test_our_own_unsubscribe_link_stays_as_it_is(settings: LazySettings) -> None:
    settings.CLOUD_PUBLIC_URL = "https://cloud.example"
    url = links.Links(7, 3).unsubscribe_url
    assert links.Links(7, 3).click(0, url) == url


def test_a_url_of_2000_characters_is_carried_and_one_that_no_proxy_takes_is_left_alone() -> None:
    long = "https://x.example/?q=" + "é" * 1_979
    assert len(long) == 2_000
    written = links.Links(7, 3).click(0, long)
    assert links.read(CLICK, token(written)).url == long
    assert len(token(written)) < 8_000
    assert links.Links(7, 3).click(0, long * 2) == long * 2
