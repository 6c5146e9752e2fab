"""What remains of nonces; the rest of signatures is tests/contract."""

import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client

from accelerator import protocol
from accelerator.cloud import signing
from accelerator.cloud.models import SeenNonce

NOW = int(time.time())

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_nonce_is_remembered_once() -> None:
    assert signing.remember("key", "nonce", NOW)
    assert not signing.remember("key", "nonce", NOW)
    assert signing.remember("other", "nonce", NOW)


def test_a_signature_in_other_letters_is_refused(client: Client) -> None:
    path = "/v1/suppressions"
    key = next(iter(settings.CLOUD_KEYS.values()))
    signed = protocol.sign(key, "GET", path, b"", at=int(time.time()))
    answer = client.get(path, headers=signed | {protocol.HEADER_SIGNATURE: "\xe9"})
    assert (answer.status_code, answer.json()["error"]) == (401, "signature")
    assert client.get(path, headers=signed).status_code == 200


def test_a_request_is_not_heard_again_after_the_clock_was_set_back() -> None:
    signing.remember("key", "captured", NOW)
    SeenNonce.objects.update(seen_at=F("seen_at") - timedelta(hours=26))
    signing.forget_old_nonces()
    assert not signing.remember("key", "captured", NOW)


def test_a_request_from_when_the_clock_was_ahead_is_not_heard_again_when_its_time_comes(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, ahead = "/v1/suppressions", NOW + 40 * 86_400
    signed = protocol.sign(next(iter(settings.CLOUD_KEYS.values())), "GET", path, b"", at=ahead)
    monkeypatch.setattr(time, "time", lambda: float(ahead))
    assert client.get(path, headers=signed).status_code == 200
    # The clock was mended, and forty days have gone by.
    SeenNonce.objects.update(seen_at=F("seen_at") - timedelta(days=40))
    signing.forget_old_nonces()
    assert client.get(path, headers=signed).status_code == 401


def test_old_nonces_are_forgotten_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "PORTION", 2)
    for number in range(5):
        signing.remember("key", str(number), NOW)
        SeenNonce.objects.filter(nonce=number).update(
            seen_at=F("seen_at") - signing.NONCE_LIFE + timedelta(seconds=number - 60)
        )
    signing.forget_old_nonces()
    assert set(SeenNonce.objects.values_list("nonce", flat=True)) == {"2", "3", "4"}


def test_a_nonce_is_forgotten_only_when_its_request_is_too_old_anyway() -> None:
    signing.remember("key", "young", NOW)
    signing.remember("key", "old", NOW)
    SeenNonce.objects.filter(nonce="old").update(seen_at=F("seen_at") - signing.NONCE_LIFE)
    signing.forget_old_nonces()
    assert list(SeenNonce.objects.values_list("nonce", flat=True)) == ["young"]
    assert SeenNonce.objects.filter(seen_at__lte=Now()).exists()
