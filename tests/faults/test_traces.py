"""What counts as a secret of a house, and where it is looked for."""

import base64

from tests.faults import traces

TOLD = {
    "SECRET_KEY": "a-secret-key",
    "SECRET_KEY_FALLBACKS": "an-older-one,the-oldest-one",
    "CLOUD_KEYS": "id1:first-key,id2:second-key",
    "METRICS_TOKEN": "a-token",
    "SMTP_URL": "smtp+tls://user:pass%2Fword@relay.example:587",
    "DATABASE_URL": "postgres:///accelerator?host=/run",
    "CLOUD_ALLOWED_HOSTS": "localhost",
}


def test_every_setting_that_is_a_secret_is_one() -> None:
    assert set(traces.secrets(TOLD).values()) == {
        *("a-secret-key", "an-older-one", "the-oldest-one", "first-key", "second-key", "a-token"),
        *("pass%2Fword", "pass/word"),
    }


def test_base64_is_opened_wherever_it_stands() -> None:
    inner = "somebody said so, twice"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        word = encode(inner.encode()).decode()
        for text in (f'{{"x": "{word}"}}', f"GET /o/{word} 200", word.rstrip("=")):
            assert inner in traces.unwrapped(text)
