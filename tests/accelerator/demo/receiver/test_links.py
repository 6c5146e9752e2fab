"""Which links of a message are found, and that none leads out of this machine."""

from email.policy import SMTP

import pytest

from accelerator.demo.receiver import links
from accelerator.demo.receiver.links import Links
from tests.accelerator.demo.receiver.conftest import campaign_mail

HERE = "http://localhost:8001"


def find(message: bytes, named: str = "") -> Links | None:
    return links.find(message.partition(b"\r\n\r\n")[0] + b"\r\n", message, named)


def mail(url: str = HERE, **options: str) -> bytes:
    return campaign_mail(url, "ann@x.example", **options).as_bytes(policy=SMTP)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "quoted-printable", "base64"])
def test_pixel_clicks_and_unsubscribe_are_found_in_any_encoding(encoding: str) -> None:
    message = mail(encoding=encoding)
    assert f"Content-Transfer-Encoding: {encoding}".encode() in message
    assert find(message) == Links(
        unsubscribe=f"{HERE}/u/1",
        pixel=f"{HERE}/o/1",
        clicks=tuple(f"{HERE}/c/click-1-{number}" for number in range(3)),
    )


def test_long_lines_that_were_folded_hold_the_same_links() -> None:
    token = "t" * 3_000
    message = mail(encoding="quoted-printable", more=f'<a class="x" href="{HERE}/c/{token}">See</a>')
    found = find(message)
    assert found is not None
    assert found.clicks[-1] == f"{HERE}/c/{token}"


def test_the_same_link_twice_is_one_link() -> None:
    found = find(mail(more=f'<a href="{HERE}/c/click-1-0">Again</a>'))
    assert found is not None
    assert len(found.clicks) == 3


def test_links_to_elsewhere_are_none_of_ours() -> None:
    for other in (
        "http://localhost:8002/c/x",
        "https://localhost:8001/c/x",
        "http://localhost:80010/c/x",
        "http://www.shop.example/c/x",
        f"http://www.shop.example/?{HERE}/c/x",
        f"{HERE}/p/x",
        f"{HERE}@www.shop.example/c/x",
    ):
        found = find(mail(more=f'<a href="{other}">See</a>'))
        assert found is not None
        assert len(found.clicks) == 3


@pytest.mark.parametrize(
    "base",
    [
        "http://localhost",
        "http://127.0.0.1:8001",
        "http://127.1.2.3",
        "http://[::1]:8001",
        "https://LocalHost",
    ],
)
def test_this_machine_may_be_visited(base: str) -> None:
    assert find(mail(base)) is not None


@pytest.mark.parametrize(
    "base",
    [
        "https://links.shop.example",
        "http://192.168.1.1",
        "http://localhost.shop.example",
        "http://localhost@shop.example",
        "http://127.0.0.1.shop.example",
        "http://localhost:port",
        "http://0.0.0.0",
        "ftp://localhost",
    ],
)
def test_nothing_else_may(base: str) -> None:
    assert find(mail(base)) is None


def test_one_origin_may_be_named_beside_this_machine() -> None:
    named = links.origin("https://Links.shop.example/")
    assert find(mail("https://links.shop.example"), named) is not None
    assert find(mail("https://links.shop.example:443/track"), named) is not None
    for other in (
        "http://links.shop.example",
        "https://links.shop.example:8443",
        "https://x.links.shop.example",
    ):
        assert find(mail(other), named) is None


@pytest.mark.parametrize(
    "address", ["links.shop.example", "ftp://x.example", "https://", "https://a@x.example"]
)
def test_what_is_no_address_cannot_be_named(address: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        links.origin(address)


def test_the_header_may_be_folded_and_name_a_mail_address_first() -> None:
    message = mail().replace(
        b"List-Unsubscribe: <", b"list-unsubscribe: <mailto:leave@x.example?subject=%3C>,\r\n\t<"
    )
    found = find(message)
    assert found is not None
    assert found.unsubscribe == f"{HERE}/u/1"


def test_without_the_header_it_is_no_campaign_s_message() -> None:
    assert find(mail().replace(b"List-Unsubscribe: ", b"X-Other: ")) is None


def test_text_alone_has_no_pixel_and_nothing_to_click() -> None:
    message = campaign_mail(HERE, "ann@x.example")
    message.clear_content()
    message.set_content(f"See: {HERE}/c/1\n")
    assert find(message.as_bytes(policy=SMTP)) == Links(f"{HERE}/u/1")


def test_malformed_mail_has_few_links_or_none() -> None:
    head = b"List-Unsubscribe: <http://localhost/u/1>\r\n"
    for rest in (
        b"\r\n\xff\xfe",
        b"Content-Transfer-Encoding: base64\r\nContent-Type: text/html\r\n\r\n!!!",
        b"Content-Type: multipart/alternative\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=",
    ):
        assert find(head + rest) == Links("http://localhost/u/1")
