"""Rendering many: who is to blame gets an error, all others their messages, whatever becomes of the process."""

import datetime
import decimal
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from accelerator import rendering
from accelerator.rendering import Message, Rendered, RenderError, TemplateInvalid
from tests.accelerator.rendering import poison


def outcomes(*kinds: str) -> list[str]:
    """What becomes of a record of each kind: the subject that it got, or the error."""
    made = poison.template().render_all(poison.messages(*kinds), supplemental={})
    return [str(one) if isinstance(one, RenderError) else one.subject for one in made]


def wide(messages: int, **changes: object) -> list[Message]:
    """Messages that come to 100,000 characters each, more than the pipe holds of them."""
    return [Message({"name": f"{number}"} | changes, "https://u.example") for number in range(messages)]


@pytest.mark.parametrize("kind", poison.KINDS)
def test_only_the_record_that_takes_too_much_fails(kind: str) -> None:
    before, failed, after = outcomes("", kind, "")
    assert failed == f"The html of the template failed: {poison.TOO_MUCH}"
    assert (before, after) == ("0", "2")


def test_the_part_that_takes_too_much_is_named() -> None:
    for part in rendering.PARTS:
        parts = dict.fromkeys(rendering.PARTS, "x") | {part: poison.KINDS["depth"]}
        ready = rendering.compile_template(**parts)
        with pytest.raises(RenderError) as caught:
            ready.render({}, supplemental={}, unsubscribe_url="")
        assert caught.value.part == part


def test_a_template_that_cannot_even_be_compiled_is_invalid_in_that_part() -> None:
    for part in rendering.PARTS:
        parts = dict.fromkeys(rendering.PARTS, "x") | {part: "{{ n" + ".a" * 200_000 + " }}"}
        with pytest.raises(TemplateInvalid, match=poison.TOO_MUCH) as caught:
            rendering.compile_template(**parts)
        assert caught.value.part == part


def test_after_some_in_a_row_the_template_is_to_blame_and_the_rest_is_not_tried() -> None:
    ready = poison.template()

    def render(*kinds: str) -> list[Rendered | RenderError]:
        return list(ready.render_all(poison.messages(*kinds), supplemental={}))

    made = render(*["depth"] * 7, "")
    assert all(isinstance(one, RenderError) for one in made)
    assert [poison.TOO_MUCH in str(one) for one in made] == [True] * 5 + [False] * 3
    assert "was not tried for this recipient, because for the last 5 before" in str(made[-1])
    # The next window begins with a trial: one more that fails is enough, one that comes out ends the suspicion.
    again = render("depth", "", "")
    assert ["was not tried" in str(one) for one in again] == [False, True, True]
    better = render("", "depth", "", "depth", "")
    assert [isinstance(one, Rendered) for one in better] == [True, False, True, False, True]


def test_who_is_at_hand_when_the_process_is_killed_is_not_blamed() -> None:
    """Killed again and again, in the middle of a window, while the next message is made."""
    ready = rendering.compile_template(
        subject="{{ name }}", html="{{ 'x' * 100000 }}<a href={{ name }}>", text="t"
    )
    killed = []

    def link(number: int, url: str) -> str:
        if int(url) % 10 == 5:
            killed.append(int(url))
            for child in poison.children():
                os.kill(child, signal.SIGKILL)
        return f"https://c.example/{number}/{url}"

    messages = [
        Message({"name": f"{number}"}, "https://u.example", link, "https://o.example") for number in range(50)
    ]
    made = list(ready.render_all(messages, supplemental={}))
    assert [one.subject for one in made if isinstance(one, Rendered)] == [f"{n}" for n in range(50)]
    assert all(f'/0/{one.subject}"' in one.html for one in made if isinstance(one, Rendered))
    assert sorted(set(killed)) == [5, 15, 25, 35, 45]


def test_who_waits_is_told_once_a_second_however_many_die() -> None:
    beats: list[None] = []
    made = poison.template().render_all(
        poison.messages("memory", "", "time"), supplemental={}, pulse=lambda: beats.append(None)
    )
    assert [isinstance(one, RenderError) for one in made] == [True, False, True]
    assert len(beats) >= 3


def test_what_the_pulse_raises_ends_it_and_the_next_window_is_rendered() -> None:
    def lost() -> None:
        raise InterruptedError("not ours any more")

    with pytest.raises(InterruptedError):
        list(poison.template().render_all(poison.messages("", "time"), supplemental={}, pulse=lost))
    assert outcomes("", "") == ["0", "1"]


def test_a_window_that_is_left_in_the_middle_does_not_spill_into_the_next() -> None:
    ready = rendering.compile_template(subject="{{ name }}", html="{{ 'x' * 100000 }}", text="t")
    begun = ready.render_all(wide(30), supplemental={})
    next(begun)
    # Another one meanwhile has a process for itself.
    assert outcomes("", "") == ["0", "1"]
    assert isinstance(next(begun), Rendered)
    assert isinstance(begun, Iterator)
    begun.close()  # type: ignore[attr-defined]
    assert outcomes("", "") == ["0", "1"]


