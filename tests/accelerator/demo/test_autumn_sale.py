"""The demo's message: it compiles, and reads well whoever gets it."""

import json
import re
from html.parser import HTMLParser

import pytest

from accelerator.demo import customers, plans
from accelerator.demo.places import read_places
from accelerator.rendering import Compiled, Rendered, compile_template

URL = "https://cloud.example/u/abc?x=1&y=2"
RECORD: dict[str, object] = {
    "customer_id": "C0000001",
    "first_name": "Chloé",
    "city": "Nîmes",
    "language": "fr",
    "loyalty_tier": "Gold",
    "favourite_category": "Knitwear",
}


@pytest.fixture(scope="module")
def message() -> Compiled:
    return compile_template(**plans.message().model_dump())


def render(message: Compiled, **changes: object) -> Rendered:
    return message.render(RECORD | changes, supplemental=plans.supplemental(), unsubscribe_url=URL)


def test_it_asks_for_nothing_but_what_the_main_audience_selects(message: Compiled) -> None:
    selected = re.search(r"SELECT (.*?)\nFROM", plans.EVERYBODY.sql, re.DOTALL)
    assert selected
    assert message.variables <= set(re.split(r",\s*", selected[1]))


def test_it_renders_for_somebody_of_every_place(message: Compiled) -> None:
    for place in read_places():
        for name in [*place.women.given, *place.men.given]:
            made = render(message, first_name=name.native, city=place.cities[0], language=place.language)
            assert made.subject.endswith(f", {name.native}")
            assert name.native.replace("'", "&#x27;") in made.html
            assert name.native in made.text


def test_every_language_of_the_customers_has_its_greeting() -> None:
    greetings = plans.supplemental()["greetings"]
    assert isinstance(greetings, dict)
    assert {place.language for place in read_places()} <= set(greetings)


@pytest.mark.parametrize("category", customers.CATEGORIES)
def test_every_category_has_three_picks(message: Compiled, category: str) -> None:
    made = render(message, favourite_category=category)
    assert made.text.count("\n* ") == 3
    assert category.lower() in made.subject


def test_somebody_unknown_gets_a_whole_message_too(message: Compiled) -> None:
    made = render(
        message, first_name=None, favourite_category=None, loyalty_tier="Bronze", language="xx", city="Rome"
    )
    assert made.subject == "30% off autumn things until Sunday 29 November, friend"
    assert "Hello,\n" in made.text
    assert "rainwear" in made.text
    assert "member" not in made.html.split("</style>")[1]


def test_both_parts_carry_the_unsubscribe_link(message: Compiled) -> None:
    made = render(message)
    assert URL in made.text
    assert f'href="{URL.replace("&", "&amp;")}"' in made.html.replace("&#x2f;", "/")


def test_data_cannot_write_html(message: Compiled) -> None:
    made = render(message, first_name="<script>x</script>")
    assert "<script>" not in made.html


def test_its_html_is_well_formed_and_loads_nothing(message: Compiled) -> None:
    html = render(message).html
    nesting = _Nesting()
    nesting.feed(html)
    nesting.close()
    assert nesting.open == []
    assert nesting.wrong == []
    assert not re.search(r"<img|<link|src=|url\(|@import|@font-face", html)
    assert len(html.encode()) < 20_000


def test_supplemental_data_stays_small() -> None:
    assert len(json.dumps(plans.supplemental())) < 10_000


class _Nesting(HTMLParser):
    """Which tags are open, and which were closed in the wrong place."""

    VOID = frozenset({"meta", "br", "!doctype"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.wrong.append(tag)
