"""Where a Template gets the filter for its decimals: nothing else that it does may change."""

import string

import minijinja
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator.rendering import printing
from accelerator.rendering.printing import with_texts

VALUES: dict[str, object] = {
    "a": "<x>",
    "b": 3,
    "c": [1, "two", {"d": "e"}],
    "d": {"e": {"f": "g"}},
    "e": True,
    "f": 1.5,
}

names = st.sampled_from([*VALUES, "missing", "d.e", "d.e.f", "c[0]", "d['e']", "c[2].d", "loop", "d . e"])
strings = st.sampled_from(["'x'", '"}}"', "'%}'", "'~'", '"a|upper"', "'{{ a }}'", "'\\''", "''"])
filters = st.sampled_from(
    [
        "upper",
        "default('x')",
        "d(1)|upper",
        "replace('x', a)",
        "length",
        "string",
        "safe",
        "e",
        "first",
        "list",
        "int",
    ]
)
operators = st.sampled_from(["~", "+", "-", "*", "==", "<", "and", "or", "in", "//", "%"])


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from([" ", "", "\n"]), filters).map(lambda it: f"{it[0]}{it[1]}|{it[2]}"),
        st.tuples(inner, operators, inner).map(" ".join),
        st.tuples(inner, operators, inner).map(lambda it: f"({' '.join(it)})"),
        st.tuples(inner, inner, inner).map(lambda it: f"{it[0]} if {it[1]} else {it[2]}"),
        st.tuples(inner, inner).map(lambda it: f"{it[0]} if {it[1]}"),
        st.tuples(inner, inner).map(lambda it: f"[{it[0]}, {it[1]}]"),
        st.tuples(inner, inner).map(lambda it: f"{{'k': {it[0]}, 'l': {it[1]}}}"),
        inner.map(lambda it: f"-{it}"),
        inner.map(lambda it: f"{it} is defined"),
        inner.map(lambda it: f"{it} is not none"),
        inner.map(lambda it: f"shout({it})"),
    )


expressions = st.recursive(
    st.one_of(names, names, strings, st.sampled_from(["1", "2.5", "none", "true"])), larger, max_leaves=6
)
signs = st.sampled_from(["", "", "-", "+"])


def around(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.tuples(expressions, inner).map(lambda it: f"{{% if {it[0]} %}}{it[1]}{{% else %}}no{{% endif %}}"),
        st.tuples(names, inner).map(
            lambda it: f"{{% for x in {it[0]} -%}}\n{it[1]}{{{{ x }}}}{{% endfor %}}"
        ),
        st.tuples(expressions, inner).map(lambda it: f"{{% set y = {it[0]} %}}{it[1]}{{{{ y }}}}"),
        inner.map(lambda it: f"{{% filter upper %}}{it}{{% endfilter %}}"),
        inner.map(lambda it: f"{{% raw %}}{it}{{% endraw %}}"),
    )


leaves = st.one_of(
    st.tuples(signs, expressions, signs).map(lambda it: f"{{{{{it[0]} {it[1]} {it[2]}}}}}"),
    st.text(string.ascii_letters + " \n<>{}'\"|~", max_size=6),
    st.sampled_from(["{# {{ a }} #}", "{{ '{#' }}", "{% macro shout(it) %}{{ it }}!{% endmacro %}"]),
)
templates = st.recursive(leaves, around, max_leaves=8)


def outcome(source: str) -> tuple[str, int | None]:
    """What the engine makes of it, or its error, and the line of that."""
    environment = minijinja.Environment(  # type: ignore[call-overload]  # its stubs do not know semi_strict
        undefined_behavior="semi_strict",
        auto_escape_callback=lambda _name: True,
        pycompat=False,
        fuel=100_000,
    )
    environment.add_filter(printing.AS_WRITTEN, lambda value, _names="": float(value))
    try:
        return environment.render_str(source, **VALUES), None
    except minijinja.TemplateError as error:
        # The name that the engine gives to what it does not have is told to people.
        return f"{error.kind}", error.line


@given(templates)
def test_nothing_changes_but_decimals(source: str) -> None:
    assert outcome(with_texts(source)) == outcome(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ a }}", '{{ a|_as_written("a") if a is float else a }}'),
        ("{{ a.b\n}}", '{{ a.b|_as_written("a.b") if a.b is float else a.b\n}}'),
        ("{{ a['b'] -}}", "{{ a['b']|_as_written if a['b'] is float else a['b'] -}}"),
        ("{% if a ~ 'b' == c %}", "{% if (a|_as_written(\"a\") if a is float else a) ~ 'b' == c %}"),
        ("{{ a(b) }}", "{{ a(b) }}"),
        ("{{ self.a() }}", "{{ self.a() }}"),
        ("{% if a > b %}", "{% if a > b %}"),
        ("{% if a|round > 2 %}", "{% if a|round > 2 %}"),
        ("{% raw %}{{ a }}{% endraw %}", "{% raw %}{{ a }}{% endraw %}"),
        ("{# {{ a }} #}", "{# {{ a }} #}"),
        ("{{ a", "{{ a"),
        ("{{ }}", "{{ }}"),
    ],
)
def test_what_becomes_of_a_source(source: str, expected: str) -> None:
    assert with_texts(source) == expected


@given(st.text("{}%#'\"|~.[]() abif\n", max_size=60))
def test_no_source_is_too_strange(source: str) -> None:
    assert with_texts(source).count("\n") == source.count("\n")
