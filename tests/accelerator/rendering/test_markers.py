"""The links of the HTML: rewritten where the Cloud asks for it, untouched where nobody does."""

import html
import re
import threading
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from accelerator import rendering
from accelerator.rendering import Compiled, RenderError, compile_template, markers

PIXEL = "https://cloud.example/o/token?a=1&b=2"

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=30)


def compiled(source: str) -> Compiled:
    return compile_template(subject="s", html=source, text="t")


def plain(source: str, **record: object) -> str:
    return compiled(source).render(record, supplemental={}, unsubscribe_url="https://cloud.example/u/x").html


def asked(source: str, **record: object) -> list[tuple[int, str]]:
    """What the Cloud is asked about each link, in the order of the rendering."""
    seen: list[tuple[int, str]] = []

    def link(number: int, url: str) -> str:
        seen.append((number, url))
        return f"https://cloud.example/c/{number}"

    compiled(source).render(record, supplemental={}, unsubscribe_url="https://cloud.example/u/x", link=link)
    return seen


def tracked(source: str, **record: object) -> str:
    """The HTML with every link rewritten to what it was."""
    return (
        compiled(source)
        .render(record, supplemental={}, unsubscribe_url="https://cloud.example/u/x", link=lambda _, url: url)
        .html
    )


def attributes(source: str) -> list[list[tuple[str, str | None]]]:
    """Those of each link, as an HTML parser that is not ours sees them."""
    found = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "a":
                found.append(attrs)

    parser = Parser()
    parser.feed(source)
    parser.close()
    return found


def hrefs(source: str) -> list[str | None]:
    return [value for link in attributes(source) for name, value in link if name == "href"]


# --- rewriting ------------------------------------------------------------------------------------------


def test_each_link_is_asked_about_by_its_number_and_its_url() -> None:
    source = '<a href="https://x.example/?a=1&amp;b={{ b }}">x</a><a href="{{ unsubscribe_url }}">u</a>'
    assert compiled(source).links == ("https://x.example/?a=1&amp;b={{ b }}", "{{ unsubscribe_url }}")
    assert asked(source, b="<&\"' é") == [
        (0, "https://x.example/?a=1&b=<&\"' é"),
        (1, "https://cloud.example/u/x"),
    ]


def test_the_answer_is_written_instead() -> None:
    made = compiled('<a class="b" href="https://x.example">x</a>').render(
        {},
        supplemental={},
        unsubscribe_url="",
        link=lambda number, url: f"https://c.example/?n={number}&u={url}",
    )
    assert made.html == '<a class="b" href="https://c.example/?n=0&amp;u=https://x.example">x</a>'


@pytest.mark.parametrize(
    ("source", "numbers"),
    [
        ("{% for n in [1, 2] %}<a href='{{ n }}'>{% endfor %}", [(0, "1"), (0, "2")]),
        (
            "{% macro m(u) %}<a href='{{ u }}'>{% endmacro %}{{ m('1') }}{{ m('2') }}<a href=3>",
            [(0, "1"), (0, "2"), (1, "3")],
        ),
        ("{% set x %}<a href='1&{{ b }}'>{% endset %}{{ x }}", [(0, "1&<>")]),
        ("{% if false %}<a href=1>{% else %}<a href=2>{% endif %}", [(1, "2")]),
        ("{% block b %}<a href=1>{% endblock %}", [(0, "1")]),
        (
            "{% macro m() %}<a href='{{ caller() }}'>{% endmacro %}{% call m() %}1{% endcall %}",
            [(0, "1")],
        ),
        ("{% autoescape false %}<a href='{{ b }}'>{% endautoescape %}", [(0, "<>")]),
        ("<a href='{% set c = 1 %}1'>{{ c }}", [(0, "1")]),
        # Cut in two by a statement, or left in the middle: these stay as they are.
        ("""{% if true %}<a href="1{% if true %}">{% endif %}{% endif %}<a href="2">""", [(0, "2")]),
        ("""{% for n in [1, 2] %}<a href="{% continue %}">{% endfor %}""", []),
        ("{% raw %}<a href='1'>{% endraw %}{# <a href='2'> #}<!-- <a href='3'> -->", []),
    ],
)
def test_whatever_the_template_does_around_them(source: str, numbers: list[tuple[int, str]]) -> None:
    assert asked(source, b="<>") == numbers
    assert hrefs(tracked(source, b="<>")) == hrefs(plain(source, b="<>"))


