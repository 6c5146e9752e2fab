"""MAIL_SERVICES as somebody writes it, right or wrong."""

import json
import os
import subprocess
import sys

import pytest

from accelerator.cloud.services import definitions
from accelerator.cloud.services.definitions import DefinitionInvalid

SECRET = "a-key-that-nobody-may-read"


def test_nothing_is_no_service() -> None:
    assert definitions.parse("") == definitions.parse("  \n") == definitions.parse("{}") == {}


def test_the_example_is_one() -> None:
    found = definitions.parse(definitions.EXAMPLE)
    assert found["postmark"].settings == {"server_token": "file:/run/secrets/postmark"}


def test_a_service_has_a_backend_its_settings_and_headers() -> None:
    told = {
        "backend": "postmark",
        "server_token": SECRET,
        "headers": {"X-PM-KeepID": "true"},
        "send_defaults": {"tags": ["shop"]},
    }
    found = definitions.parse(json.dumps({"shop-1": told}))["shop-1"]
    assert (found.name, found.backend, found.headers) == ("shop-1", "postmark", {"X-PM-KeepID": "true"})
    assert found.settings == {"server_token": SECRET, "send_defaults": {"tags": ["shop"]}}
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("postmark", "is no JSON"),
        ('{"postmark": ' + f'"{SECRET}"', "is no JSON"),
        ("[]", "is no JSON object"),
        ('{"Post Mark": {}}', "letters a to z"),
        ('{"": {}}', "letters a to z"),
        ('{"x": "postmark"}', 'The service "x" of MAIL_SERVICES is no object'),
        ('{"x": {}}', 'needs a "backend"'),
        ('{"x": {"backend": "os.path"}}', 'needs a "backend"'),
        ('{"x": {"backend": "postmark", "debug_api_requests": true}}', 'may not have "debug_api_requests"'),
        ('{"x": {"backend": "postmark", "fail_silently": true}}', 'may not have "fail_silently"'),
        (
            '{"x": {"backend": "postmark", "send_defaults": {"bcc": ["a@b.example"]}}}',
            "a call has one recipient",
        ),
        ('{"x": {"backend": "postmark", "send_defaults": {"merge_data": {}}}}', "a call has one recipient"),
        ('{"x": {"backend": "postmark", "headers": ["X"]}}', '"headers" that are no names'),
        ('{"x": {"backend": "postmark", "headers": {"X": "a\\r\\nBcc: b"}}}', '"headers" that are no names'),
        ('{"x": {"backend": "postmark", "headers": {"X: y": "a"}}}', '"headers" that are no names'),
    ],
)
def test_what_is_wrong_is_said_without_a_secret(text: str, said: str) -> None:
    with pytest.raises(DefinitionInvalid, match=said) as found:
        definitions.parse(text)
    assert SECRET not in str(found.value)


def test_a_cloud_that_is_told_nonsense_does_not_start_and_says_why() -> None:
    command = [sys.executable, "manage.py", "check"]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "accelerator.cloud.settings",
        "MAIL_SERVICES": f'{{"x": "{SECRET}"}}',
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode
    assert 'The service "x" of MAIL_SERVICES is no object' in done.stderr
    assert SECRET not in done.stderr


def test_one_that_cannot_be_sent_through_is_said_at_the_start_and_keeps_nobody_else() -> None:
    command = [sys.executable, "manage.py", "check"]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "accelerator.cloud.settings",
        "MAIL_SERVICES": '{"x": {"backend": "postmark"}}',
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert 'The service "x" can\'t be sent through: it lacks the setting "server_token"' in done.stderr
