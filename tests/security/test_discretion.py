"""A whole Job with real processes and canaries for its secrets and recipients: none is heard where it should not be."""

import base64
import json
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx2 as httpx
import psycopg
import pytest
import redis
from django.contrib.auth.models import User
from django.db import connection
from pytest_django.fixtures import Settings

from jobs.models import Job, Kind, Warehouse
from jobs.states import State
from jobs.warehouses import seal_secret
from tests.accelerator.waiting import until
from tests.contract.conftest import cloud_database, free_port
from tests.jobs import cast
from tests.mail import MailReceiver
from tests.security.running import Broker, Processes
from tests.warehouses import READER, reader

__all__ = ["cloud_database"]

# In every address and name of a recipient, and in every secret.
CANARY, SECRET = "kanarie", "geheimnis"
PEOPLE = [
    (1, f"ok-{CANARY}@{CANARY}.example", f"{CANARY} One"),
    (2, f"ok2-{CANARY}@{CANARY}.example", f"{CANARY} Two"),
    (3, f"reject-{CANARY}@{CANARY}.example", f"{CANARY} Three"),
    (4, f"defer-{CANARY}@{CANARY}.example", f"{CANARY} Four"),
    (5, f"dropafterdot-{CANARY}@{CANARY}.example", f"{CANARY} Five"),
    (6, f"not {CANARY} an address", "Six"),
]
# Whom the PostgreSQL warehouse knows.
ELSEWHERE = f"ok7-{CANARY}@{CANARY}.example"
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@dataclass
class House:
    """Dashboard and Cloud, each with its web server and its worker."""

    processes: Processes
    broker: Broker
    dashboard: str
    cloud: str


def secret(name: str) -> str:
    return f"{SECRET}-{name}-" + "x" * 30


def with_password(url: str, name: str, user: str = "") -> str:
    """The URL of a server with a password that must not be told."""
    parts = urlsplit(url)
    before, _, host = parts.netloc.rpartition("@")
    user = user or before.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}:{secret(name)}@{host}"))


@pytest.fixture
def relay() -> Iterator[MailReceiver]:
    """The mail server of SMTP_URL, which knows its clients by a password."""
    receiver = MailReceiver(password=secret("relay"))
    receiver.start()
    yield receiver
    receiver.stop()


@pytest.fixture
def broker_url() -> Iterator[str]:
    """The broker, for a user who has a password."""
    url = os.environ["REDIS_URL"]
    with redis.Redis.from_url(url) as admin:
        admin.acl_setuser(
            "canary",
            enabled=True,
            passwords=[f"+{secret('broker')}"],
            keys=["*"],
            channels=["*"],
            commands=["+@all"],
        )
        yield with_password(url, "broker", user="canary")
        admin.acl_deluser("canary")


@pytest.fixture
def house(
    transactional_db: None,
    cloud_database: str,
    mail_receiver: MailReceiver,
    relay: MailReceiver,
    broker_url: str,
    settings: Settings,
    tmp_path: Path,
) -> Iterator[House]:
    ports = {"dashboard": free_port(), "cloud": free_port()}
    url = urlsplit(os.environ["DATABASE_URL"])
    environment = os.environ | {
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": "json",
        "DATA_DIR": str(tmp_path / "data"),
        "DATABASE_URL": with_password(
            urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}")), "database"
        ),
        "CLOUD_DATABASE_URL": with_password(cloud_database, "database"),
        "REDIS_URL": broker_url,
        "CLOUD_REDIS_URL": broker_url,
        "SECRET_KEY": secret("dashboard"),
        "CLOUD_SECRET_KEY": secret("cloud"),
        "CLOUD_KEY": f"canaries:{secret('key')}",
        "CLOUD_KEYS": f"canaries:{secret('key')}",
        "METRICS_TOKEN": secret("metrics"),
        "CLOUD_URL": f"http://127.0.0.1:{ports['cloud']}",
        "CLOUD_PUBLIC_URL": f"http://127.0.0.1:{ports['cloud']}",
        "SMTP_URL": with_password(relay.url, "relay", user="accelerator"),
        # A password that the receiver did not ask for: the notices are refused, and that is logged.
        "EMAIL_URL": f"smtp://user:{secret('mail')}@127.0.0.1:{mail_receiver.port}",
        "RETRY_DELAYS": "1h",
    }
    settings.SECRET_KEY = environment["SECRET_KEY"]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    processes = Processes(tmp_path, environment)
    processes.run(
        ("accelerator.cloud", "migrate", "--verbosity=0"),
        ("accelerator", "collectstatic", "--noinput", "--verbosity=0"),
    )
    with Broker(os.environ["REDIS_URL"]) as broker:
        try:
            for project, port in (("accelerator", ports["dashboard"]), ("accelerator.cloud", ports["cloud"])):
                processes.serve(project, port)
                processes.work(project)
            made = House(processes, broker, *(f"http://127.0.0.1:{port}" for port in ports.values()))
            processes.wait_for(made.dashboard)
            processes.wait_for(made.cloud)
            yield made
        finally:
            processes.end()


