"""Django's own checks of a deployment, with an environment as in production, for both projects."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

# Warnings that a project may silence, each because what it asks for is done elsewhere, or would do harm.
MAY_BE_SILENT = {
    "accelerator.settings": frozenset[str](),
    # The Cloud has no sessions and no login: requests and links are signed. The dashboard may speak to it by plain
    # http from near by, and links in mails must work for years.
    "accelerator.cloud.settings": frozenset({"security.W003", "security.W004", "security.W008"}),
}


def production() -> dict[str, str]:
    """What `.env.example` asks a deployment for, and nothing of the tests'."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "DATABASE_URL", "CLOUD_DATABASE_URL")
        if name in os.environ
    }
    key = f"dashboard:{secrets.token_urlsafe(32)}"
    return kept | {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "CLOUD_SECRET_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": "accelerator.example.com",
        "CLOUD_ALLOWED_HOSTS": "cloud.internal,links.example.com",
        "CSRF_TRUSTED_ORIGINS": "https://accelerator.example.com",
        "PUBLIC_URL": "https://accelerator.example.com",
        "CLOUD_PUBLIC_URL": "https://links.example.com",
        "CLOUD_URL": "http://cloud.internal:8001",
        "BEHIND_PROXY": "true",
        "CLOUD_KEY": key,
        "CLOUD_KEYS": key,
        "REDIS_URL": "redis://host:6379/0",
        "CLOUD_REDIS_URL": "redis://host:6379/1",
    }


def checked(module: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(
        command,
        cwd=REPOSITORY,
        env=production() | environment | {"DJANGO_SETTINGS_MODULE": module},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("module", ["accelerator.settings", "accelerator.cloud.settings"])
def test_a_deployment_is_found_in_order(module: str) -> None:
    found = checked(module)
    assert found.returncode == 0, found.stderr
    silenced = int(found.stdout.partition("(")[2].partition(" silenced")[0])
    assert silenced <= len(MAY_BE_SILENT[module])


def test_what_is_out_of_order_is_found() -> None:
    """Or the test above would prove nothing."""
    found = checked("accelerator.settings", SECRET_KEY="short", PUBLIC_URL="http://x.example", DEBUG="true")
    assert found.returncode != 0
    for warning in ("security.W004", "security.W009", "security.W012", "security.W018"):
        assert warning in found.stderr


SECURE = """
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.test import Client
call_command("collectstatic", interactive=False, verbosity=0)
https = Client(headers={"Host": "accelerator.example.com", "X-Forwarded-Proto": "https"})
plain = Client(headers={"Host": "accelerator.example.com"})
login = https.get("/login/")
print(login.status_code, login["Strict-Transport-Security"])
print(sorted((bool(c["secure"]), bool(c["httponly"]), c["samesite"]) for c in login.cookies.values()))
print(plain.get("/login/").status_code, plain.get("/login/")["Location"], plain.get("/healthz").status_code)
print(settings.SESSION_COOKIE_SECURE, settings.SESSION_COOKIE_HTTPONLY, settings.SESSION_COOKIE_SAMESITE)
print(Client(headers={"Host": "evil.example", "X-Forwarded-Proto": "https"}).get("/login/").status_code)
"""


def test_behind_tls_cookies_and_pages_stay_there(tmp_path: Path) -> None:
    environment = production() | {"DJANGO_SETTINGS_MODULE": "accelerator.settings", "DATA_DIR": str(tmp_path)}
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SECURE],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert found.stdout.splitlines() == [
        "200 max-age=31536000; includeSubDomains; preload",
        "[(True, True, 'Lax')]",
        "301 https://accelerator.example.com/login/ 200",
        "True True Lax",
        "400",
    ], found.stderr
