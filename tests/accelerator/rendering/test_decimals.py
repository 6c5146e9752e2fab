"""Decimals in a Template: counted with, and written as the warehouse wrote them."""

import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator import protocol, rendering
from accelerator.rendering import RenderError, decimals

RECORD: dict[str, object] = {
    "price": Decimal("12.50"),
    "total": Decimal("100.00"),
    "nothing": Decimal("0.00"),
    "tiny": Decimal("0E-9"),
    "negative": Decimal("-3.10"),
    "whole": Decimal(7),
    "account": Decimal("12345678901234567890123456789"),
    "average": Decimal("45.3333333333333333"),
    "points": 100,
    "ratio": 3.0,
    "name": "Ann",
    "missing": None,
    "prices": [Decimal("5.00"), Decimal("1.50")],
    "order": {"sum": Decimal("7.10"), "of the year": Decimal("2.00")},
    "huge": Decimal("1e400"),
    "undefined": Decimal("NaN"),
}
SHARED: dict[str, object] = {
    "rate": Decimal("4.10"),
    "rows": [{"fee": Decimal("5.00")}, {"fee": Decimal("2.50")}],
}


def made(html: str, record: dict[str, object] | None = None, shared: dict[str, object] | None = None) -> str:
    template = rendering.compile_template(subject="s", html=html, text="t")
    return template.render(
        RECORD if record is None else record,
        supplemental=SHARED if shared is None else shared,
        unsubscribe_url="https://u.example",
    ).html


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{{ price }} {{ total }} {{ nothing }} {{ tiny }} {{ negative }}", "12.50 100.00 0.00 0.000000000 -3.10"),
        ("{{ whole }} {{ account }}", "7 12345678901234567890123456789"),
        ("{{average}} {{- price -}} {{ points }}", "45.333333333333333312.50100"),
        ("{{ ratio }} {{ huge|length }} {{ undefined }}", "3.0 401 NaN"),
        ("{{ order.sum }} {{ order['of the year'] }} {{ prices[0] }}", "7.10 2.00 5.00"),
        ("{% for price in prices %}{{ loop.index }}: {{ price }}, {% endfor %}", "1: 5.00, 2: 1.50, "),
        ("{% for row in supplemental.rows %}{{ loop.index + 3 }}: {{ row.fee }}, {% endfor %}", "4: 5.00, 5: 2.50, "),
        ("{{ supplemental.rate }} {{ supplemental.rows[1].fee }}", "4.10 2.50"),
        ("{{ total|default('-') }} {{ missing|default(price) }} {{ missing|d('-') }}", "100.00 12.50 -"),
        ("{{ total if points else price }} {{ total if not points else price }}", "100.00 12.50"),
        ("{{ total if not points }}", ""),
        ("{{ (total) }} {{ [total, price]|first }} {{ prices|max }} {{ {'a': total}.a }}", "100.00 100.00 5.00 100.00"),
        ("{{ total ~ ' EUR' }}{% set all = 'EUR ' ~ total %} {{ all }}", "100.00 EUR EUR 100.00"),
        ("{{ points ~ ' of ' ~ total ~ name }}", "100 of 100.00Ann"),
        ("{{ total|replace('.', ',') }} {{ total|default(0)|replace('.', ',') }}", "100,00 100,00"),
        ("{{ total|string|length }} {{ total|e }} {{ total|safe }} {{ total|trim|upper }}", "6 100.00 100.00 100.00"),
        ("{% if total|string == '100.00' %}yes{% endif %}", "yes"),
        ("{% set sum = total %}{{ sum }}{% with sum = price %}{{ sum }}{% endwith %}", "100.0012.50"),
        ("{% macro b(it) %}<b>{{ it }}</b>{% endmacro %}{{ b(total) }}{{ b('<') }}", "<b>100.00</b><b>&lt;</b>"),
        ("{% block sum %}{{ total }}{% endblock %} {{ self.sum() }}", "100.00 100.00"),
        ("{% filter upper %}{{ total }}{% endfilter %}", "100.00"),
        ("{% raw %}{{ total }}{% endraw %}{# {{ total }} #}{{ '{{ total }}' }}", "{{ total }}{{ total }}"),
        ('<a href="https://e.example/?sum={{ total }}">{{ total }}</a>', '<a href="https://e.example/?sum=100.00">100.00</a>'),
    ],
)  # fmt: skip
def test_a_decimal_is_written_as_it_came(written: str, expected: str) -> None:
    assert made(written) == expected


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (
            "{{ price > 100 }} {{ total >= 100 }} {{ total == points }} {{ price < total }}",
            "False True True True",
        ),
        ("{{ price * 2 }} {{ total + 1 }} {{ -price }} {{ 2 * total ~ 'x' }}", "25.0 101.0 -12.5 200.0x"),
        ("{{ '%.2f'|format(price * 2) }} {{ (price * 3)|round(1) }} {{ total|int }}", "25.00 37.5 100"),
        ("{{ average > 45 }} {{ whole + 1 }} {{ account + 1 }}", "True 8 12345678901234567890123456790"),
        ("{% if nothing %}something{% else %}nothing{% endif %}", "nothing"),
        ("{{ prices|sum }} {{ prices|sort|first }} {{ total is number }}", "6.5 1.50 True"),
        ("{% for row in supplemental.rows if row.fee > 3 %}{{ row.fee }}{% endfor %}", "5.00"),
    ],
)
def test_a_decimal_is_a_number(counted: str, expected: str) -> None:
    assert made(counted) == expected


