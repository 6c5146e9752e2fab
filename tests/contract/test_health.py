"""How the Cloud is: its clock, and its parts in sentences."""

import time

from accelerator.protocol import CloudHealth
from tests.contract.caller import Caller


def test_it_says_how_it_is_part_by_part(cloud: Caller) -> None:
    response = cloud.get("/v1/health")
    assert response.status_code == 200
    health = CloudHealth.model_validate_json(response.content)
    assert abs(health.time - time.time()) < 60
    assert health.parts
    assert all(part.name and part.sentence for part in health.parts)
