"""How long the Cloud is waited for: a person in front of a page less long than a worker."""

import uuid
from collections.abc import Callable

import httpx2
import pytest

from accelerator.protocol import Addresses, Key
from jobs.client import LONGEST, PATIENCE, CloudClient, CloudUnreachable

ANN = Addresses(addresses=["ann@example.com"])


@pytest.mark.parametrize(
    ("ask", "seconds"),
    [
        (lambda cloud: cloud.recipients(uuid.uuid4(), "delivered"), PATIENCE),
        (lambda cloud: cloud.suppressions(), PATIENCE),
        (lambda cloud: cloud.find_suppressed(ANN), PATIENCE),
        (lambda cloud: cloud.suppress(ANN), PATIENCE),
        (lambda cloud: cloud.unsuppress(ANN), PATIENCE),
        (lambda cloud: cloud.status(uuid.uuid4()), LONGEST),
        (lambda cloud: cloud.events(uuid.uuid4(), 0), LONGEST),
        (lambda cloud: cloud.put_batch(uuid.uuid4(), 0, b""), LONGEST),
    ],
)
def test_pages_wait_less_long_than_workers(ask: Callable[[CloudClient], object], seconds: float) -> None:
    waited: list[float] = []

    def hang(request: httpx2.Request) -> httpx2.Response:
        waited.append(request.extensions["timeout"]["read"])
        raise httpx2.ReadTimeout("hung", request=request)

    cloud = CloudClient("http://cloud.example", Key("id", "secret"), transport=httpx2.MockTransport(hang))
    with pytest.raises(CloudUnreachable):
        ask(cloud)
    cloud.close()
    assert waited == [seconds]
