"""Columns of JSON: marked on their way, and what they say at its end."""

import pyarrow as pa

from accelerator import protocol, rendering

EXTRA = ['{"tier": 2, "tags": ["a", "b"]}', None, "null", "no JSON", "[" * 100_000]


def table() -> pa.Table:
    fields = [protocol.nested(pa.field("extra", pa.string())), pa.field("text", pa.string())]
    return pa.table([EXTRA, EXTRA], schema=pa.schema(fields))


def test_a_marked_column_is_what_it_says_and_any_other_its_text() -> None:
    found = protocol.rows(table())
    assert [row["extra"] for row in found] == [{"tier": 2, "tags": ["a", "b"]}, None, None, *EXTRA[3:]]
    assert [row["text"] for row in found] == EXTRA


def test_the_mark_survives_the_way_to_the_cloud() -> None:
    arrived = protocol.decode_batch(protocol.encode_batch(table()))
    assert [protocol.is_nested(field) for field in arrived.schema] == [True, False]


def test_a_template_walks_through_it() -> None:
    template = rendering.compile_template(
        subject="Tier {{ extra.tier }}", html="{% for tag in extra.tags %}{{ tag }};{% endfor %}", text="x"
    )
    made = template.render(protocol.rows(table())[0], supplemental={}, unsubscribe_url="https://u.example")
    assert made.subject == "Tier 2"
    assert "a;b;" in made.html