@hypothesis(deadline=None)  # the first of them begins a process
@given(st.sampled_from("\"'"), TEXTS, TEXTS, TEXTS)
def test_the_url_is_what_a_parser_sees_in_the_rendering_without_rewriting(
    quote: str, path: str, one: str, two: str
) -> None:
    static = html.escape(path).replace("{", "%7B")
    source = f"<a id=i href={quote}https://x.example/{static}?a={{{{ a }}}}&amp;b={{{{ b }}}}#é{quote} x=y>"
    record = {"a": one, "b": two}
    expected = hrefs(plain(source, **record))
    assert [url for _, url in asked(source, **record)] == expected
    assert hrefs(tracked(source, **record)) == expected


@hypothesis(deadline=None)
@given(st.sampled_from(["'{}'", '"{}"', "{}"]), st.sampled_from(["{{ a }}", "{{ a|safe }}"]), TEXTS)
def test_a_value_cannot_break_out_of_its_attribute(quoted: str, printed: str, value: str) -> None:
    """Not even where the marketer forgot the quotes, or turned escaping off."""
    source = f"<a href={quoted.format('mailto:' + printed)} id=i>x</a>"
    assert [[name for name, _ in link] for link in attributes(tracked(source, a=value))] == [["href", "id"]]


def test_threads_that_render_at_once_do_not_mix_their_links() -> None:
    ready, barrier, wrong = (
        compiled("{% for n in range(50) %}<a href=x>{% endfor %}"),
        threading.Barrier(4),
        [],
    )

    def render(name: str) -> None:
        barrier.wait(20)
        for _ in range(50):
            made = ready.render({}, supplemental={}, unsubscribe_url="", link=lambda *_: name)
            if set(hrefs(made.html)) != {name}:
                wrong.append(name)

    threads = [threading.Thread(target=render, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


LINK = "{% set x %}<p><a href='https://shop.example/?q=1'>x</a></p>{% endset %}"


@pytest.mark.parametrize(
    "change",
    [
        *("x|upper", "x|lower", "x|title", "x|capitalize", "x[:40]", "x[16:]", "x|replace('x0', 'x1')"),
        *("x|replace('Z', '')", "x|replace('lK', '')", "x|replace('e', '3')"),
    ],
)
def test_a_template_that_changes_its_links_fails_and_sends_no_marker(change: str) -> None:
    with pytest.raises(RenderError, match="changes its links after they are written") as caught:
        tracked(f"{LINK}{{{{ {change} }}}}")
    assert not re.search(r"\d{9}", str(caught.value))


@pytest.mark.parametrize(
    ("source", "numbers"),
    [
        (LINK + "{{ x }}{{ x }}", [(0, "https://shop.example/?q=1")] * 2),
        (LINK, []),
        (LINK + "{{ x|replace('shop', 'our') }}", [(0, "https://our.example/?q=1")]),
        (LINK + "<a href='{{ x|striptags }}'>", [(1, "x")]),
        (LINK + "<a href='{{ x }}'>", [(1, "<p><a href='https://shop.example/?q=1'>x</a></p>")]),
        ("lK12345678901234567890x0Zq<a href='1'>", [(0, "1")]),
    ],
)
def test_a_link_that_was_kept_is_asked_about_where_it_is_printed(
    source: str, numbers: list[tuple[int, str]]
) -> None:
    assert asked(source) == numbers
    assert tracked(source).count("12345") == source.count("12345")


def test_the_end_of_the_body_may_be_changed_as_the_template_likes() -> None:
    source = "{% filter upper %}<body>x</body>{% endfilter %}"
    rendered = compiled(source).render(
        {}, supplemental={}, unsubscribe_url="", link=lambda _, url: url, open_pixel_url="p"
    )
    assert rendered.html == '<BODY>X<img src="p" width="1" height="1" alt=""></BODY>'


def test_an_error_of_who_writes_the_links_is_no_error_of_the_template() -> None:
    def away(_number: int, _url: str) -> str:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        compiled("<a href='1'>").render({}, supplemental={}, unsubscribe_url="", link=away)
    assert plain("<b>") == "<b>"


# --- the pixel ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("<body><p>x</p></BODY></html>", "<body><p>x</p>{}</BODY></html>"),
        ("<p>x</p>", "<p>x</p>{}"),
        ("{% set page %}<b>x</b></body>{% endset %}{{ page }}", "<b>x</b>{}</body>"),
        ("", ""),
        ("{% if false %}<p>x</p>{% endif %}\n", ""),
    ],
)
def test_the_pixel_stands_at_the_end_of_the_body(source: str, made: str) -> None:
    pixel = f'<img src="{html.escape(PIXEL)}" width="1" height="1" alt="">'
    rendered = compiled(source).render({}, supplemental={}, unsubscribe_url="", open_pixel_url=PIXEL)
    assert rendered.html == made.format(pixel)


def test_the_pixel_alone_changes_no_link() -> None:
    source = "<a href=x&y><a href='&copy;'></body>"
    rendered = compiled(source).render({}, supplemental={}, unsubscribe_url="", open_pixel_url="p")
    assert rendered.html == source.replace("</body>", '<img src="p" width="1" height="1" alt=""></body>')


