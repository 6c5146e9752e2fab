"""The links in mails: recorded before they are answered, no login, no address in them, and nobody is stranded."""

import email
import email.policy
import html
import logging
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest
from django.conf import LazySettings
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import OperationalError, connection
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from accelerator import protocol, rendering
from accelerator.cloud import events, hits, links, tracking
from accelerator.cloud.hits import keeping
from accelerator.cloud.models import Hit, Intent, LinkKey, LogEntry, Objection, Suppression
from accelerator.protocol import Event, EventKind
from tests.accelerator.cloud.mailings import addresses, counts, send, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
TEMPLATE = protocol.TemplateSource(
    subject="News",
    html='<body><a href="https://shop.example/">shop</a> <a href="https://shop.example/p/1?from=mail&amp;to='
    '{{ first_name }}">this</a> <a href="mailto:help@shop.example">help</a>'
    ' <a href="{{ unsubscribe_url }}">unsubscribe</a></body>',
    text="{{ unsubscribe_url }}",
)


@pytest.fixture
def client() -> Client:
    return Client(headers={"User-Agent": BROWSER})


class Page(HTMLParser):
    """The links and images of a page, as a mail program sees them; `hidden` are links that are not shown."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.hidden: list[str] = []
        self.images: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a":
            found = self.hidden if values.get("style") == "display:none" else self.links
            found.append(values.get("href") or "")
        if tag == "img":
            self.images.append(values.get("src") or "")


def page(receiver: MailReceiver) -> Page:
    """The HTML of the only message."""
    (_, _, content) = receiver.messages[-1]
    message = email.message_from_bytes(content, policy=email.policy.default)
    part = message.get_body(("html",))
    assert part is not None
    return Page(part.get_content())


def path(url: str) -> str:
    assert url.startswith("http://localhost:8001/")
    return url.removeprefix("http://localhost:8001")


def happened(kind: EventKind) -> list[Event]:
    """What the log of the only mailing says of that kind."""
    key = Intent.objects.values_list("mailing_id", flat=True).distinct().get()
    hits.tell(key)
    return [event for event in events.page(key, 0, 1_000).events if event.kind == kind]


@pytest.fixture
def mail(receiver: MailReceiver) -> Page:
    """Bob's, who is the second of the second batch."""
    submit(
        [*addresses(3), "Bob@customers.example"],
        names=["A", "B", "C", "Zoë & <b>"],
        per_batch=2,
        template=TEMPLATE,
    )
    send()
    assert receiver.messages[-1][1] == "Bob@customers.example"
    return page(receiver)


