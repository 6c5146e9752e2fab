"""Job Analytics: what it shows in each state, to whom."""

import re
import uuid
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries, Settings

from jobs import control, lifecycle, sentences
from jobs.models import Job, LaunchValue, Notice, Warehouse
from jobs.results import breakdown
from jobs.states import Failure, Wish
from tests.jobs import cast
from tests.jobs.views import standing

QUERIES = 13
MUST_PAUSE = "Pause the Job before cancelling it"


def page(client: Client, job: Job) -> str:
    response = client.get(standing.detail(job))
    assert response.status_code == 200
    return response.content.decode()


def words(text: str) -> str:
    """What a person reads."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text))


def offered(text: str) -> list[str]:
    """What can be chosen in the drop-down, in its order."""
    items = re.findall(r'role="menuitem"[^>]*?(?:value="(\w+)"|href="[^"]*/(cancel)/")', text)
    return [first or second for first, second in items]


def test_bob_sees_the_job_of_his_team(client: Client, job: Job) -> None:
    text = page(client, job)
    assert "Autumn sale" in text
    assert "Launched by alice" in text
    assert "from “Everybody”" in text


def test_charlie_does_not_find_it(charlie: User, job: Job) -> None:
    browser = Client()
    browser.force_login(charlie)
    assert browser.get(standing.detail(job)).status_code == 404


def test_sam_of_support_sees_every_job_and_may_ask(sam: User, job: Job) -> None:
    browser = Client()
    browser.force_login(sam)
    assert offered(page(browser, job)) == ["pause", "cancel"]


def test_it_asks_for_a_login(job: Job) -> None:
    response = Client().get(standing.detail(job))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("login"))


def test_no_job_of_that_id_is_not_found(client: Client) -> None:
    assert client.get(reverse("jobs:detail", args=[uuid.uuid4()])).status_code == 404


def test_initializing_offers_pause_and_cancel(client: Client, job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(extracting=41_250)
    text = page(client, job)
    assert offered(text) == ["pause", "cancel"]
    assert MUST_PAUSE not in text
    assert "Cancelling now contacts nobody." in text
    assert "41,250 extracted so far" in text


def test_no_request_id_is_shown_before_the_cloud_has_accepted_the_job(client: Client, job: Job) -> None:
    for text in (page(client, job), page(client, standing.processing(job))):
        assert "data-copy" not in text
        assert "A Request ID comes once the Cloud has accepted the Job" in text


def test_the_request_id_is_shown_with_a_copy_button(client: Client, job: Job) -> None:
    text = page(client, standing.halfway(job))
    assert 'data-copy="02-request"' in text
    assert text.index("02-request") < text.index('class="stages"')


def test_processing_offers_pause_and_says_that_cancel_needs_it(client: Client, job: Job) -> None:
    text = page(client, standing.halfway(job))
    assert offered(text) == ["pause"]
    assert MUST_PAUSE in text
    assert "The window for an Extraction Cancel has closed." in text
    assert "Cancelling now contacts nobody." not in text


def test_collecting_offers_pause_and_says_until_when(client: Client, job: Job) -> None:
    text = page(client, standing.collecting(job))
    assert offered(text) == ["pause"]
    assert MUST_PAUSE in text
    assert "Results come in until" in text


def test_a_pending_pause_is_told_in_honest_tense_and_can_be_withdrawn(
    client: Client, job: Job, alice: User
) -> None:
    text = page(client, standing.asked(standing.halfway(job), Wish.PAUSE, alice))
    assert re.search(r"Pause asked by alice at \d\d:\d\d, waiting for the Cloud", words(text))
    assert offered(text) == ["resume"]
    assert "state-paused" not in text


def test_paused_says_who_may_still_receive_the_message(client: Client, job: Job, alice: User) -> None:
    text = page(client, standing.paused(job, alice))
    assert offered(text) == ["resume", "cancel"]
    assert "4 are being attempted and may still receive the message." in text
    assert "The reason given: “wrong banner”" in text
    assert "Nobody is being contacted." not in text


def test_paused_with_nobody_in_flight_says_so(client: Client, job: Job, alice: User) -> None:
    text = page(client, standing.paused(job, alice, in_flight=0, delivered=34))
    assert "Nobody is being contacted." in text


def test_paused_while_initializing_says_that_nobody_has_been_contacted(
    client: Client, job: Job, alice: User
) -> None:
    text = page(client, standing.asked(job, Wish.PAUSE, alice))
    assert "Nobody is being contacted." in text
    assert "A resume starts the extraction again from the beginning." in text


def test_completed_offers_nothing(client: Client, job: Job) -> None:
    text = page(client, standing.completed(job))
    assert offered(text) == []
    assert 'id="state-menu"' not in text


def test_what_is_offered_is_what_the_door_offers(client: Client, job: Job, alice: User) -> None:
    changes: list[Callable[[], Job]] = [
        lambda: job,
        lambda: standing.halfway(job),
        lambda: standing.asked(job, Wish.PAUSE, alice),
        lambda: standing.granted(job, **standing.HALFWAY),
        lambda: standing.asked(job, Wish.RESUME, alice),
        lambda: standing.asked(job, Wish.CANCEL, alice),
        lambda: standing.granted(job, **standing.HALFWAY),
    ]
    for change in changes:
        change()
        assert offered(page(client, job)) == [wish.value for wish in control.offers(job)]


def test_an_extraction_cancel_comes_with_its_proof(client: Client, job: Job, alice: User) -> None:
    text = page(client, standing.asked(job, Wish.CANCEL, alice, "wrong audience"))
    assert "alice cancelled the Job before it reached the Cloud. Nobody was contacted." in text
    assert "No Request ID: the Cloud has never accepted this Job" in text
    assert "Never attempted: the extraction had not finished" in text
    assert "Not confirmed yet: it is asked until it answers" in text
    assert "To campaigns@northwind.example: not handed over yet" in text
    Notice.objects.update(outcome=Notice.Outcome.SENT)
    assert "To campaigns@northwind.example: accepted by the mail server" in page(client, job)
    Job.objects.filter(pk=job.pk).update(denied_at=Now())
    told = words(page(client, job))
    assert re.search(r"Asked \d+ \w+, \d\d:\d\d: it knows no such mailing", told)
    assert "Not confirmed yet" not in told


def test_whose_submission_was_never_accepted_is_not_told_that_it_was_never_attempted(
    client: Client, job: Job, alice: User
) -> None:
    standing.granted(standing.asked(standing.processing(job), Wish.PAUSE, alice))
    standing.granted(standing.asked(job, Wish.CANCEL, alice))
    text = page(client, job)
    assert "Never accepted; no record was transferred" in text
    assert "Never attempted" not in text


def test_a_job_cancel_shows_what_was_not_sent(client: Client, job: Job, alice: User) -> None:
    text = page(client, standing.cancelled(job, alice))
    assert "alice cancelled the Job. 34 people had received the message" in text
    assert "People contacted" not in text
    assert 'id="row-not_sent"' in text


@pytest.mark.parametrize("failure", [Failure.AUDIENCE_SQL, Failure.TEMPLATE])
def test_a_failure_says_its_reason_and_sentence(client: Client, job: Job, failure: Failure) -> None:
    lifecycle.fail(job, failure, 'Column "emial" does not exist.')
    text = page(client, job)
    assert f"Reason: {failure.label}" in text
    assert escape('Column "emial" does not exist. Nobody was contacted.') in text


def test_what_it_waits_for_is_said(client: Client, job: Job) -> None:
    standing.processing(job)
    Job.objects.filter(pk=job.pk).update(waiting_for="The Cloud at http://cloud can't be reached.")
    assert escape("The Cloud at http://cloud can't be reached.") in page(client, job)


def test_the_bar_adds_up_and_lists_whom_it_can(client: Client, job: Job) -> None:
    text = page(client, standing.halfway(job))
    widths = [float(width) for width in re.findall(r'</title><rect x="[\d.]+%" width="([\d.]+)%"', text)]
    assert len(widths) == len([segment for segment in breakdown(job).segments if segment.count])
    assert sum(widths) == pytest.approx(100, abs=0.1)
    for name, href in (("bounced", True), ("waiting", False)):
        assert (f'href="recipients/{name}/"' in text) is href
    rows = re.findall(r'<tr id="row-\w+".*?<td>([\d,]+)</td>', text)
    assert sum(int(count.replace(",", "")) for count in rows) == 100
    assert "3 more rows dropped: 1 without id or address, 2 duplicate" in text


def test_the_addresses_of_lists_are_relative_to_the_page(client: Client, job: Job) -> None:
    lists = reverse("jobs:recipients", args=[job.pk, "bounced"])
    assert lists == f"{standing.detail(job)}recipients/bounced/"


def test_no_style_attribute_and_no_comment_is_written(client: Client, job: Job) -> None:
    text = page(client, standing.opened(standing.halfway(job)))
    assert "{#" not in text
    assert not re.search(r"<[^>]*\sstyle=", text)
    assert "<style" not in text


def test_the_ledger_is_told_latest_first(client: Client, job: Job, alice: User, bob: User) -> None:
    standing.paused(job, alice)
    standing.asked(job, Wish.RESUME, bob, "banner is fine")
    text = page(client, job)
    timeline = text[text.index('id="timeline-title"') :]
    order = ["Resume asked", "Paused", "Pause asked", "Extraction finished, now Processing", "Launched"]
    places = [timeline.index(what) for what in order]
    assert places == sorted(places)
    for told in ("banner is fine", "wrong banner", "40 attempted", "waiting for the Cloud", "by bob"):
        assert told in timeline


def test_it_says_how_to_get_help(client: Client, job: Job) -> None:
    text = page(client, standing.halfway(job))
    assert "support@example.com" in text
    assert "giving Request ID 02-request." in text


def test_a_very_large_job_comes_with_advice(client: Client, job: Job, settings: Settings) -> None:
    settings.LARGE_JOB = 99
    assert "This Job has more than 99 records." in page(client, standing.halfway(job))
    assert "before cancelling." in (sentences.large_job(job) or "")


def test_a_job_that_no_campaign_launched_is_shown_all_the_same(client: Client, job: Job) -> None:
    assert getattr(job, "launch", None) is None
    assert reverse("jobs:list") in page(client, job)


def test_the_number_of_queries_is_constant(
    client: Client, job: Job, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    standing.halfway(job)
    standing.asked(job, Wish.PAUSE, alice)
    page(client, job)
    with django_assert_num_queries(QUERIES):
        page(client, job)
    for wish in [Wish.RESUME, Wish.PAUSE] * 4 + [Wish.RESUME]:
        standing.asked(job, wish, alice)
    assert job.asks.count() == 10
    with django_assert_num_queries(QUERIES):
        page(client, job)


def test_content_of_people_is_escaped(client: Client, warehouse: Warehouse, alice: User) -> None:
    hostile = cast.job(warehouse, alice, campaign="<script>alert(1)</script>")
    standing.asked(hostile, Wish.PAUSE, alice, "<img src=x>")
    text = page(client, hostile)
    assert "<script>alert" not in text
    assert "<img" not in text


def test_it_says_which_values_the_job_was_launched_with(
    client: Client, warehouse: Warehouse, alice: User
) -> None:
    value = LaunchValue(name="city", kind="text", value="<Oslo>")
    job = cast.job(warehouse, alice, sql=f"{cast.SQL} -- {{{{ city }}}}", variables=(value,))
    client.force_login(alice)
    assert "with city = &lt;Oslo&gt;" in client.get(job.get_absolute_url()).content.decode()
