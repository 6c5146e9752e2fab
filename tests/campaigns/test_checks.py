from campaigns import checks
from campaigns.models import Audience, Template
from tests.campaigns import cast


def bad(template: Template, audience: Audience | None = None) -> str:
    """The sentences of what is not good."""
    return " ".join(check.sentence for check in checks.read(template, audience, {}).checks if not check.good)


def test_a_good_template_has_nothing_against_it(template: Template, audience: Audience) -> None:
    reading = checks.read(template, audience, {})
    assert (reading.subject, reading.preheader, reading.problem) == ("Hello Ann", "Hello Ann Unsubscribe", "")
    assert [check.good for check in reading.checks] == [True, True, True, True]


def test_the_reading_is_of_the_record_that_is_asked_for(template: Template, audience: Audience) -> None:
    assert checks.read(template, audience, {}, 2).subject == "Hello you"


def test_a_template_that_does_not_compile_is_nothing_but_that(audience: Audience) -> None:
    reading = checks.read(cast.template(subject="{{ oh"), audience, {})
    assert "subject of the template does not compile" in reading.problem
    assert len(reading.checks) == 1


def test_a_variable_that_is_no_column_is_named(audience: Audience) -> None:
    assert '"nick": no such column in the Audience "Everybody".' in bad(
        cast.template(text="{{ nick }}"), audience
    )


def test_recipients_that_it_fails_for_are_counted(audience: Audience) -> None:
    assert "It fails for 1 of 3 sample records." in bad(cast.template(text="{{ first_name }}"), audience)


def test_parts_without_an_unsubscribe_link_are_named(audience: Audience) -> None:
    assert "No unsubscribe link in the text" in bad(cast.template(text="Hello"), audience)
    assert "No unsubscribe link in the HTML and text" in bad(
        cast.template(text="Hello", html="Hello"), audience
    )


def test_images_without_alt_text_are_counted(audience: Audience) -> None:
    html = '<img src="a.png"><img src="b.png" alt=""><p>{{ unsubscribe_url }}</p>'
    assert "1 of 2 images without alt text." in bad(cast.template(html=html), audience)


def test_a_message_that_gmail_cuts_is_told(audience: Audience) -> None:
    assert "Gmail cuts" in bad(cast.template(html="é" * 60_000 + "{{ unsubscribe_url }}"), audience)


def test_an_empty_subject_is_told(audience: Audience) -> None:
    assert "subject is empty" in bad(cast.template(subject="{% if id == 2 %}Hello{% endif %}"), audience)


def test_the_preheader_is_what_an_inbox_shows() -> None:
    html = (
        "<html><head><title>T</title><style>p { color: red }</style></head>"
        "<body><div>Only \u200c\u200c today</div> <p>Dear&nbsp;Ann</p></body></html>"
    )
    assert checks.preheader(html) == "Only today Dear Ann"


def test_html_that_is_not_well_formed_has_a_preheader() -> None:
    assert checks.preheader("</style><p>Hello <b>Ann") == "Hello Ann"
