"""What the settings wire: a request to the Cloud is named; its lines, and a sender's, say which mailing it is about."""

import io
import json
import logging
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accelerator import logs, protocol
from tests.accelerator.cloud.mailings import send, submit
from tests.mail import MailReceiver


class Log:
    """What a handler with our format wrote."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    handler = logging.StreamHandler(log.stream)
    handler.setFormatter(logs.formatter("json"))
    logging.getLogger().addHandler(handler)
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.INFO)
    yield log
    logging.getLogger().setLevel(level)
    logging.getLogger().removeHandler(handler)


@pytest.mark.django_db
def test_lines_of_a_request_name_it_and_the_mailing(log: Log) -> None:
    key = uuid.uuid4()
    path = f"/v1/mailings/{key}"
    (signer,) = settings.CLOUD_KEYS.values()
    headers = protocol.sign(signer, "GET", path, b"", at=int(time.time()))
    response = Client().get(path, headers=headers)
    assert response.status_code == 404
    (line,) = log.lines()
    assert line["request_id"] == response["X-Request-ID"]
    assert line["key"] == str(key)
    assert signer.secret not in log.stream.getvalue()


@pytest.mark.django_db(transaction=True)
def test_lines_of_a_sender_name_the_mailing_and_nobody_else(log: Log, receiver: MailReceiver) -> None:
    mailing = submit(["ok1@customers.example", "reject2@customers.example"])
    send()
    said = [line for line in log.lines() if line["logger"] == "accelerator.cloud.delivering"]
    assert said
    assert {(line["key"], line["batch"]) for line in said} == {(str(mailing.key), 0)}
    assert "customers.example" not in log.stream.getvalue()
