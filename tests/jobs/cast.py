"""The people, the account, the warehouse and the Jobs that the tests of jobs/ share."""

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb
from django.contrib.auth.models import Group, Permission, User

from accelerator.protocol import Counts, MailingState, MailingStatus, Sender, TemplateSource
from jobs import control
from jobs.models import AudienceCopy, Job, JobInstructions, Kind, Step, Warehouse

SQL = "SELECT id, email, first_name FROM customers ORDER BY id"


def account(name: str = "Northwind") -> Group:
    return Group.objects.get_or_create(name=name)[0]


def person(name: str, *accounts: Group, support: bool = False) -> User:
    """Somebody who may log in as `name`, password "password"."""
    user = User.objects.create_user(name, f"{name}@northwind.example", "password")
    user.groups.set(accounts)
    if support:
        user.user_permissions.add(Permission.objects.get(codename="view_every_job"))
    return user


def customers(path: Path, rows: Sequence[tuple[object, object, object]]) -> Warehouse:
    """A DuckDB file with these (id, email, first_name) rows, and its Warehouse."""
    path.write_bytes(_file_of(tuple(rows)))
    return Warehouse.objects.create(name=path.stem, kind=Kind.DUCKDB, location=str(path))


@functools.lru_cache(maxsize=64)
def _file_of(rows: tuple[tuple[object, object, object], ...]) -> bytes:
    """Hundreds of tests have the same few rows, and a file is sooner written than made by DuckDB."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "customers.duckdb"
        with duckdb.connect(str(path)) as database:
            database.execute("CREATE TABLE customers (id INTEGER, email TEXT, first_name TEXT)")
            if rows:
                database.executemany("INSERT INTO customers VALUES (?, ?, ?)", rows)
        return path.read_bytes()


def instructions(**changes: object) -> JobInstructions:
    document: dict[str, object] = {
        "campaign": "Autumn sale",
        "audience": AudienceCopy(name="Everybody", sql=SQL, recipient_id_column="id", email_column="email"),
        "template": TemplateSource(
            subject="Hello {{ first_name }}", html="<p>{{ first_name }}</p>", text="{{ first_name }}"
        ),
        "sender": Sender(from_name="Northwind", from_address="news@northwind.example"),
        "notification_address": "campaigns@northwind.example",
    }
    audience = {
        name: changes.pop(name)
        for name in ("sql", "email_column", "recipient_id_column", "variables", "size")
        if name in changes
    }
    template = {name: changes.pop(name) for name in ("subject", "html", "text") if name in changes}
    document["audience"] = document["audience"].model_copy(update=audience)  # type: ignore[attr-defined]
    document["template"] = document["template"].model_copy(update=template)  # type: ignore[attr-defined]
    return JobInstructions.model_validate(document | changes)


def job(warehouse: Warehouse, by: User, **changes: object) -> Job:
    """A Job of Autumn sale, Initializing."""
    return control.create(instructions(**changes), account=account(), warehouse=warehouse, by=by)


def step(job: Job, kind: str) -> Step:
    return job.steps.get(kind=kind)


def status(job: Job, seq: int = 0, *, request_id: str | None = "02-request", **counts: int) -> MailingStatus:
    """What the Cloud would say about the Job's mailing."""
    state = MailingState.RUNNING if request_id else MailingState.UNKNOWN
    return MailingStatus(
        key=str(job.pk), state=state, request_id=request_id, seq=seq, counts=Counts(**counts)
    )
