"""The list of Jobs, and the search in it."""

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from jobs.models import Job, Warehouse
from tests.jobs import cast
from tests.jobs.views import standing

QUERIES = 9
REQUEST_ID = "02-b5qkx7vxw2m5ra3tzc6ybnd4hf"


def page(client: Client, **query: str) -> str:
    response = client.get(reverse("jobs:list"), query)
    assert response.status_code == 200
    return response.content.decode()


def test_it_lists_the_jobs_of_the_team(client: Client, job: Job) -> None:
    standing.halfway(job)
    text = page(client)
    assert standing.detail(job) in text
    assert "state-processing" in text
    assert "alice" in text
    assert "40.0\N{NO-BREAK SPACE}% of 100 attempted" in text


def test_it_says_how_many_opened_and_clicked(
    client: Client, job: Job, warehouse: Warehouse, alice: User
) -> None:
    cast.job(warehouse, alice)
    assert "%" not in page(client)
    standing.opened(standing.collecting(job))
    text = page(client)
    assert '<td data-label="Opened" class="num">49.4\N{NO-BREAK SPACE}%</td>' in text
    assert '<td data-label="Clicked" class="num">9.9\N{NO-BREAK SPACE}%</td>' in text
    assert text.count('<td data-label="Opened" class="num">–</td>') == 1


def test_charlie_sees_none_of_it(charlie: User, job: Job) -> None:
    browser = Client()
    browser.force_login(charlie)
    text = page(browser)
    assert standing.detail(job) not in text
    assert "No Job yet" in text


def test_sam_of_support_sees_every_job(sam: User, job: Job) -> None:
    browser = Client()
    browser.force_login(sam)
    assert standing.detail(job) in page(browser)


def test_it_is_searched_by_request_id_however_it_was_pasted(client: Client, job: Job) -> None:
    standing.processing(job, request_id=REQUEST_ID)
    for wanted in (REQUEST_ID, f"  {REQUEST_ID[:8]} {REQUEST_ID[8:]} ", REQUEST_ID.upper(), REQUEST_ID[:9]):
        assert standing.detail(job) in page(client, q=wanted), wanted
    assert standing.detail(job) not in page(client, q="02-another")


def test_it_is_searched_by_job_id_and_by_campaign(client: Client, job: Job) -> None:
    for wanted in (str(job.pk), job.pk.hex, "autumn", "Autumn  sale"):
        assert standing.detail(job) in page(client, q=wanted), wanted


def test_control_characters_are_not_searched_for(client: Client, job: Job) -> None:
    assert standing.detail(job) in page(client, q="\0aut\0umn\x1b")
    assert standing.detail(job) in page(client, q="\0")


def test_the_search_finds_nothing_of_others(charlie: User, job: Job) -> None:
    browser = Client()
    browser.force_login(charlie)
    text = page(browser, q=str(job.pk))
    assert standing.detail(job) not in text
    assert "No Job is found by" in text


def test_it_comes_in_pages_of_25(client: Client, warehouse: Warehouse, alice: User) -> None:
    jobs = [cast.job(warehouse, alice) for _ in range(26)]
    assert standing.detail(jobs[0]) not in page(client)
    assert standing.detail(jobs[-1]) in page(client)
    assert standing.detail(jobs[0]) in page(client, page="2")
    assert "page=2" in page(client, q="autumn")


def test_the_number_of_queries_is_constant(
    client: Client,
    job: Job,
    warehouse: Warehouse,
    alice: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    page(client)
    with django_assert_num_queries(QUERIES):
        page(client)
    for _ in range(9):
        cast.job(warehouse, alice)
    with django_assert_num_queries(QUERIES):
        page(client)
