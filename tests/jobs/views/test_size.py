"""A Job that waits for somebody to confirm its size: the page says so, and a person answers it there."""

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from jobs.models import Job
from jobs.states import State, Wish
from tests.jobs.views import standing
from tests.jobs.views.test_detail import offered, page, words
from tests.jobs.views.test_live import address, poll

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

HTMX = {"HX-Request": "true"}


@pytest.fixture
def waiting(job: Job) -> Job:
    return standing.waiting(job)


def post(client: Client, job: Job, size: object, *, htmx: bool = False) -> "Response":
    url = reverse("jobs:size", args=[job.pk])
    return client.post(url, {"size": size}, headers=HTMX if htmx else {})


def test_the_page_asks_and_says_what_the_choices_are(client: Client, waiting: Job) -> None:
    text = page(client, waiting)
    told = words(text)
    assert (
        "The Audience has 12,480 records; the last size known of it was 1,020, that is +1,124 %. Nobody is contacted "
        "before somebody confirms."
    ) in told
    assert "Go on with 12,480 recipients" in told
    assert "If the size is wrong, cancel the Job" in told
    assert "Waits for somebody to confirm the size" in told
    assert "12,480 extracted, to be confirmed" in told
    assert "so far" not in told
    assert offered(text) == ["pause", "cancel"]
    assert "Cancelling now contacts nobody." in told


@pytest.mark.parametrize(
    ("found", "last", "told"),
    [
        (900, 1_000, "that is \N{MINUS SIGN}10 %."),
        (1_015, 1_000, "that is +1.5 %."),
        (5, 0, "the last size known of it was 0. Nobody"),
        (5, None, "The Audience has 5 records. Nobody"),
    ],
)
def test_the_change_is_told_where_there_is_a_share(
    client: Client, job: Job, found: int, last: int | None, told: str
) -> None:
    assert told in words(page(client, standing.waiting(job, found, last)))


def test_a_size_that_was_confirmed_and_has_changed_again_is_told(
    client: Client, waiting: Job, bob: User
) -> None:
    Job.objects.filter(pk=waiting.pk).update(size_confirmed=9_000, size_confirmed_by=bob)
    assert "Somebody has confirmed 9,000 since, and it has changed again." in words(page(client, waiting))


def test_bob_confirms_without_a_script(client: Client, waiting: Job, bob: User) -> None:
    response = post(client, waiting, 12_480)
    assert response.status_code == 303
    assert response["Location"] == standing.detail(waiting)
    waiting.refresh_from_db()
    assert (waiting.size_confirmed, waiting.size_confirmed_by, waiting.size_found) == (12_480, bob, None)
    text = page(client, waiting)
    assert "12,480 recipients are confirmed." in text
    assert 'id="size"' not in text
    assert "Size confirmed: 12,480 recipients by bob" in words(text)


def test_with_htmx_the_answer_is_the_job_as_it_is_now(client: Client, waiting: Job) -> None:
    text = post(client, waiting, 12_480, htmx=True).content.decode()
    assert "<html" not in text
    for part in ('id="live"', 'id="state"', 'id="record"', 'hx-swap-oob="innerHTML:#messages"'):
        assert part in text
    assert "12,480 recipients are confirmed." in text
    assert 'id="size"' not in text


def test_a_stale_size_is_refused_beside_the_one_of_now(client: Client, waiting: Job) -> None:
    standing.waiting(waiting, 13_000)
    text = post(client, waiting, 12_480, htmx=True).content.decode()
    assert "message-error" in text
    assert "The Audience has 13,000 records now, not 12,480" in text
    assert "Go on with 13,000 recipients" in text
    waiting.refresh_from_db()
    assert waiting.size_confirmed is None


def test_a_double_click_is_no_error(client: Client, waiting: Job) -> None:
    for _ in range(2):
        assert post(client, waiting, 12_480).status_code == 303
    text = page(client, waiting)
    assert "message-error" not in text
    assert words(text).count("Size confirmed") == 1


def test_a_job_that_was_cancelled_meanwhile_says_so(client: Client, waiting: Job, alice: User) -> None:
    standing.asked(waiting, Wish.CANCEL, alice)
    assert post(client, waiting, 12_480).status_code == 303
    text = page(client, waiting)
    assert "The Job is Failed: it does not wait for a confirmation." in text
    assert 'id="size"' not in text


def test_while_it_waits_it_is_paused_and_resumed_as_usual(client: Client, waiting: Job) -> None:
    for wish, state in (("pause", State.PAUSED), ("resume", State.INITIALIZING)):
        waiting.refresh_from_db()
        client.post(standing.asking(waiting), {"wish": wish, "seen": waiting.version})
        waiting.refresh_from_db()
        assert waiting.state == state
        assert 'id="size"' not in page(client, waiting)


@pytest.mark.parametrize("size", ["", "many", "12,480"])
def test_nonsense_is_a_bad_request(client: Client, waiting: Job, size: str) -> None:
    assert post(client, waiting, size).status_code == 400


@pytest.mark.parametrize("size", ["0", "-1", "9" * 40])
def test_another_number_is_refused(client: Client, waiting: Job, size: str) -> None:
    assert post(client, waiting, size).status_code == 303
    waiting.refresh_from_db()
    assert waiting.awaits_confirmation


def test_only_a_post_confirms(client: Client, waiting: Job) -> None:
    assert client.get(reverse("jobs:size", args=[waiting.pk])).status_code == 405


def test_a_post_without_its_token_is_refused(waiting: Job, bob: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(bob)
    assert post(browser, waiting, 12_480).status_code == 403
    waiting.refresh_from_db()
    assert waiting.awaits_confirmation


def test_charlie_confirms_in_vain_and_sam_of_support_may(waiting: Job, charlie: User, sam: User) -> None:
    browser = Client()
    browser.force_login(charlie)
    assert post(browser, waiting, 12_480).status_code == 404
    waiting.refresh_from_db()
    assert waiting.awaits_confirmation
    browser.force_login(sam)
    assert post(browser, waiting, 12_480).status_code == 303
    waiting.refresh_from_db()
    assert waiting.size_confirmed_by == sam


def test_that_it_waits_is_news_to_a_page_that_is_open_and_so_is_that_somebody_confirmed(
    client: Client, job: Job
) -> None:
    url = address(page(client, job))
    standing.waiting(job)
    text = poll(client, url).content.decode()
    for part in (
        'id="size"',
        'id="state"',
        "The Job waits for somebody to confirm the size of its Audience.",
    ):
        assert part in text
    url = address(text)
    assert poll(client, url).status_code == 204
    post(client, job, 12_480)
    text = poll(client, url).content.decode()
    assert "Size confirmed: 12,480 recipients" in text
    assert 'id="size"' not in text


def test_the_list_of_jobs_says_it(client: Client, waiting: Job) -> None:
    assert "12,480 extracted, to be confirmed" in client.get(reverse("jobs:list")).content.decode()
