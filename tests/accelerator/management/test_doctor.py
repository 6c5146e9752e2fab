"""`manage.py doctor` as a person runs it, with parts missing."""

import json
import os
import subprocess
import sys

import pytest

from tests.accelerator.management.terminal import run
from tests.contract.conftest import REPOSITORY


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_cloud", "warehouse")
def test_every_part_is_told_in_a_line_and_what_is_broken_is_the_exit_code() -> None:
    said = run("doctor")
    verdicts = {line[11:33].strip(): line.split()[0] for line in said.out.splitlines()}
    assert said.code == 1
    assert verdicts["database"] == "ok"
    assert verdicts["warehouse: warehouse"] == "ok"
    assert verdicts["cloud"] == "broken"
    assert set(verdicts.values()) <= {"ok", "attention", "broken"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_cloud")
def test_programs_are_told_the_same() -> None:
    said = run("doctor", "--json")
    assert said.code == 1
    assert said.document["ok"] is False
    assert {"verdict", "name", "sentence"} == set(said.document["findings"][0])


def test_with_everything_away_each_part_is_told_all_the_same() -> None:
    away = {
        "DATABASE_URL": "postgres://ann:open-sesame@127.0.0.1:1/shop",
        "REDIS_URL": "redis://:open-sesame@127.0.0.1:1/0",
        "CLOUD_URL": "http://127.0.0.1:1",
        "EMAIL_URL": "smtp+tls://ann%40example.com:open-sesame@127.0.0.1:1",
        "DJANGO_SETTINGS_MODULE": "accelerator.settings",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json"],
        cwd=REPOSITORY,
        env=os.environ | away,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    broken = {
        finding["name"] for finding in json.loads(done.stdout)["findings"] if finding["verdict"] == "broken"
    }
    assert {"database", "broker", "workers", "cloud", "mail server", "warehouses"} <= broken
    assert "open-sesame" not in done.stdout
    assert "example.com" not in done.stdout
