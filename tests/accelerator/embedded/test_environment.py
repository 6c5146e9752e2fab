"""What a person sets is kept, the rest is filled in, and secrets are made once."""

import json
import subprocess
from pathlib import Path

import pytest

from accelerator.embedded import databases, environment
from accelerator.embedded.ports import Ports
from accelerator.embedded.postgres import Postgres
from accelerator.embedded.valkey import Valkey


def test_keys_are_made_once_and_private(data: Path) -> None:
    made = environment.keys(data)
    assert environment.keys(data) == made
    assert len(set(made.values())) == 4
    assert (data / "keys.json").stat().st_mode & 0o777 == 0o600


def test_unreadable_keys_get_a_sentence_and_are_not_replaced(data: Path) -> None:
    (data / "keys.json").write_text("{}")
    with pytest.raises(environment.UnreadableKeys, match="cannot be read"):
        environment.keys(data)
    assert (data / "keys.json").read_text() == "{}"


def test_a_secret_that_an_older_version_did_not_make_is_added(data: Path) -> None:
    old = {"SECRET_KEY": "a", "CLOUD_SECRET_KEY": "b", "CLOUD_KEY": "c:d"}
    (data / "keys.json").write_text(json.dumps(old))
    made = environment.keys(data)
    assert made == old | {"METRICS_TOKEN": made["METRICS_TOKEN"]}
    assert len(made["METRICS_TOKEN"]) > 20
    assert environment.keys(data) == made


@pytest.mark.parametrize("damaged", ["", "[]", '{"SECRET_KEY": "a", "METRICS_TOKEN": "b"}'])
def test_a_damaged_file_of_secrets_is_not_repaired(data: Path, damaged: str) -> None:
    (data / "keys.json").write_text(damaged)
    with pytest.raises(environment.UnreadableKeys):
        environment.keys(data)
    assert (data / "keys.json").read_text() == damaged


def test_given_secrets_win(data: Path) -> None:
    chosen = environment.secrets_of({"SECRET_KEY": "mine", "CLOUD_KEY": "me:mine"}, data)
    assert (chosen["SECRET_KEY"], chosen["CLOUD_KEYS"]) == ("mine", "me:mine")


def test_a_relay_replaces_the_receiver_for_the_cloud_only() -> None:
    chosen = environment.addresses({"SMTP_URL": "smtp://relay"}, "127.0.0.1", Ports(9000))
    assert (chosen["SMTP_URL"], chosen["EMAIL_URL"]) == ("smtp://relay", "smtp://127.0.0.1:9003")


def test_addresses_follow_the_ports() -> None:
    chosen = environment.addresses({}, "127.0.0.1", Ports(9000))
    assert chosen["PUBLIC_URL"] == "http://localhost:9000"
    assert chosen["CLOUD_URL"] == "http://127.0.0.1:9001"
    assert chosen["ALLOWED_HOSTS"] == "localhost,127.0.0.1,[::1]"


def test_our_servers_have_two_databases(data: Path) -> None:
    postgres, valkey = Postgres(data), Valkey(data)
    chosen = environment.servers({}, postgres, valkey)
    assert chosen["DATABASE_URL"] == postgres.url("accelerator")
    assert chosen["CLOUD_DATABASE_URL"] == postgres.url("cloud")
    assert chosen["REDIS_URL"] == chosen["CLOUD_REDIS_URL"] == valkey.url()


def test_given_servers_win_and_the_cloud_gets_a_database_beside() -> None:
    given = {"DATABASE_URL": "postgres://a:b@db:5433/shop?sslmode=require", "REDIS_URL": "redis://cache/3"}
    chosen = environment.servers(given, None, None)
    assert chosen["CLOUD_DATABASE_URL"] == "postgres://a:b@db:5433/shop_cloud?sslmode=require"
    assert chosen["CLOUD_REDIS_URL"] == "redis://cache/3"


def test_names_of_databases() -> None:
    url = "postgres://a:b@/shop?host=/run"
    assert databases.name_of(url) == "shop"
    assert databases.name_of(databases.beside(url, "cloud")) == "shop_cloud"
    assert "b@" not in databases.without_password(url)


def test_the_note_can_be_read_by_a_shell(data: Path) -> None:
    environment.note(data, {"DATABASE_URL": "postgres://a@/b?host=/tmp/x y&z=1", "KEY": "it's"})
    asked = '. ./environment; printf \'%s|%s\' "$DATABASE_URL" "$KEY"'
    done = subprocess.run(["sh", "-c", asked], cwd=data, capture_output=True, text=True, check=True)
    assert done.stdout == "postgres://a@/b?host=/tmp/x y&z=1|it's"
    assert (data / "environment").stat().st_mode & 0o777 == 0o600
