"""Retention: the first rows of an Audience, which previews are rendered with, are kept for RETENTION after a look."""

import logging

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from campaigns.models import Audience

logger = logging.getLogger(__name__)


def sweep() -> int:
    """Forget the rows of Audiences that nobody looked at for so long; of how many. The next look brings new ones."""
    old = Q(sampled_at=None) | Q(sampled_at__lt=Now() - settings.RETENTION)
    forgotten = Audience.objects.filter(old).exclude(sample=[]).update(sample=[])
    if forgotten:
        logger.info("the sample rows of %s audiences are deleted", forgotten)
    return forgotten
