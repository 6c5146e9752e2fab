"""How long the Cloud is waited for (a person in a page less long than a worker), and who is believed to be it."""

import ssl
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx2
import pytest

from accelerator.protocol import Addresses, Key
from jobs import client
from jobs.client import LONGEST, PATIENCE, CloudClient, CloudRefused, CloudUnreachable
from tests.jobs.warehouses.mysql import certificates

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


class _Refusing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The port and the certificate of a Cloud called localhost, which refuses everything."""
    certificate = certificates.make(tmp_path / "certificate.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with HTTPServer(("127.0.0.1", 0), _Refusing) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_address[1], certificate
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
def test_a_cloud_is_believed_on_the_word_of_the_machines_authorities(
    encrypted: tuple[int, Path], scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, certificate = encrypted
    cloud = CloudClient(f"{scheme}://localhost:{port}", Key("id", "secret"))
    with pytest.raises(CloudUnreachable) as unknown:
        cloud.suppressions()
    assert "certificate verify failed" in str(unknown.value.__cause__)
    cloud.close()
    paths = ssl.get_default_verify_paths()._replace(openssl_cafile=str(certificate), openssl_capath="")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    client._trusted.cache_clear()
    try:
        cloud = CloudClient(f"{scheme}://localhost:{port}", Key("id", "secret"))
        with pytest.raises(CloudRefused):
            cloud.suppressions()
        cloud.close()
    finally:
        client._trusted.cache_clear()