def test_each_is_written_in_its_own_way_by_its_name_and_without_one_in_the_longest() -> None:
    record: dict[str, object] = {"a": Decimal("5.0"), "b": Decimal("5.00"), "c": 5.0, "d": [Decimal("5.0")]}
    assert made("{{ a }} {{ b }} {{ c }} {{ d[0] }} {{ (a) }}", record) == "5.0 5.00 5.0 5.00 5.00"
    assert (
        made("{% for a in d %}{{ a }}{% endfor %} {{ supplemental.a }}", record, {"a": Decimal("5.000")})
        == "5.0 5.000"
    )


def test_a_number_that_stands_for_several_decimals_is_taken_for_none_of_them() -> None:
    record: dict[str, object] = {
        "a": Decimal("0.10000000000000000001"),
        "b": Decimal("0.10000000000000000002"),
    }
    assert made("{{ (a) }} {{ (b) }}", record) == "0.1 0.1"
    assert made("{{ a }} {{ b }}", record) == "0.10000000000000000001 0.10000000000000000002"


def test_nobody_gets_the_decimals_of_the_recipient_before() -> None:
    template = rendering.compile_template(subject="{{ n }}", html="", text="")
    records: list[dict[str, object]] = [{"n": Decimal("2.50")}, {"n": 2.5}, {"n": Decimal("2.500")}]
    messages = [rendering.Message(record, "https://u.example") for record in records]
    subjects = [
        one.subject
        for one in template.render_all(messages, supplemental={})
        if isinstance(one, rendering.Rendered)
    ]
    assert subjects == ["2.50", "2.5", "2.500"]


def test_what_is_missing_is_named_and_its_line_too() -> None:
    with pytest.raises(RenderError) as caught:
        made("{{ price\n}}{{ total ~ '\n' }}{{ missing }}")
    assert (caught.value.line, '"missing" is missing' in caught.value.message) == (3, True)


def test_json_and_columns_of_text_keep_their_decimals_on_the_way() -> None:
    fields = [
        protocol.nested(pa.field("extra", pa.string())),
        protocol.decimals(pa.field("sum", pa.string())),
    ]
    table = pa.table([['{"fee": 2.50, "of": [1.0, 3]}', None], ["10.20", "NaN"]], schema=pa.schema(fields))
    first, second = protocol.rows(protocol.decode_batch(protocol.encode_batch(table)))
    assert (
        made("{{ extra.fee }} {{ extra.of[0] }} {{ extra.of[1] }} {{ sum }} {{ sum > 9 }}", first)
        == "2.50 1.0 3 10.20 True"
    )
    assert made("{{ sum }}", second) == "NaN"


@pytest.mark.parametrize("text", ["1E+999999999", "-1E+999999999", "1E-999999999", "1E+1000", "1E-1000"])
def test_a_number_that_would_fill_the_memory_is_not_written_out(text: str) -> None:
    assert rendering.plain(Decimal(text)) == text
    column = protocol.nested(pa.field("extra", pa.string()))
    [record] = protocol.rows(pa.table([[f'{{"a": {text}, "b": 1.50}}']], schema=pa.schema([column])))
    assert made("{{ extra.a }} {{ extra.b }}", record) == f"{text} 1.50"


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_every_decimal_comes_back_as_it_was_written(value: Decimal) -> None:
    stored = json.loads(json.dumps(rendering.plain(value)), object_hook=decimals.read)
    assert Decimal(stored.text if isinstance(stored, decimals.Number) else str(stored)) == value
    if isinstance(stored, decimals.Number):
        written = format(value, "f")
        assert float(stored) == float(value)
        assert decimals.texts([1, "x", [{"a": stored}]]) == {float(value): written}


@pytest.mark.parametrize("text", ["12,5", 1.5, "nan", "1e5", " 1.5"])
def test_what_only_looks_like_a_decimal_stays_what_it_is(text: object) -> None:
    found = {"$numberDecimal": text}
    assert decimals.read(found) == found
    assert decimals.read({"$numberDecimal": "1.5", "b": 2}) == {"$numberDecimal": "1.5", "b": 2}
    assert made("{{ it['$numberDecimal'] }}", {"it": found}) == str(text)


def test_a_shared_document_that_looks_like_one_is_none() -> None:
    assert made("{{ supplemental['$numberDecimal'] }}", {}, {"$numberDecimal": "1.5"}) == "1.5"


def test_people_see_decimals_in_json_as_they_are_written() -> None:
    value = rendering.plain({"price": Decimal("12.50"), "text": '{"$numberDecimal": "1.5"}'})
    assert rendering.shown(value) == '{"price": 12.50, "text": "{\\"$numberDecimal\\": \\"1.5\\"}"}'
    assert rendering.shown(value, indent=2).startswith('{\n  "price": 12.50,\n')
    assert rendering.shown(rendering.plain(Decimal("0.10"))) == "0.10"
