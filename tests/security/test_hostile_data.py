"""Hostile rows, names and documents at the dashboard: dropped, refused or kept as text, never a line of their own."""

import io
import json
import logging
import re
from collections.abc import Iterator
from contextlib import suppress

import pyarrow as pa
import pytest
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from accelerator import logs, protocol, rendering, storable
from campaigns import supplemental
from campaigns.models import Campaign, SendingProfile
from campaigns.supplemental import SupplementalInvalid
from jobs import warehouses
from jobs.records.cleaning import Cleaner
from jobs.warehouses import AudienceSqlError
from tests.security.world import World

# --- addresses ------------------------------------------------------------------------------------------

KEPT = [
    "ann@example.com",
    " ben@example.com ",
    "cat+tag@example.co.uk",
    "dan%evil.example@example.com",
    "eve@xn--pple-43d.example",
    "o'brien@example.ie",
    "fay@bücher.example",
    '"gus"@example.com',
    '"hal..x"@example.com',
    "ian@ｅxample。com",
    "\ufeffjoy@example.com\u200b",
]
DROPPED = [
    "ann@example.com\r\nRCPT TO:<eve@evil.example>",
    "ann@example.com\nBcc: eve@evil.example",
    "ann@example.com,eve@evil.example",
    "ann@example.com;eve@evil.example",
    "ann@example.com eve@evil.example",
    "ann@example.com>",
    "Ann <ann@example.com>",
    "ann(comment)@example.com",
    '"ann two"@example.com',
    '"ann,eve"@example.com',
    '"ann@eve.example"@example.com',
    "ann@[127.0.0.1]",
    "ann@[IPv6:::1]",
    "ann@localhost",
    "ann@@example.com",
    "ann@eve@example.com",
    "@example.com",
    "ann@",
    "ann",
    "ann@example.com\0",
    "a\0nn@example.com",
    "ann@example.com:25",
    "ann@exam_ple.com",
    "ann@example.c",
    "ann\\@example.com",
    "a" * 65 + "@example.com",
    "ann@" + "a" * 10_000 + ".example",
    "ann@" + "a." * 200 + "example",
    "ann@\u202eexample.com",
    "ann\u00a0@example.com",
    "ann\u2028@example.com",
    "an\u200bn@example.com",
    "ann@exam\ufeffple.com",
    "ann\x85@example.com",
    "ann..eve@example.com",
    "ann@example..com",
    "ann@-x.com",
    "ann@exa!mple.com",
    "ann@/x",
    "ann@xn--a.com",
    "\xe9" * 33 + "@example.com",
    "ann@" + "x" * 64 + ".com",
]


def test_what_is_no_address_is_dropped_before_anybody_is_written_to() -> None:
    emails = [*KEPT, *DROPPED]
    table = pa.table({"id": [str(number) for number in range(len(emails))], "email": emails})
    cleaner = Cleaner("id", "email")
    cleaned = cleaner.clean(table)
    kept = [protocol.normal_address(address.strip()) for address in KEPT]
    assert cleaned.records["email"].to_pylist() == kept
    assert (cleaner.missing, cleaner.invalid, cleaner.duplicate) == (0, len(DROPPED), 0)


def test_another_spelling_of_an_address_is_the_same_person() -> None:
    spelled = [
        "ann@example.com",
        "ANN@EXAMPLE.COM",
        " ann@example.com",
        "ann@ｅxample.com",
        "ann@example。com",
    ]
    table = pa.table({"id": [str(number) for number in range(5)], "email": spelled})
    cleaner = Cleaner("id", "email")
    assert len(set(cleaner.clean(table).keys.to_pylist())) == 1


@hypothesis(deadline=None)
@given(st.text(max_size=60))
def test_no_address_that_is_kept_has_more_than_one_line_or_person(text: str) -> None:
    table = pa.table({"id": ["1"], "email": pa.array([storable.text(text) + "@example.com"], pa.string())})
    for address in Cleaner("id", "email").clean(table).records["email"].to_pylist():
        name = address.removesuffix("@example.com")
        bare = name[1:-1] if name.startswith('"') else name
        assert not re.search(r'[\s,;<>()"\\\x00-\x1f\x7f-\x9f]', bare)
        assert address.count("@") == 1


# --- columns --------------------------------------------------------------------------------------------

COLUMNS = [
    *("__class__", "self", "loop", "supplemental", "unsubscribe_url", "tracking", "template_name", "range"),
    *(
        "a b",
        "a.b",
        "a-b",
        "}}{{ 7 * 7 }}",
        "{% include 'text' %}",
        '"><script>',
        "a\nb",
        "a\0b",
        "é",
        "x" * 5_000,
    ),
]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_of_any_name_is_a_value_and_replaces_nothing_of_ours(column: str) -> None:
    ready = rendering.compile_template(
        subject="s", html="<a href='{{ unsubscribe_url }}'>{{ supplemental.a }} {{ name }}</a>", text="t"
    )
    made = ready.render(
        {column: "evil", "name": "Ann"},
        supplemental={"a": "ours"},
        unsubscribe_url="https://u.example",
        link=lambda _, url: url,
        open_pixel_url="https://o.example",
    )
    assert "ours Ann" in made.html
    assert "https://u.example" in made.html
    assert "evil" not in made.html


