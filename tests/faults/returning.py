"""Mails that came back, brought to the Cloud as a mail server's pipe brings them: until it takes them."""

import os
import subprocess
import sys
import time

from tests.journeys.house import CHECKOUT, KEPT, House

PATIENCE, PAUSE = 120.0, 0.3

REPORT = b"""\
From: MAILER-DAEMON@mx.example
To: returns@sender.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_report"

--=_report
Content-Type: text/plain

This message could not be delivered.

--=_report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; somebody@else.example
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp; 552 5.2.2 The mailbox is full

--=_report
Content-Type: message/rfc822

%b
--=_report--
"""


def bring(house: House, message: bytes) -> None:
    """A report that this message was not delivered, until somebody has taken it."""
    environment = {name: os.environ[name] for name in KEPT if name in os.environ} | house.environment()
    environment |= {"DJANGO_SETTINGS_MODULE": "accelerator.cloud.settings"}
    deadline = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(
            [sys.executable, "manage.py", "returned"],
            cwd=CHECKOUT,
            env=environment | {"FAILPOINTS": house.settings["FAILPOINTS"]},
            input=REPORT % message,
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            assert b"bounced" in done.stdout or b"nothing new" in done.stdout, done.stdout
            return
        assert time.monotonic() < deadline, done.stderr[-2000:]
        time.sleep(PAUSE)