# --- as before ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        '<a href="x?a=1&b={{ b }}" >\n</body>\n\n',
        "<a href={{ b }}>",
        '<a href="{{ b|safe }}">',
        "<a href='{{ b }}'>{% raw %}{{ x }}{% endraw %}",
    ],
)
def test_without_anybody_who_asks_it_is_rendered_as_it_was_written(source: str) -> None:
    written = source.removesuffix("\n").replace("{% raw %}", "").replace("{% endraw %}", "")
    assert plain(source, b="1&2") == written.replace("{{ b }}", "1&amp;2").replace("{{ b|safe }}", "1&2")


def test_names_of_ours_are_no_variables_and_the_marketers_stay_theirs() -> None:
    assert compiled("<a href={{ x }}></body>").variables == {"x"}
    source = "<a href='{{ tracking }}'>{{ tracking_ }}</body>"
    assert compiled(source).variables == {"tracking", "tracking_"}
    assert asked(source, tracking="1", tracking_="2") == [(0, "1")]
    assert "2</body>" in tracked(source, tracking="1", tracking_="2")
    with pytest.raises(RenderError, match="filter tracking is unknown"):
        tracked("{{ x|tracking }}<a href=y>", x="1")


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("<a href='1'>\n<a href='{{ nobody }}'>\n", 2),
        ("<a\nhref='1\n2'>\n{{ nobody }}</body>\n", 4),
    ],
)
def test_errors_name_the_line_of_the_template_as_it_was_written(source: str, line: int) -> None:
    with pytest.raises(RenderError, match="nobody") as caught:
        tracked(source)
    assert (caught.value.part, caught.value.line) == ("html", line)


def test_what_became_of_its_links_does_not_make_a_template_too_long() -> None:
    ready = compiled("<a href='{{ x }}'>")

    def made(value: str) -> str:
        return ready.render(
            {"x": value}, supplemental={}, unsubscribe_url="", link=lambda *_: "z" * 1_500_000
        ).html

    assert len(made("y" * 900_000)) > 1_500_000
    with pytest.raises(RenderError, match="more than 1,000,000 characters"):
        made("y" * 1_000_000)


@pytest.mark.parametrize("german", [True, False])
@pytest.mark.parametrize(
    "html",
    [
        "{% if de %}<body>Hallo</body>{% else %}<body>Hello</body>{% endif %}",
        "{% if de %}<body>Hallo</body>{% else %}<p>Hello</p>{% endif %}",
        "<body>Hello</body><body>again</body>",
    ],
)
def test_every_recipient_gets_one_pixel_whichever_body_is_theirs(html: str, german: bool) -> None:
    template = rendering.compile_template(subject="", html=html, text="")
    rendered = template.render(
        {"de": german}, supplemental={}, unsubscribe_url="", open_pixel_url="https://t.example/o/1"
    )
    assert rendered.html.count("https://t.example/o/1") == 1


# --- finding them, the usual and any way ----------------------------------------------------------------

SECRET = markers.new_secret("")
PIECES = st.one_of(
    TEXTS,
    st.builds("lK{}x{}{}Zq".format, st.just(SECRET), st.integers(0, 5), st.sampled_from(["", "b"])),
    st.sampled_from(
        [f"lK{SECRET}eZq", f"lK{SECRET}pZq", f"Lk{SECRET}PzQ", f"lK{SECRET}", SECRET, "lK", "eZq"]
    ),
)
A_LINK = st.builds(
    "lK{0}x{1}{2}Zq{3}lK{0}eZq".format,
    st.just(SECRET),
    st.integers(0, 5),
    st.sampled_from(["", "b"]),
    st.one_of(TEXTS, st.just("https://x.example/é")),
)
ORDERLY = st.builds(
    "{}{}{}".format,
    st.lists(st.one_of(TEXTS, A_LINK), max_size=6).map("".join),
    st.sampled_from(["", f"lK{SECRET}pZq"]),
    TEXTS,
)


@given(st.one_of(ORDERLY, st.lists(st.one_of(PIECES, A_LINK), max_size=8).map("".join)))
def test_the_usual_way_to_find_markers_says_what_any_way_says(html: str) -> None:
    usual = markers._usual(html.encode(), SECRET.encode(), 4)
    if usual is not None:
        assert usual == markers._any(html, SECRET, 4)


@given(ORDERLY)
def test_orderly_messages_go_the_usual_way(html: str) -> None:
    try:
        found = markers._any(html, SECRET, 6)
    except markers.Changed:
        found = None
    assert markers._usual(html.encode(), SECRET.encode(), 6) == found