def browser(house: House, name: str) -> httpx.Client:
    """Somebody who is logged in by the form, whose password is a secret too."""
    client = httpx.Client(base_url=house.dashboard, headers=BROWSER, timeout=30, follow_redirects=True)
    page = client.get("/login/").text
    after = client.post("/login/", data={"username": name, "password": secret("person"), **token(page)})
    assert after.url.path == "/campaigns/"
    return client


def token(page: str) -> dict[str, str]:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"|"X-CSRFToken": "([^"]+)"', page)
    assert found
    return {"csrfmiddlewaretoken": found[1] or found[2]}


def person(name: str, *, admin: bool = False) -> None:
    made = cast.person(name, cast.account())
    made.is_superuser = made.is_staff = admin
    made.set_password(secret("person"))
    made.save()


def standing(job: Job) -> str:
    return Job.objects.values_list("state", flat=True).get(pk=job.pk)


def test_no_address_and_no_secret_is_told_to_those_whom_they_do_not_concern(
    house: House, relay: MailReceiver, tmp_path: Path
) -> None:
    person("alice")
    person("root", admin=True)
    job, failing, *of_postgresql = launch(tmp_path)
    until(lambda: standing(job) == State.COLLECTING, within=120)
    until(lambda: standing(failing) == State.FAILED, within=120)
    extracted, waiting = of_postgresql
    until(lambda: standing(extracted) not in (State.INITIALIZING, State.FAILED), within=120)
    until(lambda: Job.objects.get(pk=waiting.pk).waiting_for, within=120)
    until(lambda: "SMTPNotSupportedError" in house.processes.said(), within=120)
    until(lambda: len(relay.messages) == 4, within=120)
    engage(relay)
    errors = look(house, job, failing, *of_postgresql)
    until(lambda: Job.objects.get(pk=job.pk).events_cursor >= 10, within=120)

    # It has been a Job with all that can happen, or nothing would be proved.
    assert relay.logins > 0
    assert {recipient for _, recipient, _ in relay.messages} == {
        ELSEWHERE,
        PEOPLE[0][1],
        PEOPLE[1][1],
        PEOPLE[4][1],
    }
    asked, said, told = house.processes.asked(), house.processes.said(), house.broker.everything()
    assert any(re.search(r"PUT /v1/mailings/[^/]+/batches/0", one) for one in asked)
    assert any(one.startswith("POST /suppressions/") for one in asked)
    assert any(one.startswith("GET /o/") for one in asked)
    assert str(job.pk) in said
    assert b"run_step" in told

    for canary in (CANARY, SECRET):
        assert not [one for one in asked if canary in one.lower()]
        assert not [line for line in said.splitlines() if canary in line.lower()]
        assert not [line for line in told.lower().splitlines() if canary.encode() in line]
        assert not [page for page in errors if canary in page.lower()]


def launch(folder: Path) -> tuple[Job, ...]:
    """A Job that goes out, and one whose SQL fails at a value that nobody should read; then one from a PostgreSQL that
    wants a password, and one from such a warehouse that can't be reached."""
    warehouse = cast.customers(folder / "shop.duckdb", PEOPLE)
    alice = User.objects.get(username="alice")
    html = '<p>{{ first_name }}</p><a href="https://shop.example/?to={{ first_name }}">x</a>{{ unsubscribe_url }}'
    job = cast.job(warehouse, alice, html=html)
    failing = cast.job(
        warehouse, alice, sql="SELECT id, email, CAST(email AS INT) AS first_name FROM customers"
    )
    sealed = seal_secret(secret("warehouse"))
    sql = f"SELECT 7 AS id, '{ELSEWHERE}' AS email, 'Seven' AS first_name"
    info = connection.connection.info
    with psycopg.connect(
        host=info.host, port=info.port, user=info.user, dbname="postgres", autocommit=True
    ) as admin:
        reader(admin)
    there = f"postgresql://{READER}@/postgres?host={info.host}&port={info.port}"
    from_postgresql = [
        cast.job(
            Warehouse.objects.create(name=name, kind=Kind.POSTGRESQL, location=location, secret=sealed),
            alice,
            sql=sql,
            html=html,
        )
        for name, location in (("elsewhere", there), ("away", "postgresql://shop@127.0.0.1:1/shop"))
    ]
    return job, failing, *from_postgresql


def engage(receiver: MailReceiver) -> None:
    """The people open, click and unsubscribe; and somebody alters a link."""
    with httpx.Client(headers=BROWSER) as http:
        for _, _, content in receiver.messages:
            text = content.decode("utf-8", "replace").replace("=\r\n", "").replace("=3D", "=")
            links = set(re.findall(r"http://127\.0\.0\.1:\d+/([ocu])/([\w-]+)", text))
            base = re.search(r"http://127\.0\.0\.1:\d+", text)
            assert base
            assert {kind for kind, _ in links} == {"o", "c", "u"}
            for kind, value in links:
                http.request("POST" if kind == "u" else "GET", f"{base[0]}/{kind}/{value}")
                http.get(f"{base[0]}/{kind}/{value[:-1]}")


def look(house: House, job: Job, *others: Job) -> list[str]:
    """Look at every page, ask, search and err; the pages of errors."""
    address = PEOPLE[0][1]
    alice, root = browser(house, "alice"), browser(house, "root")
    for one in (job, *others):
        assert alice.get(f"/jobs/{one.pk}/").status_code == 200
    for outcome in ("delivered", "bounced", "suppressed", "render_errors", "unknown", "deferred"):
        alice.get(f"/jobs/{job.pk}/recipients/{outcome}/")
    page = alice.get(f"/jobs/{job.pk}/").text
    version = str(Job.objects.get(pk=job.pk).version)
    alice.post(f"/jobs/{job.pk}/ask/", data={"wish": "pause", "seen": version, "why": address, **token(page)})
    listed = root.get("/suppressions/").text
    for act in ("find", "add", "remove"):
        root.post(
            "/suppressions/", data={"act": act, "address": address, "addresses": address, **token(listed)}
        )
    errors = [
        alice.get(f"/jobs/{uuid.uuid4()}/"),
        alice.post("/jobs/pause-everything/", data={"why": address, **token(page)}),
        alice.post(f"/jobs/{job.pk}/ask/", data={"wish": address, "seen": address, **token(page)}),
        alice.post("/campaigns/new/", data={"name": address}),
        httpx.get(f"{house.dashboard}/metrics"),
        httpx.get(f"{house.dashboard}/readyz"),
        httpx.get(f"{house.cloud}/readyz"),
        httpx.post(f"{house.cloud}/v1/suppressions", json={"addresses": [address]}),
        httpx.put(f"{house.cloud}/v1/mailings/{job.pk}", content=address.encode()),
    ]
    assert {one.status_code for one in errors} >= {400, 401, 403, 404}
    alice.close()
    root.close()
    return [one.text for one in errors]


def test_whatever_a_broker_is_told_is_heard() -> None:
    """Or the test above would prove nothing: what is there for a moment, and what is there in base64."""
    with Broker(os.environ["REDIS_URL"]) as broker:
        broker.client.lpush("queue", json.dumps({"body": base64.b64encode(f"to {CANARY}".encode()).decode()}))
        broker.client.delete("queue")
        broker.client.set(f"kept for {SECRET}", "x")
        told = broker.everything()
        broker.client.delete(f"kept for {SECRET}")
    assert CANARY.encode() in told
    assert SECRET.encode() in told
