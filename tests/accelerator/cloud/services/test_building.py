"""From a definition to a service, or to the sentence that says what is wrong."""

from pathlib import Path

import pytest

from accelerator.cloud.services import building
from accelerator.cloud.services.definitions import Definition
from accelerator.cloud.services.unusable import Unusable

# Anymail says of some that it does not try them any more.
pytestmark = pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning")

SECRET = "a-key-that-nobody-may-read"
# Each with the least that it needs.
BACKENDS: dict[str, dict[str, object]] = {
    "brevo": {"api_key": SECRET},
    "mailersend": {"api_token": SECRET},
    "mailgun": {"api_key": SECRET},
    "mailjet": {"api_key": SECRET, "secret_key": SECRET},
    "mailtrap": {"api_token": SECRET},
    "mandrill": {"api_key": SECRET},
    "postal": {"api_key": SECRET, "api_url": "https://postal.example/"},
    "postmark": {"server_token": SECRET},
    "resend": {"api_key": SECRET},
    "scaleway": {"project_id": "shop", "secret_key": SECRET},
    "sendgrid": {"api_key": SECRET},
    "sparkpost": {"api_key": SECRET},
    "unisender_go": {"api_key": SECRET, "api_url": "https://unisender.example/"},
}
# Those whose API can be told not to count opens and clicks.
TELLS = {"mailersend", "mailgun", "mailjet", "mandrill", "postmark", "sendgrid", "sparkpost", "unisender_go"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_backend_takes_what_our_messages_have(backend: str) -> None:
    service = building.build(Definition("x", backend, BACKENDS[backend]))
    assert service.flags == (dict.fromkeys(building.TRACKING, False) if backend in TELLS else {})
    session = service.backend().create_session()
    assert set(session.adapters) == {"http://", "https://"}
    for adapter in session.adapters.values():
        assert adapter.max_retries.total == 0
        assert not adapter.max_retries.is_retry("POST", 503, has_retry_after=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_it_lacks_is_named_as_it_is_written_there(backend: str) -> None:
    for name in BACKENDS[backend]:
        rest = {key: value for key, value in BACKENDS[backend].items() if key != name}
        with pytest.raises(Unusable, match=f'it lacks the setting "{name}"'):
            building.build(Definition("x", backend, rest))


@pytest.mark.parametrize(
    ("backend", "given", "said"),
    [
        ("nonsense", {}, 'has no backend "nonsense"'),
        ("base", {}, 'has no backend "base"'),
        ("amazon_ses", {}, "nobody could tell whether a message has left"),
        ("console", {}, "does not send by a request of its own"),
        (
            "postmark",
            {"server_token": SECRET, "sevrer": 1},
            '"sevrer" is no setting of the backend "postmark"',
        ),
        ("postmark", {"server_token": SECRET, "api_url": "localhost:1"}, "look at its api_url and keys"),
        ("postmark", {"server_token": SECRET, "api_url": "//"}, "look at its api_url and keys"),
        ("postmark", {"server_token": f"{SECRET}\r\nX: y"}, "look at its api_url and keys"),
        (
            "postmark",
            {"server_token": "file:/nowhere/at/all"},
            "/nowhere/at/all, which one of its settings names",
        ),
    ],
)
def test_what_is_wrong_is_said(backend: str, given: dict[str, object], said: str) -> None:
    with pytest.raises(Unusable, match=said) as found:
        building.build(Definition("x", backend, given))
    assert str(found.value).startswith('The service "x" can\'t be sent through: ')
    assert SECRET not in str(found.value)


def test_a_setting_may_be_the_text_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\n")
    service = building.build(Definition("x", "postmark", {"server_token": f"file:{tmp_path}/token"}))
    assert service.backend().server_token == SECRET
    assert service.discreet(f"no such token: {SECRET}.") == "no such token: ***."


def test_secrets_are_those_of_inner_settings_too_and_public_ones_are_none() -> None:
    given = {
        "api_url": "https://eu.example/",
        "send_defaults": {"esp_extra": {"token": SECRET}},
        "flag": True,
    }
    assert building._secrets(given) == {SECRET}
