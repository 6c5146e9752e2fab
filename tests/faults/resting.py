"""Whether a Job has come to rest, by both databases."""

import uuid
from collections.abc import Mapping

from tests.faults.stores import Store

DASHBOARD = """
SELECT job.state IN ('completed', 'failed')
    AND NOT EXISTS (SELECT FROM jobs_step WHERE job_id = job.id AND (due_at IS NOT NULL OR leased_until IS NOT NULL))
    AND NOT EXISTS (SELECT FROM jobs_notice WHERE job_id = job.id AND outcome IN ('pending', 'handing_over'))
FROM jobs_job job WHERE id = %s
"""
CLOUD = "SELECT NOT EXISTS (SELECT FROM cloud_intent WHERE mailing_id = %s AND state = 'in_flight')"


def rests(stores: Mapping[str, Store], job: uuid.UUID) -> bool:
    """Its state is an end, nothing of it is due, and nobody is being contacted."""
    return bool(stores["dashboard"].rows(DASHBOARD, job)[0][0]) and bool(
        stores["cloud"].rows(CLOUD, job)[0][0]
    )
