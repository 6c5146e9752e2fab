"""Visits over HTTP: what is asked, with which body, and over which connection."""

import socket
from collections.abc import Iterator

import pytest

from accelerator.demo.receiver.acting import Act, Deed, Way
from accelerator.demo.receiver.visiting import Unanswered, Visitor
from tests.accelerator.demo.receiver.conftest import Sender


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    made = Visitor()
    yield made
    made.close()


def deed(url: str, way: Way = Way.GET) -> Deed:
    return Deed(0, Act.OPEN, way, url, "Somebody/1.0")


def test_one_click_is_a_post_with_the_body_that_rfc_8058_asks_for(visitor: Visitor, sender: Sender) -> None:
    assert visitor.visit(deed(f"{sender.url}/u/1", Way.ONE_CLICK)) == 200
    [visit] = sender.visits
    assert (visit.method, visit.path, visit.agent) == ("POST", "/u/1", "Somebody/1.0")
    assert visit.body == "List-Unsubscribe=One-Click"
    assert visit.kind == "application/x-www-form-urlencoded"


def test_the_page_s_form_is_filled_in(visitor: Visitor, sender: Sender) -> None:
    sender.page = (
        b'<input name="before" value="x"><form METHOD="POST" action="/u/1?go=1"><input type=hidden name=a value=1>'
        b'<button name="sure" value="yes &amp; no">Go</button></form><form method="post" action="/other"></form>'
    )
    assert visitor.visit(deed(f"{sender.url}/u/1", Way.FORM)) == 200
    got, posted = sender.visits
    assert (got.method, got.path) == ("GET", "/u/1")
    assert (posted.method, posted.path, posted.body) == ("POST", "/u/1?go=1", "a=1&sure=yes+%26+no")


@pytest.mark.parametrize(
    "page",
    [
        b"<p>no form</p>",
        b'<form action="/u/1"></form>',
        b'<form method="post" action="http://www.shop.example/"></form>',
        b'<form method="post" action="javascript:go()"></form>',
        b'<form method="post" action="http://[/"></form>',
        b'<![klingon[ <form method="post"></form>',
        b"\xff\xfe",
    ],
)
def test_a_page_without_a_form_of_its_own_is_no_answer(visitor: Visitor, sender: Sender, page: bytes) -> None:
    sender.page = page
    with pytest.raises(Unanswered, match="no form"):
        visitor.visit(deed(f"{sender.url}/u/1", Way.FORM))
    assert sender.asked("POST") == []


def test_a_page_that_fails_is_not_filled_in(visitor: Visitor, sender: Sender) -> None:
    sender.failures.append(503)
    assert visitor.visit(deed(f"{sender.url}/u/1", Way.FORM)) == 503
    assert len(sender.visits) == 1


def test_a_redirect_is_not_followed(visitor: Visitor, sender: Sender) -> None:
    sender.leads_to = f"{sender.url}/landing"
    assert visitor.visit(deed(f"{sender.url}/c/1")) == 302
    assert sender.asked() == ["/c/1"]


def test_a_connection_is_kept_whatever_is_asked(visitor: Visitor, sender: Sender) -> None:
    for path, way in (("/o/1", Way.GET), ("/c/1", Way.HEAD), ("/c/2", Way.GET), ("/u/1", Way.FORM)):
        visitor.visit(deed(sender.url + path, way))
    assert [visit.method for visit in sender.visits] == ["GET", "HEAD", "GET", "GET", "POST"]
    assert len({visit.line for visit in sender.visits}) == 1


def test_where_nobody_listens_there_is_no_answer(visitor: Visitor) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(Unanswered, match="refused"):
            visitor.visit(deed(f"http://127.0.0.1:{bound.getsockname()[1]}/o/1"))
