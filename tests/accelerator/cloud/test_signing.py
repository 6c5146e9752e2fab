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

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_nonce_is_remembered_once() -> None:
    assert signing.remember("key", "nonce")
    assert not signing.remember("key", "nonce")
    assert signing.remember("other", "nonce")


def test_a_signature_in_other_letters_is_refused(client: Client) -> None:
    path = "/v1/suppressions"
    key = next(iter(settings.CLOUD_KEYS.values()))
    signed = protocol.sign(key, "GET", path, b"", at=int(time.time()))
    answer = client.get(path, headers=signed | {protocol.HEADER_SIGNATURE: "\xe9"})
    assert (answer.status_code, answer.json()["error"]) == (401, "signature")
    assert client.get(path, headers=signed).status_code == 200


def test_a_request_is_not_heard_again_after_the_clock_was_set_back() -> None:
    signing.remember("key", "captured")
    SeenNonce.objects.update(seen_at=F("seen_at") - timedelta(hours=26))
    signing.forget_old_nonces()
    assert not signing.remember("key", "captured")


def test_old_nonces_are_forgotten_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "PORTION", 2)
    for number in range(5):
        signing.remember("key", str(number))
        SeenNonce.objects.filter(nonce=number).update(
            seen_at=F("seen_at") - signing.NONCE_LIFE + timedelta(seconds=number - 60)
        )
    signing.forget_old_nonces()
    assert set(SeenNonce.objects.values_list("nonce", flat=True)) == {"2", "3", "4"}


def test_a_nonce_is_forgotten_only_when_its_request_is_too_old_anyway() -> None:
    signing.remember("key", "young")
    signing.remember("key", "old")
    SeenNonce.objects.filter(nonce="old").update(seen_at=F("seen_at") - signing.NONCE_LIFE)
    signing.forget_old_nonces()
    assert list(SeenNonce.objects.values_list("nonce", flat=True)) == ["young"]
    assert SeenNonce.objects.filter(seen_at__lte=Now()).exists()
