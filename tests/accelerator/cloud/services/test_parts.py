"""What was composed and taken apart again is what was meant."""

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator.cloud import composing
from accelerator.cloud.services import parts
from accelerator.protocol import Sender
from accelerator.rendering import Rendered

DATE = "Thu, 26 Nov 2026 12:00:00 +0000"
# What templates and profiles may hold; a header has no controls (the Cloud takes line breaks out before).
WORDS = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Zs"), blacklist_characters="\x85")
)
TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc"), whitelist_characters="\n\t"), max_size=2000)


def composed(sender: Sender, subject: str = "News", text: str = "t", html: str = "<p>h</p>") -> bytes:
    skeleton = composing.compile_skeleton(uuid.UUID(int=1), sender, b"secret")
    rendered = Rendered.of(subject=subject, html=html, text=text)
    return composing.compose(
        skeleton,
        rendered,
        to="ann@customers.example",
        message_id="<1@shop.example>",
        unsubscribe_url="https://links.example/u/abc",
        date=DATE,
        eight_bit=True,
    )


def taken_apart(data: bytes) -> Any:
    return parts.mail(data, "ann@customers.example", headers={"X-PM-KeepID": "true"}, track_opens=False)


@given(text=TEXT, html=TEXT)
def test_texts_come_through(text: str, html: str) -> None:
    mail = taken_apart(composed(Sender(from_name="", from_address="a@b.example"), text=text, html=html))
    if html.strip() and text.strip():
        assert (mail.body, [tuple(one) for one in mail.alternatives]) == (text, [(html, "text/html")])
    elif html.strip():
        assert (mail.body, mail.content_subtype) == (html, "html")
    else:
        assert (mail.body, mail.alternatives) == (text, [])


@given(words=st.lists(WORDS.filter(bool), min_size=1, max_size=40))
def test_subjects_come_through(words: list[str]) -> None:
    subject = " ".join(words)
    mail = taken_apart(composed(Sender(from_name="", from_address="a@b.example"), subject=subject))
    assert mail.subject == subject


@pytest.mark.parametrize(
    "name", ["Shop", 'The "Shop", Inc.', "Zoë <x@y.example>", "Läden; alle: (gut) \\ besser", "a" * 180]
)
def test_a_name_stays_one_name(name: str) -> None:
    from anymail.utils import parse_address_list

    mail = taken_apart(
        composed(Sender(from_name=name, from_address="news@shop.example", reply_to="r@b.example"))
    )
    [address] = parse_address_list([mail.from_email])
    assert (address.display_name, address.addr_spec) == (name, "news@shop.example")
    assert mail.reply_to == ["r@b.example"]


def test_headers_are_ours_and_those_of_the_service() -> None:
    mail = taken_apart(composed(Sender(from_name="", from_address="a@b.example")))
    assert mail.extra_headers == {
        "Message-ID": "<1@shop.example>",
        "List-Unsubscribe": "<https://links.example/u/abc>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "X-PM-KeepID": "true",
    }
    assert (mail.to, mail.cc, mail.bcc) == (["ann@customers.example"], [], [])
    assert mail.track_opens is False
