"""Links are found where a browser finds them, whatever the Template's own syntax does in between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator import anchors


def hrefs(source: str) -> list[str]:
    return [source[anchor.start : anchor.end] for anchor in anchors.find(source).anchors]


@pytest.mark.parametrize(
    ("source", "links"),
    [
        ('<a href="https://x.example/">x</a>', ["https://x.example/"]),
        ("<a href='a\"b'>x</a>", ['a"b']),
        ("<a href=https://x.example/?a=1>x</a>", ["https://x.example/?a=1"]),
        ("<A\n  CLASS=b\n  HrEf\n=\n'x'\n>", ["x"]),
        ('<map><area shape="rect" href="x"></map>', ["x"]),
        ('<a href="x"/><a\thref="y"><a/href="z">', ["x", "y", "z"]),
        ('<a href="">', [""]),
        ('<a href="one"><a href="two">', ["one", "two"]),
        # Not links, or none that anybody clicks.
        ('<a name="x"><a href><abbr href="x"><link href="x"><base href="x">', []),
        ('<a data-href="x" xlink:href="y">', []),
        ("""<img alt='<a href="x">'>""", []),
        ('<title><a href="x"></title><script>"<a href=\'y\'>"</script><a href="z">', ["z"]),
        ('<!-- <a href="x"> --><a href="y">', ["y"]),
        ('<!--><a href="x"><!---><a href="y"><!-- --!><a href="z">', ["x", "y", "z"]),
        # Outlook reads what stands in conditional comments, others what stands between them.
        ('<!--[if mso]><a href="x"><![endif]-->', ["x"]),
        ('<!--[if !mso]><!--><a href="x"><!--<![endif]-->', ["x"]),
        ('<!--[if (gte mso 9)|(IE)]>\n<a href="x">\n<![endif]--><a href="y">', ["x", "y"]),
    ],
)
def test_it_finds_what_a_browser_finds(source: str, links: list[str]) -> None:
    assert hrefs(source) == links


@pytest.mark.parametrize(
    ("source", "links"),
    [
        ('<a href="{{ a["b"] }}">', ['{{ a["b"] }}']),
        ("<a href='{{ a['b'] ~ '}}' }}'>", ["{{ a['b'] ~ '}}' }}"]),
        ('<a href="{{ "\\"}}" }}">', ['{{ "\\"}}" }}']),
        ('<a href="{{ {"a": {"b": 1}}["a"]["b"] }}">', ['{{ {"a": {"b": 1}}["a"]["b"] }}']),
        ('<a href="{{{"a": 1}}}x">', ['{{{"a": 1}}}x']),
        (
            '<a href="{% if a == "%}" %}x{% else %}y{% endif %}">',
            ['{% if a == "%}" %}x{% else %}y{% endif %}'],
        ),
        ("<a href={{ a ~ ' b' }}>", ["{{ a ~ ' b' }}"]),
        ('<a {% if b > 1 %}href="x"{% else %}href="y"{% endif %}>', ["x", "y"]),
        ('<a{% if b %} class="c"{% endif %} href="x">', ["x"]),
        ('<a {{ attributes }} href="x">', ["x"]),
        ('<a {# href="x" #}href="y">', ["y"]),
        ('{# <a href="x"> #}<a href="y">', ["y"]),
        ('{% raw %}<a href="{{ x }}">{% endraw %}<a href="y">', ["y"]),
        ('{%- raw -%}{# <a href="x">{%+ endraw +%}<a href="y">', ["y"]),
        ('<a href="{% raw %}{{ x }}{% endraw %}">', ["{% raw %}{{ x }}{% endraw %}"]),
        ("""{{ '<a href="x">'|safe }}<a href="y">""", ["y"]),
        # The Template writes the quotes here and there: nobody knows where the value ends.
        ('<a href={% if b %}"x"{% else %}"y"{% endif %}>', []),
    ],
)
def test_it_reads_past_the_syntax_of_the_template(source: str, links: list[str]) -> None:
    assert hrefs(source) == links


@pytest.mark.parametrize(
    ("source", "behind"),
    [
        ("<body>x</body></html>", ["</body></html>"]),
        ("<BODY>x</BODY >", ["</BODY >"]),
        (
            "{% if a %}x</body>{% else %}y</body>{% endif %}",
            ["</body>{% else %}y</body>{% endif %}", "</body>{% endif %}"],
        ),
        ("<body>x</body><!-- </body> -->", ["</body><!-- </body> -->"]),
        ("<p>x</p>\n", []),
        ("{% raw %}</body>{% endraw %}", []),
    ],
)
def test_it_finds_every_end_of_the_body(source: str, behind: list[str]) -> None:
    assert [source[end:] for end in anchors.find(source).body_ends] == behind


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("https://x.example/?a=1&amp;b=2", "https://x.example/?a=1&b=2"),
        ("?a=1&b=2", "?a=1&b=2"),
        # Names without a semicolon count only where no name goes on (HTML Living Standard, section 13.2.5.73).
        ("?a=1&copy=2&region=3&para&lt=4", "?a=1&copy=2&region=3¶&lt=4"),
        ("&copy;=1&copy.&notit;&notin;", "©=1©.&notit;∉"),
        ("&lt;=&#60;&#x3C;&#60&#128;", "<=<<<€"),
        ("https:&#x2f;&#x2f;x&#x2f;&quot;&#x27;", "https://x/\"'"),
        ("&amp;#x2f;&amp;amp;", "&#x2f;&amp;"),
        ("&;&#;&", "&;&#;&"),
    ],
)
def test_it_reads_values_as_a_browser_does(value: str, read: str) -> None:
    assert anchors.unescape(value) == read


@given(st.text(alphabet="<a hrefx='\"/>!-{}%#[]\n"))
def test_it_survives_anything(source: str) -> None:
    found = anchors.find(source)
    assert all(0 <= anchor.start <= anchor.end <= len(source) for anchor in found.anchors)
    assert len(anchors.masked(source)) == len(source)
