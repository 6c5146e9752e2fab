"""What remains of nonces; the rest of signatures is tests/contract."""

import pytest
from django.db.models import F
from django.db.models.functions import Now

from accelerator.cloud import signing
from accelerator.cloud.models import SeenNonce

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_nonce_is_remembered_once() -> None:
    assert signing.remember("key", "nonce")
    assert not signing.remember("key", "nonce")
    assert signing.remember("other", "nonce")


def test_a_nonce_is_forgotten_only_when_its_request_is_too_old_anyway() -> None:
    signing.remember("key", "young")
    signing.remember("key", "old")
    SeenNonce.objects.filter(nonce="old").update(seen_at=F("seen_at") - signing.NONCE_LIFE)
    signing.forget_old_nonces()
    assert list(SeenNonce.objects.values_list("nonce", flat=True)) == ["young"]
    assert SeenNonce.objects.filter(seen_at__lte=Now()).exists()
