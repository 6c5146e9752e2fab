"""A token for a service principal by its client secret (RFC 6749, section 4.4), kept until shortly before it ends."""

import threading
import time
from collections.abc import Callable

import httpx2

EARLY = 60.0  # seconds before its end that a token is no longer used
PATIENCE = 20.0  # seconds


class Refused(Exception):
    """There is no token; the text says why, without the secret."""


class ClientCredentials:
    """What Databricks' connector calls a credentials provider: called, it gives what gives the headers."""

    def __init__(self, url: str, client: str, secret: str) -> None:
        self._url, self._auth = url, (client, secret)
        self._lock, self._token, self._until = threading.Lock(), "", 0.0

    def auth_type(self) -> str:
        return "oauth-m2m"

    def __call__(self) -> Callable[[], dict[str, str]]:
        return self.headers

    def headers(self) -> dict[str, str]:
        """Raises Refused."""
        with self._lock:
            if time.monotonic() > self._until:
                self._renew()
            return {"Authorization": f"Bearer {self._token}"}

    def _renew(self) -> None:
        form = {"grant_type": "client_credentials", "scope": "all-apis"}
        try:
            response = httpx2.post(self._url, data=form, auth=self._auth, timeout=PATIENCE)
            told = response.raise_for_status().json()
            self._token = str(told["access_token"])
            self._until = time.monotonic() + float(told["expires_in"]) - EARLY
        except httpx2.HTTPStatusError as error:
            raise Refused(
                f"the service principal gets no token (HTTP {error.response.status_code}); see its client id and secret"
            ) from None
        except (httpx2.HTTPError, KeyError, TypeError, ValueError) as error:
            raise Refused(f"no token could be had ({type(error).__name__})") from None
