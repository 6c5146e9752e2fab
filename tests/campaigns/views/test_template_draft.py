from django.test import Client

from campaigns.models import Audience, Template
from tests.campaigns.cast import words

DRAFT = "/campaigns/templates/draft/"
READING = "/campaigns/templates/reading/"
TYPED = {
    "subject": "Dear {{ first_name }}",
    "html": "<b>{{ first_name }}</b>",
    "text": "{{ unsubscribe_url }}",
}


def test_it_shows_what_is_typed_and_saves_nothing(as_alice: Client, audience: Audience) -> None:
    response = as_alice.post(DRAFT, {**TYPED, "for": f"audience-{audience.pk}", "record": "1"})
    assert response.content == b"<b>Ben</b>"
    assert "sandbox" in response["Content-Security-Policy"]
    assert not Template.objects.exists()


def test_what_does_not_compile_is_a_sentence(as_alice: Client) -> None:
    response = as_alice.post(DRAFT, {**TYPED, "html": "{{ oh"})
    assert response.content.startswith(b"The html of the template does not compile at line 1")


def test_the_reading_of_what_is_typed_is_inbox_line_and_checks(as_alice: Client, audience: Audience) -> None:
    page = words(as_alice.post(READING, {**TYPED, "for": f"audience-{audience.pk}"}))
    assert "Dear Ann" in page
    assert "No unsubscribe link in the HTML" in page


def test_charlie_can_not_read_alices_sample(as_charlie: Client, audience: Audience) -> None:
    for url in (DRAFT, READING):
        assert as_charlie.post(url, {**TYPED, "for": f"audience-{audience.pk}"}).status_code == 404


def test_a_draft_is_posted(as_alice: Client) -> None:
    assert as_alice.get(DRAFT).status_code == 405
    assert as_alice.get(READING).status_code == 405
