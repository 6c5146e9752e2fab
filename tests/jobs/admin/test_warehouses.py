"""Warehouses are tried out from their page and their list, and explained, a page for each connector."""

from collections.abc import Iterator
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from jobs.models import Kind, Warehouse
from jobs.warehouses import guide
from tests.jobs.warehouses.postgresql import elephants
from tests.warehouses import Connection, postgresql

LIST = "admin:jobs_warehouse_changelist"


@pytest.fixture
def shop(transactional_db: None) -> Iterator[Connection]:
    with elephants.database("tried") as admin:
        yield admin


@pytest.fixture
def lost(db: None) -> Warehouse:
    return Warehouse.objects.create(name="Lost", kind=Kind.DUCKDB, location="/nowhere.duckdb")


def page(browser: Client, name: str, *arguments: object, query: str = "") -> str:
    response = browser.get(reverse(f"admin:jobs_warehouse_{name}", args=arguments) + query)
    assert response.status_code == 200
    return unescape(response.content.decode())


def trying(browser: Client, *chosen: Warehouse) -> str:
    data = {"action": "test", "_selected_action": [str(one.pk) for one in chosen]}
    return unescape(browser.post(reverse(LIST), data).content.decode())


def test_those_that_are_chosen_are_tried_out(dora: Client, warehouse: Warehouse, lost: Warehouse) -> None:
    text = trying(dora, warehouse, lost)
    assert "It answers: to connect and to be answered a SELECT took " in text
    assert "nowhere.duckdb does not exist." in text
    assert "The location looks like /path/to/shop.duckdb" in text
    assert (text.count("trial-answers"), text.count("trial-fails")) == (1, 1)


def test_the_page_of_one_has_a_button_for_it(dora: Client, warehouse: Warehouse) -> None:
    test = reverse("admin:jobs_warehouse_test", args=[warehouse.pk])
    assert f'action="{test}"' in page(dora, "change", warehouse.pk)
    assert "It answers" in dora.post(test).content.decode()
    assert dora.get(test).status_code == 405
    assert 'class="tool"' not in page(dora, "add")


def test_a_right_role_is_told_so_and_needs_no_statements(dora: Client, shop: Connection) -> None:
    reader = postgresql(shop, f"tried_{elephants.RUN}", name="Reader")
    reader.save()
    text = trying(dora, reader)
    assert "Nothing was found that its role could do beside reading." in text
    assert "CREATE ROLE" not in text


def test_a_role_that_could_write_is_warned_about_with_the_statements_of_a_right_one(
    dora: Client, shop: Connection
) -> None:
    role = f"tried_{elephants.RUN}"
    shop.execute(f'GRANT INSERT ON customers TO "{role}"'.encode())
    writer = postgresql(shop, role, name="Writer")
    writer.save()
    text = trying(dora, writer)
    assert "It answers" in text
    assert f'The role "{role}" could do more than read. It may change tables or sequences' in text
    assert 'CREATE ROLE "accelerator_reader" LOGIN NOSUPERUSER' in text
    assert f'GRANT CONNECT ON DATABASE "{shop.info.dbname}" TO "accelerator_reader"' in text


def test_a_role_that_could_do_harm_is_refused_with_the_statements_of_a_right_one(
    dora: Client, shop: Connection
) -> None:
    superuser = postgresql(shop, shop.info.user, name="Superuser")
    superuser.save()
    text = trying(dora, superuser)
    assert "trial-unsafe" in text
    assert "is a superuser" in text
    assert 'CREATE ROLE "accelerator_reader" LOGIN NOSUPERUSER' in text
    assert f'ALTER ROLE "{shop.info.user}"' not in text  # nothing is to be done to the one that is there


def test_whoever_may_look_may_try_out_and_read_and_nobody_else(
    vera: Client, nils: Client, warehouse: Warehouse
) -> None:
    test = reverse("admin:jobs_warehouse_test", args=[warehouse.pk])
    pages = [
        reverse("admin:jobs_warehouse_connectors"),
        *(reverse("admin:jobs_warehouse_connector", args=[kind]) for kind in Kind),
    ]
    assert "It answers" in trying(vera, warehouse)
    assert vera.post(test).status_code == 200
    assert [vera.get(one).status_code for one in pages] == [200] * len(pages)
    assert nils.post(test).status_code == 403
    assert nils.post(reverse(LIST), {"action": "test", "_selected_action": [warehouse.pk]}).status_code == 403
    assert [nils.get(one).status_code for one in pages] == [403] * len(pages)


def test_what_is_not_there_is_not_tried_out_and_has_no_page(dora: Client, lost: Warehouse) -> None:
    assert dora.post(reverse("admin:jobs_warehouse_test", args=[lost.pk + 1])).status_code == 404
    assert dora.post(reverse("admin:jobs_warehouse_test", args=["x"])).status_code == 404
    assert dora.get(reverse("admin:jobs_warehouse_connector", args=["oracle"])).status_code == 404


def test_the_list_leads_to_the_connectors_and_these_to_a_page_each(dora: Client, lost: Warehouse) -> None:
    connectors = reverse("admin:jobs_warehouse_connectors")
    assert f'href="{connectors}"' in page(dora, "changelist")
    text = page(dora, "connectors")
    for kind in Kind:
        assert f'href="{connectors}{kind}/"' in text
        assert guide.of(kind).location in text
    assert text.count("Never run against the real service.") == len([k for k in Kind if not guide.proven(k)])


@pytest.mark.parametrize("kind", Kind)
def test_the_page_of_a_connector_says_all_that_the_guide_knows(dora: Client, kind: Kind) -> None:
    text, about = page(dora, "connector", kind), guide.of(kind)
    for sentence in (about.location, about.connect, about.role, about.tried, about.cancel):
        assert sentence in text
    for sentence in (about.secret, *about.held, *about.types, *about.limits):
        assert sentence[1:] in text
    assert ("Never run against the real service:" in text) is not guide.proven(kind)
    assert ('id="missing"' in text) is not guide.installed(kind)


def test_it_shows_the_statements_with_the_names_of_a_warehouse_and_as_text(dora: Client) -> None:
    name = 'sh"op<script>alert(1)</script>'
    location = "postgresql://re%22ader@host/sh%22op%3Cscript%3Ealert(1)%3C%2Fscript%3E"
    mine = Warehouse.objects.create(name=name, kind=Kind.POSTGRESQL, location=location)
    raw = dora.get(
        reverse("admin:jobs_warehouse_connector", args=["postgresql"]) + f"?warehouse={mine.pk}"
    ).content.decode()
    assert "<script>alert" not in raw
    assert 'GRANT CONNECT ON DATABASE "sh""op<script>alert(1)</script>" TO "re""ader";' in unescape(raw)
    assert unescape(raw).count('data-copy="CREATE ROLE') == 1
    for other in ("duckdb", "mysql"):
        assert 're""ader' not in page(dora, "connector", other, query=f"?warehouse={mine.pk}")
    for nothing in ("0", "x", "-1", "", "9" * 40):
        assert "accelerator_reader" in page(dora, "connector", "postgresql", query=f"?warehouse={nothing}")


@pytest.mark.parametrize("name", ["add", "changelist", "connectors"])
def test_nothing_is_inline(dora: Client, name: str) -> None:
    """The policy would refuse it."""
    text = page(dora, name)
    assert "<style" not in text
    assert " style=" not in text
    assert "<script>" not in text
    assert "css/admin.css" in text