@pytest.fixture
def crowd() -> Iterator[None]:
    """Afterwards the pool is as small as it was: whoever cuts its connections pays for each that is idle."""
    yield
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL has one


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The database takes no more statements, neither from whoever is asked nor from whoever keeps hits."""

    def refuse(*_: object) -> object:
        raise OperationalError("the connection is lost\nDETAIL: Bob@customers.example")

    monkeypatch.setattr(keeping, "insert", refuse)
    with connection.execute_wrapper(refuse):
        yield


@pytest.fixture
def full(settings: LazySettings, tmp_path: Path) -> None:
    """And this host can keep nothing either."""
    (tmp_path / "file").touch()
    settings.HITS = tmp_path / "file" / "hits"


def test_a_mail_has_a_pixel_and_links_of_ours_beside_those_that_are_none(mail: Page) -> None:
    shop, this, help_, unsubscribe = mail.links
    assert re.fullmatch(r"http://localhost:8001/c/[\w-]+", shop)
    assert re.fullmatch(r"http://localhost:8001/c/[\w-]+", this)
    assert help_ == "mailto:help@shop.example"
    assert re.fullmatch(r"http://localhost:8001/u/[\w-]+", unsubscribe)
    (image,) = mail.images
    assert re.fullmatch(r"http://localhost:8001/o/[\w-]+", image)
    (trap,) = mail.hidden
    assert re.fullmatch(r"http://localhost:8001/t/[\w-]+", trap)


def test_without_a_hidden_link_there_is_none(receiver: MailReceiver, settings: LazySettings) -> None:
    settings.HIDDEN_LINK = False
    submit(addresses(1), template=TEMPLATE)
    send()
    assert page(receiver).hidden == []
    assert len(page(receiver).images) == 1


def test_the_links_name_nobody(mail: Page) -> None:
    for url in [*mail.links, *mail.hidden, *mail.images]:
        assert "bob" not in url.lower()
        assert "customers" not in url.lower()


# --- opens ----------------------------------------------------------------------------------------------


def test_the_pixel_says_that_the_mail_was_opened(client: Client, mail: Page) -> None:
    response = client.get(path(mail.images[0]))
    assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
    assert response.content.startswith(b"GIF89a\x01\x00\x01\x00")
    assert "no-store" in response["Cache-Control"]
    (event,) = happened(EventKind.OPEN)
    assert (event.batch, event.record, event.recipient_id) == (1, 1, "3")
    assert (event.machine, event.link) == (False, None)
    client.get(path(mail.images[0]))
    assert len(happened(EventKind.OPEN)) == 2


def test_a_proxy_that_loads_what_nobody_looks_at_is_a_machine(client: Client, mail: Page) -> None:
    client.get(path(mail.images[0]), headers={"User-Agent": "Mozilla/5.0"})
    client.head(path(mail.images[0]))
    assert [event.machine for event in happened(EventKind.OPEN)] == [True, True]


# --- clicks ---------------------------------------------------------------------------------------------


def test_a_click_leads_to_where_the_link_led(client: Client, mail: Page) -> None:
    response = client.get(path(mail.links[1]))
    assert response.status_code == 302
    assert response["Location"] == "https://shop.example/p/1?from=mail&to=Zo%C3%AB%20&%20%3Cb%3E"
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "no-referrer"
    (event,) = happened(EventKind.CLICK)
    assert (event.batch, event.record, event.recipient_id) == (1, 1, "3")
    assert (event.machine, event.link) == (False, 1)


def test_the_number_of_a_click_is_that_of_the_link_in_the_template(client: Client, mail: Page) -> None:
    for url in mail.links[:2]:
        client.get(path(url))
    written = rendering.compile_template(**TEMPLATE.model_dump()).links
    numbers = [event.link for event in happened(EventKind.CLICK)]
    assert [written[number] for number in numbers if number is not None] == [
        "https://shop.example/",
        "https://shop.example/p/1?from=mail&amp;to={{ first_name }}",
    ]


def test_a_scanner_is_led_there_too_and_counts_as_a_machine(client: Client, mail: Page) -> None:
    response = client.head(path(mail.links[0]))
    assert (response.status_code, response["Location"]) == (302, "https://shop.example/")
    assert [event.machine for event in happened(EventKind.CLICK)] == [True]


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://shop.example/?a=1&b=%20%zz#top", "https://shop.example/?a=1&b=%20%zz#top"),
        (" https://shop.example/a b\t\n ", "https://shop.example/a%20b"),
        ("https://shop.example/\r\nSet-Cookie: a=b", "https://shop.example/Set-Cookie:%20a=b"),
        ("https://shop.example/\x00\x1b\x7f\x85\u2028", "https://shop.example/%00%1B%7F%C2%85%E2%80%A8"),
        ("https://bücher.example/é?ü#日", "https://xn--bcher-kva.example/%C3%A9?%C3%BC#%E6%97%A5"),
        ("https://ü:p@bücher.example:8443/", "https://%C3%BC:p@xn--bcher-kva.example:8443/"),
        ("https://💩.example/", "https://%F0%9F%92%A9.example/"),
        ("https://[::1]:8000/", "https://[::1]:8000/"),
        ("https://[nonsense", "https://[nonsense"),
        ('https://shop.example/"<>', "https://shop.example/%22%3C%3E"),
    ],
)
def test_what_a_header_cannot_hold_is_spelled_as_browsers_do(url: str, location: str) -> None:
    assert tracking.location(url) == location


def test_a_line_break_in_a_url_begins_no_header(client: Client, mail: Page) -> None:
    intent = Intent.objects.get(recipient_id="3")
    click = links.Links(intent.batch_id, intent.position).click
    response = client.get(path(click(0, "https://shop.example/\r\nSet-Cookie: a=b\r\n\r\n<script>")))
    assert response.status_code == 302
    assert response["Location"] == "https://shop.example/Set-Cookie:%20a=b%3Cscript%3E"
    assert "Set-Cookie" not in response.headers


def test_any_link_leads_where_a_parser_sees_it_lead_without_rewriting(client: Client, mail: Page) -> None:
    """For any URL, and any values that a record may have."""
    intent = Intent.objects.get(recipient_id="3")
    texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)

    @hypothesis(deadline=None, max_examples=60)
    @given(texts, texts, texts, st.sampled_from("\"'"))
    def check(written: str, one: str, two: str, quote: str) -> None:
        static = html.escape(written).replace("{", "%7B")
        ready = rendering.compile_template(
            subject="s",
            html=f"<a href={quote}https://shop.example/{static}?a={{{{ one }}}}&amp;b={{{{ two }}}}#é{quote}>",
            text="t",
        )
        record = {"one": one, "two": two}
        (plain,) = Page(ready.render(record, supplemental={}, unsubscribe_url="").html).links
        made = ready.render(
            record,
            supplemental={},
            unsubscribe_url="",
            link=links.Links(intent.batch_id, intent.position).click,
            open_pixel_url=links.Links(intent.batch_id, intent.position).open_url,
        )
        (rewritten,) = Page(made.html).links
        location = client.get(path(rewritten))["Location"]
        assert location.isascii()
        assert location.isprintable()
        # What browsers leave out of any URL, and what they encode.
        seen = re.sub("[\t\r\n]", "", plain)
        assert urllib.parse.unquote(location, errors="strict") == urllib.parse.unquote(seen, errors="strict")

    check()


# --- altered links --------------------------------------------------------------------------------------


def test_an_altered_link_leads_nowhere_and_records_nothing(client: Client, mail: Page) -> None:
    before = LogEntry.objects.count()
    for url in (mail.links[1], mail.links[3], mail.images[0], mail.hidden[0]):
        start, token = path(url)[:3], path(url)[3:]
        for at, character in enumerate(token):
            other = "A" if character != "A" else "B"
            for method in (client.get, client.post):
                response = method(f"{start}{token[:at]}{other}{token[at + 1 :]}")
                assert response.status_code in (404, 405)
                assert "Location" not in response
    assert LogEntry.objects.count() == before
    assert not Suppression.objects.exists()


def test_a_link_of_one_kind_does_nothing_at_the_address_of_another(client: Client, mail: Page) -> None:
    before = LogEntry.objects.count()
    for url in (mail.links[1], mail.links[3], mail.images[0], mail.hidden[0]):
        kind, token = path(url)[1], path(url)[3:]
        for other in {"o", "c", "u", "t"} - {kind}:
            assert client.get(f"/{other}/{token}").status_code == 404
            assert client.post(f"/{other}/{token}").status_code in (404, 405)
    assert LogEntry.objects.count() == before
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    "wrong", ["/c/https:evil.example", "/c/x", "/c/é", "/o/x", "/u/x", "/u/é", "/c/" + "A" * 8_000]
)
def test_a_link_that_nobody_wrote_is_a_page_that_says_so(client: Client, wrong: str) -> None:
    response = client.get(wrong)
    assert response.status_code == 404
    assert b"This link is not complete" in response.content
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_a_link_of_ours_that_nobody_is_known_for_strands_nobody(client: Client, mail: Page) -> None:
    """As when this database was restored from a copy that is older than the mail."""
    batch = Intent.objects.get(recipient_id="3").batch_id
    for far in (links.Links(2**63, 0), links.Links(batch, 2**31)):
        assert client.get(path(far.open_url)).status_code == 404
    for nobody in (links.Links(batch, 99), links.Links(2**62, 0)):
        assert client.get(path(nobody.open_url)).status_code == 200
    click = client.get(path(links.Links(batch, 99).click(0, "https://shop.example")))
    assert (click.status_code, click["Location"]) == (302, "https://shop.example")
    for ask in (client.get, client.post):
        assert ask(path(links.Links(batch, 99).unsubscribe_url)).status_code == 503
    Intent.objects.filter(recipient_id="3").update(address_key=None, state="suppressed")
    assert client.get(path(mail.links[1])).status_code == 302
    assert not happened(EventKind.CLICK)
    assert not happened(EventKind.OPEN)
    assert not Hit.objects.filter(told_at=None).exists()


def test_pixels_and_clicks_are_not_posted(client: Client, mail: Page) -> None:
    for url in (mail.images[0], mail.links[0]):
        assert client.post(path(url)).status_code == 405
    assert not happened(EventKind.OPEN)
    assert not happened(EventKind.CLICK)


# --- unsubscribing --------------------------------------------------------------------------------------


def test_one_click_unsubscribes_for_good(client: Client, mail: Page) -> None:
    response = client.post(path(mail.links[3]), {"List-Unsubscribe": "One-Click"})
    assert response.status_code == 200
    suppression = Suppression.objects.get()
    assert (suppression.address_key, suppression.reason) == ("bob@customers.example", "unsubscribed")
    (event,) = happened(EventKind.UNSUBSCRIBE)
    assert (event.batch, event.record, event.recipient_id) == (1, 1, "3")
    mailing = submit(["bob@Customers.example", "ok@a.example"])
    send()
    assert counts(mailing) == {"delivered": 1, "suppressed": 1}
    assert Intent.objects.get(mailing=mailing, state="suppressed").code == "unsubscribed"


def test_the_link_in_the_header_is_the_one_in_the_text_and_in_the_html(
    mail: Page, receiver: MailReceiver
) -> None:
    (_, _, content) = receiver.messages[-1]
    assert f"List-Unsubscribe: <{mail.links[3]}>\r\n".encode() in content
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in content
    assert content.count(mail.links[3].encode()) == 3


def test_unsubscribing_again_is_answered_the_same_and_told_once(client: Client, mail: Page) -> None:
    answers = [client.post(path(mail.links[3])) for _ in range(3)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert len(happened(EventKind.UNSUBSCRIBE)) == 1


def test_it_is_told_of_somebody_too_whose_address_was_on_the_list_already(client: Client, mail: Page) -> None:
    Suppression.objects.create(address_key="bob@customers.example", reason="added")
    client.post(path(mail.links[3]))
    client.post(path(mail.links[3]))
    assert len(happened(EventKind.UNSUBSCRIBE)) == 1


def test_whoever_was_taken_off_the_list_can_unsubscribe_again(client: Client, mail: Page) -> None:
    client.post(path(mail.links[3]))
    Suppression.objects.all().delete()
    client.post(path(mail.links[3]))
    assert Suppression.objects.get().address_key == "bob@customers.example"
    assert len(happened(EventKind.UNSUBSCRIBE)) == 1


def test_many_at_once_are_told_once(mail: Page, crowd: None) -> None:
    barrier, statuses = threading.Barrier(8), []

    def post() -> None:
        barrier.wait(20)
        statuses.append(Client().post(path(mail.links[3])).status_code)
        connection.close()

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert statuses == [200] * 8
    assert len(happened(EventKind.UNSUBSCRIBE)) == 1
    assert Objection.objects.count() == 1


def test_looking_at_the_page_unsubscribes_nobody(client: Client, mail: Page) -> None:
    for method in (client.get, client.head):
        response = method(path(mail.links[3]))
        assert response.status_code == 200
    assert b'<form method="post">' in client.get(path(mail.links[3])).content
    assert not Suppression.objects.exists()
    assert not Objection.objects.exists()
    assert not client.cookies


def test_after_it_the_page_says_so_until_somebody_takes_the_address_off_the_list(
    client: Client, mail: Page
) -> None:
    client.post(path(mail.links[3]))
    assert b'<form method="post">' not in client.get(path(mail.links[3])).content
    Suppression.objects.all().delete()
    assert b'<form method="post">' in client.get(path(mail.links[3])).content


def test_it_works_without_a_csrf_token(mail: Page) -> None:
    assert Client(enforce_csrf_checks=True).post(path(mail.links[3])).status_code == 200


def test_the_page_is_not_kept_indexed_or_framed(client: Client, mail: Page) -> None:
    response = client.get(path(mail.links[3]))
    assert response["X-Robots-Tag"] == "noindex"
    assert "no-store" in response["Cache-Control"]
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert response["Referrer-Policy"] == "no-referrer"


def test_links_outlive_a_new_secret_key_and_a_new_link_key(
    client: Client, mail: Page, settings: LazySettings
) -> None:
    settings.SECRET_KEY = "rotated" * 10
    LinkKey.objects.create(id=2, secret=b"x" * 32)
    links.link_key.cache_clear()
    assert client.get(path(mail.links[0])).status_code == 302
    assert client.post(path(mail.links[3])).status_code == 200


# --- without a database ---------------------------------------------------------------------------------


def test_what_is_done_meanwhile_is_kept(client: Client, mail: Page, away: None) -> None:
    for url, status in ((mail.images[0], 200), (mail.links[1], 302), (mail.hidden[0], 200)):
        assert client.get(path(url)).status_code == status


def test_a_click_is_redirected_whatever_is_wrong(
    client: Client, mail: Page, away: None, full: None, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.get(path(mail.links[1]))
    assert response.status_code == 302
    assert response["Location"].startswith("https://shop.example/p/1?from=mail")
    assert "could not be kept" in caplog.text
    assert "shop.example" not in caplog.text
    assert "Bob@" not in caplog.text


@pytest.mark.parametrize(
    ("where", "method"),
    [
        (lambda mail: mail.images[0], "get"),
        (lambda mail: mail.images[0], "head"),
        (lambda mail: mail.hidden[0], "get"),
        (lambda mail: mail.links[3], "get"),
        (lambda mail: mail.links[3], "post"),
    ],
)
def test_what_cannot_be_kept_is_not_claimed(
    client: Client, mail: Page, where: Callable[[Page], str], method: str, away: None, full: None
) -> None:
    response = getattr(client, method)(path(where(mail)))
    assert response.status_code == 503
    assert response["Retry-After"] == "60"
    assert "no-store" in response["Cache-Control"]


def test_an_unsubscribe_is_recorded_whole_or_not_at_all(client: Client, mail: Page) -> None:
    def full(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if sql.strip().startswith("INSERT INTO cloud_logentry"):
            raise OperationalError("the disk is full")
        return execute(sql, *rest)

    with connection.execute_wrapper(full):
        assert client.post(path(mail.links[3])).status_code == 503
    assert not Suppression.objects.exists()
    assert not Objection.objects.exists()
    assert client.post(path(mail.links[3])).status_code == 200
    assert len(happened(EventKind.UNSUBSCRIBE)) == 1


def test_no_log_line_has_a_link_in_it(client: Client, mail: Page, caplog: pytest.LogCaptureFixture) -> None:
    """A click's has in it where it leads, and that may be a person's name."""
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    urls = [*mail.links[:2], mail.links[3], *mail.images, *mail.hidden]
    for url in urls:
        for method in (client.get, client.post, client.put):
            method(path(url))
            method(path(url)[:-1] + "!")
    assert not any(path(url)[3:40] in caplog.text for url in urls)


# --- a real client and a real server --------------------------------------------------------------------


@pytest.fixture
def server(settings: LazySettings, crowd: None) -> Iterator[None]:
    """The Cloud behind a real server, whose address stands in the links."""
    made = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
    made.set_app(WSGIHandler())
    settings.CLOUD_PUBLIC_URL = f"http://127.0.0.1:{made.server_port}"
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield
    made.shutdown()
    made.server_close()
    thread.join()


def test_fifty_links_of_one_mail_are_followed_one_by_one(receiver: MailReceiver, server: None) -> None:
    targets = [f"https://shop.example/p/{number}?q={'x' * number * 40}&n={number}#é" for number in range(50)]
    assert len(targets[-1]) > 1_900
    anchors = "".join(f'<p><a href="{html.escape(target)}">x</a></p>\n' for target in targets)
    mailing = submit(
        addresses(1),
        template=protocol.TemplateSource(
            subject="s",
            html=f"{anchors}{{% raw %}}<a href='https://raw.example/{{{{ x }}}}'>{{% endraw %}}",
            text="t",
        ),
    )
    send()
    mail = page(receiver)
    assert mail.links.pop() == "https://raw.example/{{ x }}"
    with httpx2.Client(headers={"User-Agent": BROWSER}) as http:
        answers = [http.get(url) for url in mail.links]
        pixel = http.get(mail.images[0])
        looked = http.head(mail.links[7])
    assert [answer.status_code for answer in answers] == [302] * 50
    assert [answer.headers["Location"] for answer in answers] == [
        target[:-1] + "%C3%A9" for target in targets
    ]
    assert (pixel.status_code, pixel.content) == (200, tracking.GIF)
    assert (looked.status_code, looked.content) == (302, b"")
    hits.tell(mailing.key)
    found = events.page(mailing.key, 0, 1_000).events
    clicks = [event for event in found if event.kind == EventKind.CLICK]
    assert [(event.link, event.machine) for event in clicks] == [(number, False) for number in range(50)] + [
        (7, True)
    ]
    assert [event.kind for event in found].count(EventKind.OPEN) == 1
