"""The links that were clicked, named as they are written in the Template, and no click left out."""

import pytest

from jobs.results import links
from tests.jobs.results.test_analytics import job_with, tally


def test_links_are_told_as_written_most_people_first() -> None:
    html = '<a href="https://a.example/?x=1&amp;y=2">a</a> <a href="{{ offer }}">b</a> <a href="#c">c</a>'
    counted = tally(clicks=(12, 7), clicks__1=(3, 3), clicks__0=(6, 2), clicks__7=(2, 2))
    found = links.top(job_with(html=html), counted)
    assert [(link.label, link.total, link.people) for link in found.shown] == [
        ("{{ offer }}", 3, 3),
        ("https://a.example/?x=1&y=2", 6, 2),
        ("Link 7", 2, 2),
    ]
    assert (found.total, found.others) == (12, 1)
    assert sum(link.share for link in found.shown) + found.others_share == pytest.approx(1)


def test_ten_links_at_most_and_the_clicks_of_the_others() -> None:
    each = {f"clicks__{number}": (number, number) for number in range(1, 15)}
    found = links.top(job_with(), tally(clicks=(105, 50), **each))
    assert [link.total for link in found.shown] == list(range(14, 4, -1))
    assert found.others == 1 + 2 + 3 + 4


def test_a_template_that_does_not_compile_has_links_without_names() -> None:
    found = links.top(job_with(html="{% if %}"), tally(clicks=(1, 1), clicks__0=(1, 1)))
    assert found.shown[0].label == "Link 0"
    assert not links.top(job_with(html="{% if %}"), {}).shown
