"""Everything is paused with one button: every Job that runs, once; and resumed without overriding anybody."""

import uuid
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from jobs import control, pausing
from jobs.models import Ask, GeneralPause, Job, Warehouse
from jobs.pausing import PauseRefused
from jobs.states import State, Wish
from tests.jobs import cast
from tests.jobs.views import standing
from tests.jobs.views.test_detail import page, words

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

URL = "/jobs/pause-everything/"


@pytest.fixture
def jobs(warehouse: Warehouse, alice: User) -> dict[str, Job]:
    """One of each: extracting, being sent, paused by Alice, over."""
    found = {name: cast.job(warehouse, alice, campaign=name) for name in ("early", "sent", "paused", "over")}
    standing.halfway(found["sent"])
    control.ask(found["paused"], Wish.PAUSE, by=alice, seen=0)
    control.ask(found["over"], Wish.CANCEL, by=alice, seen=0)
    return {name: Job.objects.get(pk=job.pk) for name, job in found.items()}


@pytest.fixture
def admin(db: None) -> User:
    """Belongs to no account."""
    person = cast.person("ada")
    person.user_permissions.add(Permission.objects.get(codename="pause_everything"))
    return person


def pause(by: User, token: uuid.UUID | None = None) -> tuple[GeneralPause, int]:
    return pausing.pause(by=by, why=" a wrong price ", token=token or uuid.uuid4())


def state(job: Job) -> str:
    return Job.objects.get(pk=job.pk).state


def test_every_job_that_runs_is_asked(jobs: dict[str, Job], admin: User) -> None:
    assert pausing.running() == {State.INITIALIZING: 1, State.PROCESSING: 1}
    act, count = pause(admin)
    assert count == 2
    assert (act.by, act.why) == (admin, "a wrong price")
    assert state(jobs["early"]) == State.PAUSED  # before the freeze at once
    assert state(jobs["sent"]) == State.PROCESSING  # until the Cloud has confirmed
    waiting = control.pending(jobs["sent"])
    assert waiting is not None
    assert (waiting.wish, waiting.by, waiting.why, waiting.general) == ("pause", admin, "a wrong price", act)
    assert state(jobs["over"]) == State.FAILED
    assert not jobs["paused"].asks.filter(general=act).exists()


def test_the_same_form_again_asks_nobody_twice(jobs: dict[str, Job], admin: User, bob: User) -> None:
    token = uuid.uuid4()
    assert pause(admin, token) == pause(admin, token)
    assert GeneralPause.objects.count() == 1
    assert Ask.objects.filter(general__token=token).count() == 2
    with pytest.raises(PauseRefused, match="has been used"):
        pause(bob, token)


def test_without_a_reason_nothing_is_paused(jobs: dict[str, Job], admin: User) -> None:
    with pytest.raises(PauseRefused, match="Say why"):
        pausing.pause(by=admin, why="  ", token=uuid.uuid4())
    assert not GeneralPause.objects.exists()


def test_a_resume_that_waits_for_the_cloud_is_withdrawn(
    jobs: dict[str, Job], admin: User, alice: User
) -> None:
    job = jobs["sent"]
    job.asks.all().delete()
    Job.objects.filter(pk=job.pk).update(state=State.PAUSED, paused_from=State.PROCESSING)
    control.ask(job, Wish.RESUME, by=alice, seen=job.version)
    pause(admin)
    assert [(ask.wish, ask.outcome) for ask in job.asks.all()] == [
        ("resume", "withdrawn"),
        ("pause", "pending"),
    ]


def test_resuming_them_overrides_nobody(jobs: dict[str, Job], admin: User, alice: User) -> None:
    act, _ = pause(admin)
    early = Job.objects.get(pk=jobs["early"].pk)
    assert pausing.resumable(act) == 2
    # Alice has had a look at one of them meanwhile, and wants it paused herself.
    control.ask(early, Wish.RESUME, by=alice, seen=early.version)
    early.refresh_from_db()
    control.ask(early, Wish.PAUSE, by=alice, seen=early.version)
    assert pausing.resumable(act) == 1
    assert pausing.resume(act, by=admin) == 1
    assert state(early) == State.PAUSED
    assert state(jobs["paused"]) == State.PAUSED
    waiting = control.pending(jobs["sent"])
    assert waiting is not None
    assert (waiting.wish, waiting.general) == ("resume", act)
    act.refresh_from_db()
    assert act.resumed_by == admin
    assert pausing.resume(act, by=admin) == 0


def test_an_extraction_that_is_resumed_begins_anew(jobs: dict[str, Job], admin: User) -> None:
    Job.objects.filter(pk=jobs["early"].pk).update(extracting=77)
    act, _ = pause(admin)
    pausing.resume(act, by=admin)
    early = Job.objects.get(pk=jobs["early"].pk)
    assert (early.state, early.extracting) == (State.INITIALIZING, 0)


# --- the page ---------------------------------------------------------------------------------------------


@pytest.fixture
def browser(admin: User) -> Client:
    browser = Client()
    browser.force_login(admin)
    return browser


def text(response: "Response") -> str:
    return words(response.content.decode())


def test_the_page_says_what_it_means_and_does_it_once(
    jobs: dict[str, Job], browser: Client, alice: User
) -> None:
    shown = browser.get(URL).content.decode()
    assert "Pause 2 Jobs" in words(shown)
    assert "<dt>Initializing</dt><dd>1</dd></div><div><dt>Processing</dt><dd>1</dd>" in shown
    token = shown.partition('name="token" value="')[2].partition('"')[0]
    for _ in range(2):
        answer = browser.post(URL, {"token": token, "why": "<i>a wrong price</i>"})
        assert answer.status_code == 303
    told = browser.get(URL).content.decode()
    assert "Pause asked of 2 Jobs" in words(told)
    assert "Everything paused by ada: 2 Jobs" in words(told)
    assert "<i>a wrong" not in told
    assert "Resume 2 of these" in words(told)
    marketer = Client()
    marketer.force_login(alice)
    assert "Pause asked, with everything else by ada" in words(page(marketer, jobs["sent"]))
    act = GeneralPause.objects.get()
    assert browser.post(URL, {"resume": act.pk}).status_code == 303
    assert "Resume asked of 2 Jobs" in text(browser.get(URL))
    assert "Resumed together by ada" in text(browser.get(URL))


def test_what_is_missing_is_said_and_nothing_typed_is_lost(jobs: dict[str, Job], browser: Client) -> None:
    refused = browser.post(URL, {"token": uuid.uuid4(), "why": " "})
    assert refused.status_code == 409
    assert "Say why" in text(refused)
    assert browser.post(URL, {"why": "x"}).status_code == 400
    assert browser.post(URL, {"resume": "x"}).status_code == 400
    assert browser.post(URL, {"resume": "999"}).status_code == 404
    assert pausing.running().total() == 2


def test_only_who_may_sees_the_button_and_the_page(
    jobs: dict[str, Job], browser: Client, alice: User
) -> None:
    assert 'id="pause-everything"' in browser.get(reverse("jobs:list")).content.decode()
    marketer = Client()
    marketer.force_login(alice)
    assert 'id="pause-everything"' not in marketer.get(reverse("jobs:list")).content.decode()
    assert marketer.get(URL).status_code == 403
    assert marketer.post(URL, {"token": uuid.uuid4(), "why": "x"}).status_code == 403
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(User.objects.get(username="ada"))
    assert careful.post(URL, {"token": uuid.uuid4(), "why": "x"}).status_code == 403
    assert pausing.running().total() == 2
