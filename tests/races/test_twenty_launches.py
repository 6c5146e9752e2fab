"""One form is one Job, through HTTP: twenty sockets at once, a double click, a reload, two people, two campaigns."""

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Campaign, Launch
from jobs import control, steps
from jobs.models import Job, Transition
from jobs.states import State, Wish
from tests.campaigns import cast as planned
from tests.jobs import cast
from tests.jobs.cast import account, customers, person

COPIES = 20


@dataclass
class Browser:
    """Somebody logged in, who can open as many sockets as they like."""

    user: User
    address: str
    session: str

    def post(self, campaign: Campaign, token: object, ready: Callable[[], object] = lambda: None) -> "Answer":
        """Send the form of a launch on a socket of its own, once it is connected and the others are `ready`."""
        csrf = "c" * 32
        connection = HTTPConnection(self.address, timeout=60)
        try:
            connection.connect()
            ready()
            connection.request(
                "POST",
                f"/campaigns/{campaign.pk}/launch/",
                urlencode({"token": str(token), "csrfmiddlewaretoken": csrf}),
                {
                    "Content-Type": "application/x-www-form-urlencoded",
                    "Cookie": f"accelerator_session={self.session}; accelerator_csrf={csrf}",
                },
            )
            response = connection.getresponse()
            return Answer(response.status, response.headers.get("Location", ""), response.read().decode())
        finally:
            connection.close()


@dataclass(frozen=True)
class Answer:
    """What a browser got."""

    status: int
    place: str
    page: str


@pytest.fixture
def alice(transactional_db: None) -> User:
    return person("alice", account())


@pytest.fixture
def campaign(alice: User, tmp_path: Path) -> Campaign:
    audience = planned.audience(customers(tmp_path / "shop.duckdb", [(1, "ann@example.com", "Ann")]))
    return planned.campaign(audience=audience, template=planned.template(), sending_profile=planned.profile())


Visit = Callable[[User], Browser]
# Sends a form, once it has called what it is given.
Press = Callable[[Callable[[], object]], Answer]


@pytest.fixture
def visit(live_server: LiveServer) -> Visit:
    """Logs somebody in."""

    def visit(user: User) -> Browser:
        client = Client()
        client.force_login(user)
        return Browser(user, urlsplit(live_server.url).netloc, client.cookies["accelerator_session"].value)

    return visit


def at_once(presses: Sequence[Press]) -> list[Answer]:
    """All of them, each on a socket of its own, from the same moment on."""
    together = threading.Barrier(len(presses))
    answers: list[Answer] = []

    def press(one: Press) -> None:
        answers.append(one(lambda: together.wait(30)))

    threads = [threading.Thread(target=press, args=(one,)) for one in presses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == len(presses)
    return answers


def job_of(answers: Sequence[Answer]) -> Job:
    """The one Job that all were led to, launched once."""
    job = Job.objects.get()
    assert {(answer.status, answer.place) for answer in answers} == {(303, job.get_absolute_url())}
    assert Launch.objects.count() == 1
    assert Transition.objects.count() == 1
    assert job.steps.count() == 1
    return job


def test_twenty_sockets_with_one_form_are_one_job(visit: Visit, campaign: Campaign, alice: User) -> None:
    browser, token = visit(alice), uuid.uuid4()
    job_of(at_once([partial(browser.post, campaign, token)] * COPIES))


def test_a_double_click_is_one_job_every_time(visit: Visit, campaign: Campaign, alice: User) -> None:
    browser = visit(alice)
    for _ in range(10):
        Launch.objects.all().delete()
        Job.objects.all().delete()
        token = uuid.uuid4()
        job_of(at_once([partial(browser.post, campaign, token)] * 2))


def test_a_reload_leads_to_the_same_job_wherever_it_stands(
    visit: Visit, campaign: Campaign, alice: User
) -> None:
    browser, token = visit(alice), uuid.uuid4()
    job = job_of([browser.post(campaign, token)])
    steps.run(cast.step(job, "initializing").pk)
    assert browser.post(campaign, token).place == job.get_absolute_url()
    job.refresh_from_db()
    assert job.state == State.PROCESSING
    # Whatever became of the campaign meanwhile.
    Campaign.objects.update(notification_address="")
    assert browser.post(campaign, token).place == job.get_absolute_url()
    assert Job.objects.count() == 1


def test_the_form_of_a_deleted_job_launches_no_second_one(
    visit: Visit, campaign: Campaign, alice: User
) -> None:
    browser, token = visit(alice), uuid.uuid4()
    job = job_of([browser.post(campaign, token)])
    control.ask(job, Wish.CANCEL, by=alice, seen=0)
    control.delete(job, by=alice)
    answers = at_once([partial(browser.post, campaign, token)] * COPIES)
    assert {answer.status for answer in answers} == {409}
    assert all("Press Launch again" in answer.page for answer in answers)
    assert Job.objects.count() == 1


def test_two_people_with_one_form_are_one_job_and_somebody_elses_copy_finds_nothing(
    visit: Visit, campaign: Campaign, alice: User
) -> None:
    team = [visit(alice), visit(person("bob", account()))]
    charlie, token = visit(person("charlie", account("Contoso"))), uuid.uuid4()
    strangers: list[Answer] = []

    def stranger(ready: Callable[[], object]) -> Answer:
        strangers.append(charlie.post(campaign, token, ready))
        return strangers[0]

    presses = [partial(browser.post, campaign, token) for browser in team * (COPIES // 2)]
    answers = at_once([*presses, stranger])
    assert [answer.status for answer in strangers] == [404]
    job_of([answer for answer in answers if answer is not strangers[0]])


def test_two_people_with_a_form_each_are_two_jobs(visit: Visit, campaign: Campaign, alice: User) -> None:
    """Twenty forms are twenty launches that somebody confirmed: none is lost."""
    people = [visit(alice), visit(person("bob", account()))] * (COPIES // 2)
    answers = at_once([partial(browser.post, campaign, uuid.uuid4()) for browser in people])
    assert {answer.status for answer in answers} == {303}
    assert (
        len({answer.place for answer in answers}) == Job.objects.count() == Launch.objects.count() == COPIES
    )
    assert {launch.by.username for launch in Launch.objects.select_related("by")} == {"alice", "bob"}


def test_one_form_at_two_campaigns_is_one_job_and_a_refusal_in_words(
    visit: Visit, campaign: Campaign, alice: User
) -> None:
    browser, token = visit(alice), uuid.uuid4()
    other = planned.campaign(
        name="Winter sale",
        audience=campaign.audience,
        template=campaign.template,
        sending_profile=campaign.sending_profile,
    )
    answers = at_once([partial(browser.post, one, token) for one in (campaign, other) * 5])
    launch = Launch.objects.get()
    assert Job.objects.count() == 1
    assert launch.job is not None
    led = [answer for answer in answers if answer.status == 303]
    assert {answer.place for answer in led} == {launch.job.get_absolute_url()}
    refused = [answer for answer in answers if answer.status != 303]
    assert {answer.status for answer in refused} == {409}
    assert all("This form belongs to another campaign" in answer.page for answer in refused)
