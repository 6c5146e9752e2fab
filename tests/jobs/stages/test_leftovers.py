"""Nothing of an extraction is left in the spool, whichever way it ends."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages

from accelerator import leases
from jobs import control, spool, steps
from jobs.models import Job
from jobs.stages import extracting
from jobs.states import Wish
from jobs.warehouses import AudienceSqlError, WarehouseError, WarehouseUnreachable
from tests.jobs import cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("wish", [Wish.CANCEL, Wish.PAUSE])
@pytest.mark.parametrize("error", [AudienceSqlError, WarehouseUnreachable])
def test_an_error_that_comes_with_an_ask_leaves_nothing(
    job: Job, bob: User, wish: Wish, error: type[WarehouseError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The heartbeat has not noticed the Ask; whoever wants to say what is wrong meets it first."""
    read: Callable[..., object] = extracting._read

    def asked(*arguments: object) -> None:
        read(*arguments)
        assert storages["spool"].listdir(str(job.pk))[0]
        control.ask(job, wish, by=bob, seen=job.version)
        raise error("the line broke")

    monkeypatch.setattr(extracting, "_read", asked)
    steps.run(cast.step(job, "initializing").pk)
    assert not spool.jobs() or storages["spool"].listdir(str(job.pk)) == ([], [])
    leases.wake(job.steps.filter(kind="collecting"))