def test_records_larger_than_any_pipe_come_through_both_ways() -> None:
    ready = rendering.compile_template(subject="{{ name }}", html="{{ big }}", text="{{ big|length }}")
    made = list(ready.render_all(wide(30, big="é" * 900_000), supplemental={}))
    assert [one.text for one in made if isinstance(one, Rendered)] == ["900000"] * 30
    assert {one.html for one in made if isinstance(one, Rendered)} == {"é" * 900_000}


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("é\0\u2028😀", "é\0\u2028😀"),
        (7, "7"),
        (2**63, "9223372036854775808"),
        (1.5, "1.5"),
        (True, "True"),
        (decimal.Decimal("1.50"), "1.50"),
        (datetime.datetime(2026, 11, 5, 6, 7, 8, 0, datetime.UTC), "2026-11-05 06:07:08+00:00"),
        (datetime.datetime(2026, 11, 5, 6, 7, 8, 9, datetime.UTC), "2026-11-05 06:07:08.000009+00:00"),
        (datetime.date(2026, 11, 5), "2026-11-05"),
        ([1, None, "x"], "[1, None, 'x']"),
        ({"a": None, "b": (1,)}, "{'b': [1]}"),
        (b"\x01\xff", "01ff"),
        (float("inf"), "inf"),
        ("\ud800", "\ufffd" * 3),
    ],
)
def test_a_value_is_printed_as_it_always_was(value: object, printed: str) -> None:
    ready = rendering.compile_template(subject="s", html="h", text="{{ x }}")
    assert ready.render({"x": value}, supplemental={}, unsubscribe_url="").text == printed


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [10**5000, nested(5_000)], ids=["number", "depth"])
def test_a_value_that_nobody_can_write_down_costs_only_its_record(value: object) -> None:
    ready = rendering.compile_template(subject="{{ name }}", html="{{ x }}", text="t")
    records: list[Mapping[str, object]] = [
        {"name": "a", "x": 1},
        {"name": "b", "x": value},
        {"x": 2, "name": "c"},
    ]
    made = list(ready.render_all([Message(record, "") for record in records], supplemental={}))
    assert [isinstance(one, Rendered) for one in made] == [True, False, True]
    assert [one.html for one in made if isinstance(one, Rendered)] == ["1", "2"]


def test_supplemental_data_may_be_nested_as_deep_as_anybody_can_write_it() -> None:
    ready = rendering.compile_template(subject="{{ supplemental.a[0][0]|length }}", html="h", text="t")
    document: dict[str, object] = {"a": nested(800)}
    assert ready.render({}, supplemental=document, unsubscribe_url="").subject == "1"


def test_columns_may_differ_from_record_to_record() -> None:
    ready = rendering.compile_template(subject="{{ a|default('-') }}{{ b|default('-') }}", html="h", text="t")
    records: list[Mapping[str, object]] = [
        {"a": 1, "b": 2},
        {"b": 3},
        {"b": 4, "a": 5},
        {"a": None, "b": 6},
        {},
    ]
    made = ready.render_all([Message(record, "") for record in records], supplemental={})
    assert [one.subject for one in made if isinstance(one, Rendered)] == ["12", "-3", "54", "-6", "--"]


def test_nobody_is_rendered_for_nobody() -> None:
    assert list(poison.template().render_all([], supplemental={})) == []


def test_the_memory_of_who_renders_does_not_grow_with_the_messages() -> None:
    """In a process of its own, whose highest mark is only what this takes."""
    program = """
import resource
from accelerator import rendering
from accelerator.rendering import Message

ready = rendering.compile_template(subject="s", html="{{ 'x' * 900000 }}", text="t")
messages = [Message({}, "") for _ in range(200)]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
list(zip(range(10), ready.render_all(messages[:10], supplemental={})))
before = peak()
for made in ready.render_all(messages, supplemental={}):
    assert len(made.html) == 900000
print(peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stderr == ""
    assert int(done.stdout) < 20_000  # KiB; the messages come to 180,000


def test_the_memory_that_one_message_may_take_is_bounded() -> None:
    rendering.compile_template(subject="s", html="h", text="t")
    for child in poison.children():
        memory, _ = resource.prlimit(child, resource.RLIMIT_AS)
        assert 512 * 2**20 < memory < 1024 * 2**20
        assert resource.prlimit(child, resource.RLIMIT_CORE) == (0, 0)


@pytest.mark.parametrize(
    ("value", "said"), [(None, "nobody"), ("Ann", "Ann"), ("", ""), (0, "0"), (False, "False")]
)
def test_a_template_may_ask_for_a_null(value: object, said: str) -> None:
    ready = rendering.compile_template(
        subject="{% if name is none %}nobody{% else %}{{ name }}{% endif %}", html="", text=""
    )
    assert ready.render({"name": value}, supplemental={}, unsubscribe_url="").subject == said
