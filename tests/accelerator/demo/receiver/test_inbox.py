"""The inbox's pages and JSON over HTTP."""

import smtplib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest

from tests.accelerator.demo.conftest import Receiver
from tests.accelerator.demo.receiver.conftest import Sender, campaign_mail, until


@pytest.fixture
def client(receiver: Receiver) -> Iterator[smtplib.SMTP]:
    with receiver.connect() as connected:
        yield connected


def send(
    client: smtplib.SMTP, recipient: str, *, subject: str, html: str = "", campaign: bool = True
) -> None:
    message = EmailMessage()
    message["From"] = '"Heron & Hale" <hello@heronandhale.example>'
    message["To"] = recipient
    message["Subject"] = subject
    if campaign:
        message["List-Unsubscribe"] = "<http://localhost/u/1>"
    message.set_content("In plain words.")
    if html:
        message.add_alternative(html, subtype="html")
    client.send_message(message)


def headers(receiver: Receiver, path: str) -> dict[str, str]:
    with urllib.request.urlopen(receiver.url + path, timeout=30) as answer:  # noqa: S310
        return dict(answer.headers)


def test_it_is_healthy_and_says_that_there_is_no_mail_yet(receiver: Receiver) -> None:
    assert receiver.get("/healthz") == "ok"
    page = receiver.get("/")
    assert "No mail yet" in page
    assert ">demo<" in page


def test_the_list_shows_mail_as_a_mail_client_does(receiver: Receiver, client: smtplib.SMTP) -> None:
    send(client, "ann@heronandhale.example", subject="Grüße <b>", html="<p>Look <i>inside</i> & see</p>")
    (message,) = receiver.wait_for_messages(1)
    assert message["sender"] == "Heron & Hale"
    assert message["preview"] == "Look inside & see"
    page = receiver.get("/")
    assert "Grüße &lt;b&gt;" in page
    assert "Heron &amp; Hale" in page
    assert "to <bdi>ann@heronandhale.example</bdi>" in page


def test_notifications_are_marked_and_can_be_seen_alone(receiver: Receiver, client: smtplib.SMTP) -> None:
    send(client, "ann@heronandhale.example", subject="A campaign")
    send(client, "ben@heronandhale.example", subject="A notification", campaign=False)
    assert [m["notification"] for m in receiver.wait_for_messages(2)] == [True, False]
    page = receiver.get("/?only=notifications")
    assert 'class="mark"' in page
    assert "A campaign" not in page


def test_search_by_recipient_shows_kept_mail_and_what_the_log_knows(
    receiver: Receiver, client: smtplib.SMTP
) -> None:
    send(client, "ann@heronandhale.example", subject="For Ann")
    send(client, "ben@heronandhale.example", subject="For Ben")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(client, "reject1@x.example", subject="For nobody")
    receiver.wait_for_messages(2)
    assert [m["subject"] for m in receiver.wait_for_messages(1, "/api/messages?q=ANN")] == ["For Ann"]
    page = receiver.get("/?q=ann%40heronandhale.example")
    assert "in the receiver's log" in page
    assert "accepted" in page
    assert "550 5.1.1" in receiver.get("/?q=reject1%40x.example")
    assert "does not know this address either" in receiver.get("/?q=nobody%40x.example")


def test_counts_tell_what_became_of_every_recipient(receiver: Receiver, client: smtplib.SMTP) -> None:
    send(client, "ann@heronandhale.example", subject="1")
    for recipient in ("reject1@x.example", "greylist1@x.example"):
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            send(client, recipient, subject="2")
    assert receiver.ask("/api/counts") == {
        "accepted": 1,
        "refused": 2,
        "greylisted": 1,
        "unknown_user": 1,
        "acted": {},
    }


def test_what_people_did_is_one_quiet_line(start: Callable[..., Receiver], sender: Sender) -> None:
    receiver = start("--engagement-minutes", "1")
    assert 'class="acted"' not in receiver.get("/")
    with receiver.connect() as client:
        client.send_message(campaign_mail(sender.url, "clicker@x.example"))
    until(lambda: len(receiver.acted()) == 4)
    page = receiver.get("/?q=clicker%40x.example")
    assert "1 open, 3 clicks, 0 unsubscribes by people;" in page
    assert "0 opens, 0 clicks by machines" in page
    assert page.count("<b>click</b>") == 3


def test_a_message_is_shown_in_a_frame_that_runs_nothing(receiver: Receiver, client: smtplib.SMTP) -> None:
    html = (
        "<html><head><title>x</title></head><body><script>alert(1)</script><a href='/u'>out</a></body></html>"
    )
    send(client, "ann@heronandhale.example", subject="Hello", html=html)
    (message,) = receiver.wait_for_messages(1)
    path = f"/messages/{message['id']}"
    page = receiver.get(path)
    assert "alert(1)" not in page
    assert f'src="{path}/html" sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    policy = headers(receiver, path + "/html")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-popups" in policy
    assert "script" not in policy
    assert '<head><base target="_blank">' in receiver.get(path + "/html")
    assert "In plain words." in receiver.get(path + "?view=text")
    assert "&lt;script&gt;alert(1)" in receiver.get(path + "?view=source")


def test_pages_carry_a_strict_policy_and_load_only_their_own_files(receiver: Receiver) -> None:
    policy = headers(receiver, "/")["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    page = receiver.get("/")
    assert "style=" not in page
    assert headers(receiver, "/inbox.css")["Content-Type"] == "text/css; charset=utf-8"
    assert headers(receiver, "/inbox.js")["Content-Type"] == "text/javascript; charset=utf-8"


def test_an_unchanged_list_is_not_sent_again(receiver: Receiver) -> None:
    etag = headers(receiver, "/")["ETag"]
    request = urllib.request.Request(receiver.url + "/", headers={"If-None-Match": etag})  # noqa: S310
    with pytest.raises(urllib.error.HTTPError, match="304") as answer:
        urllib.request.urlopen(request, timeout=30)  # noqa: S310
    answer.value.close()


def test_older_mail_is_one_link_away(receiver: Receiver, client: smtplib.SMTP) -> None:
    for number in range(60):
        send(client, f"p{number}@heronandhale.example", subject=f"Number {number}")
    receiver.wait_for_messages(11, "/api/messages?q=p5")
    page = receiver.ask("/api/messages")
    older = receiver.wait_for_messages(10, f"/api/messages?before={page['before']}")
    assert [message["subject"] for message in older] == [f"Number {number}" for number in range(9, -1, -1)]
    assert f"/?before={page['before']}" in receiver.get("/")


@pytest.mark.parametrize(
    "path", ["/messages/77", "/messages/77/html", "/api/messages/77", "/nowhere", "/../x"]
)
def test_what_is_not_there_is_404(receiver: Receiver, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404") as answer:
        receiver.get(path)
    answer.value.close()


def test_odd_queries_do_no_harm(receiver: Receiver) -> None:
    for query in (
        "before=abc",
        "before=99999999999999999999",
        "q=%00%27%22%25",
        "only=%F0%9F%98%80",
        "view=",
    ):
        assert receiver.get("/?" + query)


def test_accept_all_refuses_nobody(start: Callable[..., Receiver]) -> None:
    receiver = start("--accept-all")
    with receiver.connect() as client:
        for number in range(400):
            send(client, f"p{number}@fastpost.example", subject="Hello")
    assert receiver.ask("/api/counts") == {"accepted": 400, "refused": 0, "acted": {}}
