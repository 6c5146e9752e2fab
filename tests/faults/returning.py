"""Mails that came back, brought to the Cloud as a mail server's pipe brings them: until it takes them."""

import os
import subprocess
import sys
import time

from tests.accelerator.cloud.inbound.returning import bounce
from tests.journeys.house import CHECKOUT, KEPT, House

PATIENCE, PAUSE = 120.0, 0.3


def bring(house: House, message: bytes) -> None:
    """A report that this message was not delivered, until somebody has taken it."""
    environment = {name: os.environ[name] for name in KEPT if name in os.environ} | house.environment()
    environment |= {"DJANGO_SETTINGS_MODULE": "accelerator.cloud.settings"}
    report = bounce(message, status="5.2.2", words="The mailbox is full")
    deadline = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(
            [sys.executable, "manage.py", "returned"],
            cwd=CHECKOUT,
            env=environment | {"FAILPOINTS": house.settings["FAILPOINTS"]},
            input=report,
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            assert b"bounced" in done.stdout or b"nothing new" in done.stdout, done.stdout
            return
        assert time.monotonic() < deadline, done.stderr[-2000:]
        time.sleep(PAUSE)
