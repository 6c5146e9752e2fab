"""What signatures leave behind: nonces that were used, and the keys that sign the links in mails."""

from django.db import models
from django.db.models.functions import Now


class SeenNonce(models.Model):
    """A nonce that a request used; kept until its time is too old to pass, even by a clock that was set back."""

    pk = models.CompositePrimaryKey("key_id", "nonce")
    key_id = models.CharField(max_length=100)
    nonce = models.CharField(max_length=64)
    # When it was used, or the time that its request was signed for, if that is later.
    seen_at = models.DateTimeField(db_default=Now(), db_index=True)

    def __str__(self) -> str:
        return self.key_id


class LinkKey(models.Model):
    """A secret that signs links in mails. It is never thrown away: a link must work years after it was sent.

    It lives here and not in the environment, so that rotating keys there breaks no link.
    """

    id = models.PositiveSmallIntegerField(primary_key=True)
    secret = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.id)