@pytest.mark.parametrize(
    "columns", ["1 AS id, 2 AS id, 'a' AS email", "1 AS id, 'a' AS \"EMAIL\"", "1 AS id, ['a'] AS email"]
)
def test_columns_that_could_be_mistaken_are_refused(world: World, columns: str) -> None:
    schema = warehouses.preview(world.warehouse, f"SELECT {columns}").schema
    with pytest.raises(AudienceSqlError):
        warehouses.check_columns(schema, recipient_id_column="id", email_column="email")


# --- documents ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"a":' * 60 + "1" + "}" * 60,
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": ' + "9" * 5_000 + "}",
        '{"a": "\\u0000"}',
        '{"a": "\\ud800"}',
        '{"\\udc00": 1}',
        '{"a": 1} {"b": 2}',
        "[1]",
        '"a"',
        "1",
        "{'a': 1}",
        '{"a": "' + "x" * 1_100_000 + '"}',
        "{" * 10,
        "\0",
        '{"a": 0x1}',
        '{"a": 01}',
        '{"a": .5}',
    ],
)
def test_supplemental_data_that_some_reader_would_choke_on_is_refused(typed: str) -> None:
    with pytest.raises(SupplementalInvalid) as refusal:
        supplemental.read(typed)
    assert len(str(refusal.value)) < 300


def test_of_two_keys_the_last_is_kept_by_everybody(world: World) -> None:
    """PostgreSQL, Python and minijinja agree, so what is checked is what is sent."""
    read = supplemental.read('{"a": 1, "a": 2, "a": 3}')
    Campaign.objects.update(supplemental=read)
    assert Campaign.objects.get().supplemental == {"a": 3}


@pytest.mark.parametrize(
    "number", [10**18, 10**30, 10**38, 10**300, -(10**300), 1e308, 5e-324, 2**127, 2**128]
)
def test_a_number_that_is_taken_can_be_rendered_or_fails_for_the_recipient(number: float) -> None:
    read = supplemental.read(json.dumps({"a": number}))
    ready = rendering.compile_template(subject="s", html="{{ supplemental.a }}", text="t")
    with suppress(rendering.RenderError):
        assert ready.render({}, supplemental=read, unsubscribe_url="").html


# --- senders --------------------------------------------------------------------------------------------

ELSEWHERE = "\r\nBcc: eve@evil.example"


@pytest.mark.parametrize("field", ["name", "from_name", "from_address", "reply_to"])
def test_nothing_of_a_sending_profile_has_a_second_line(world: World, field: str) -> None:
    browser = world.browser("marketer")
    form = {"name": "Shop", "from_name": "Shop", "from_address": "news@northwind.example", "reply_to": ""}
    for text in (ELSEWHERE, "\n" + ELSEWHERE, "\x0bx", "\x00", "\x85Bcc: x", "\u2028Bcc: x"):
        SendingProfile.objects.exclude(pk=world.profile.pk).delete()
        browser.post("/campaigns/sending-profiles/new/", form | {field: form[field] + "x@y.example" + text})
        for made in SendingProfile.objects.exclude(pk=world.profile.pk):
            for value in (made.from_name, made.from_address, made.reply_to):
                assert len(value.splitlines()) <= 1
                assert "\0" not in value


@pytest.mark.parametrize(
    "address", ["a@b.example\r\nBcc: c@d.example", "a@b.example,c@d.example", "a@b.example\0"]
)
def test_a_notification_goes_to_one_address(world: World, address: str) -> None:
    response = world.browser("marketer").post(
        f"/campaigns/{world.campaign.pk}/edit/", {"name": "x", "notification_address": address}
    )
    assert response.status_code == 200
    assert Campaign.objects.get().notification_address == "team@northwind.example"


# --- logs -----------------------------------------------------------------------------------------------

LINES = [
    "x\n2026-11-24 10:31:08,123 ERROR jobs.steps forged",
    'x\r\n{"level": "error", "event": "forged"}',
    "x\rforged",
    "x\x85forged",
    "x\u2028forged",
    "x\x1b[2Kforged",
    "x\x00forged",
]


@pytest.fixture
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter(request.param))
    logging.getLogger("jobs").addHandler(handler)
    yield stream
    logging.getLogger("jobs").removeHandler(handler)


@pytest.mark.parametrize("written", ["json", "console"], indirect=True)
def test_a_name_begins_no_line_of_the_log(written: io.StringIO) -> None:
    for text in LINES:
        logging.getLogger("jobs").warning("the Job of %s", text)
    lines = written.getvalue().removesuffix("\n")
    assert lines.count("\n") == len(LINES) - 1
    assert not re.search(r"[\r\x00\x1b]", lines)


@pytest.mark.django_db
def test_an_address_of_a_page_begins_no_line_of_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("/x%0aforged", "/x%0d%0aforged", "/jobs/x%0aforged/", "/x%1b[2Kforged", "/x%00"):
        client.get(path)
        client.get(path, headers={"X-Request-ID": "x\nforged", "User-Agent": "x\nforged"})
    assert not [record for record in caplog.records if re.search(r"[\n\r\x00\x1b]", record.getMessage())]
