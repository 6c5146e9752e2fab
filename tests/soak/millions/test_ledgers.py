"""The two databases, the page and the mail server's count are read as they are: real tables, and few rows."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from campaigns import launching
from campaigns.models import Campaign
from jobs.models import Event, Job, Warehouse
from tests import services
from tests.campaigns.conftest import alice, audience, campaign, profile, template
from tests.jobs import cast
from tests.jobs.conftest import warehouse
from tests.soak.millions import customers, ledgers, planning, rules
from tests.soak.millions.counted import Counted

__all__ = ["alice", "audience", "campaign", "profile", "template", "warehouse"]

COUNT = 20
PAGE = """<tr id="row-delivered"><th>Delivered</th><td>16,1 02</td><td>83 %</td></tr>
<tr id="row-unknown" class="legend-none"><th>Unknown</th><td>2</td><td></td></tr>"""


@pytest.fixture
def cloud(empty_cloud: str) -> Iterator[psycopg.Connection]:
    with services.database_beside(empty_cloud) as url, psycopg.connect(url, autocommit=True) as database:
        yield database


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Counted]:
    seen = Counted(tmp_path / "counted.bin", COUNT)
    yield seen
    seen.close()


def contact(cloud: psycopg.Connection, job: uuid.UUID, position: int, address: str, state: str) -> None:
    """A row of the Cloud's ledger; whoever did not get a claim on the address has no key."""
    key = None if state == "suppressed" else address.lower()
    cloud.execute(
        "INSERT INTO cloud_intent (mailing_id, batch_id, position, address_key, address, recipient_id, state, attempts,"
        " code, reply, committed_at) VALUES (%s, 1, %s, %s, %s, 'x', %s, 1, '', '', '2026-11-01')",
        [job, position, key, address, state],
    )


def batch(cloud: psycopg.Connection, job: uuid.UUID, number: int, delivered: int) -> None:
    """Ten records, as its tallies have them; the mailing itself is not there."""
    cloud.execute("SET session_replication_role = replica")
    cloud.execute(
        "INSERT INTO cloud_batch (mailing_id, number, records, size, sha256, epoch, in_flight, deferred, delivered,"
        " bounced, suppressed, render_errors, unknown, attempted)"
        " VALUES (%s, %s, 10, 1, '', 0, 0, 0, %s, 1, 0, 0, 0, 10)",
        [job, number, delivered],
    )


@pytest.mark.django_db(transaction=True)
def test_each_recipient_is_read_from_both_sides(
    cloud: psycopg.Connection, counted: Counted, warehouse: Warehouse, alice: User
) -> None:
    job = cast.job(warehouse, alice)
    Job.objects.filter(pk=job.pk).update(extracted=18, dropped_invalid=1, counts_document={"delivered": 15})
    when = timezone.now()
    for position in (1, 2):
        Event.objects.create(
            job=job, position=position, kind="delivered", at=when, batch=1, record=7, recipient_id="x"
        )
    for number in (1, 2, 4, 5):
        contact(cloud, job.pk, number, f"Customer.{number}@Shop{number}.example", "delivered")
        counted.accept(number)
    counted.accept(5)
    contact(cloud, job.pk, 6, customers.address(6), "unknown")
    contact(cloud, job.pk, 8, customers.address(8), "suppressed")
    contact(cloud, job.pk, 11, customers.address(11), "bounced")
    counted.refuse(11)
    contact(cloud, job.pk, 12, "customer.12@shop13.example", "delivered")
    contact(cloud, job.pk, 13, customers.address(21), "delivered")
    contact(cloud, uuid.uuid4(), 9, customers.address(9), "delivered")
    batch(cloud, job.pk, 0, 9)
    batch(cloud, job.pk, 1, 5)
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    with psycopg.connect(urlunsplit(url), autocommit=True) as dashboard:
        found = ledgers.read(dashboard, cloud, job.pk, PAGE, counted)
    usual, states = customers.USUAL, ledgers.STATES
    assert found.rested == {
        (usual, states.index("delivered"), 1, 0): 3,
        (usual, states.index("delivered"), 2, 0): 1,
        (usual, states.index("unknown"), 0, 0): 1,
        (usual, states.index("suppressed"), 0, 0): 1,
        (customers.REFUSED, states.index("bounced"), 0, 1): 1,
        (customers.INVALID, 0, 0, 0): 1,
        (customers.DUPLICATE, 0, 0, 0): 1,
        (usual, 0, 0, 0): 11,
    }
    assert (found.alien, found.doubled, found.windows, found.at("delivered")) == (2, 0, [1], 4)
    assert (found.job_state, found.extracted, found.told["delivered"]) == ("initializing", 18, 15)
    assert found.dropped == {customers.INVALID: 1, customers.DUPLICATE: 0}
    assert found.shown == {"delivered": 16_102, "unknown": 2}
    assert {name: n for name, n in found.counted.items() if n} == {
        "records": 20,
        "delivered": 14,
        "bounced": 2,
    }
    assert found.events == {"delivered": (2, 1)}
    assert any("are nowhere" in sentence for sentence in rules.violations(found))


def test_the_campaign_is_one_that_can_be_launched(
    campaign: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the rows of its warehouse are those that are judged."""
    path = tmp_path / "millions.duckdb"
    customers.write_warehouse(path, 1_000)
    planning.main(str(path))
    made = Campaign.objects.get(pk=int(capsys.readouterr().out))
    assert launching.blockers(made) == []
    assert made.audience is not None
    assert made.audience.size == 1_000
    assert len(customers.kinds(1_000)) == 1_001
