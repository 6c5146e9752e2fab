"""A Warehouse's secret at rest: sealed, or a reference to where it really is; and in no error."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from jobs import warehouses
from jobs.models import Kind, Warehouse
from jobs.warehouses import WarehouseUnreachable, secrets
from jobs.warehouses.secrets import SecretUnreadable, seal, unseal

KEY = "-----BEGIN PRIVATE KEY-----\nMIIE+geheimnis\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize("secret", ["hunter22", KEY, " spaces ", "Zürich", "sealed:x", "x" * 20_000])
def test_what_is_sealed_is_not_seen_and_is_unsealed_as_it_was(secret: str) -> None:
    sealed = seal(secret)
    assert secret not in sealed
    assert sealed.isascii()
    assert unseal(sealed) == secret


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    assert seal("hunter22") != seal("hunter22")


def test_no_secret_is_none() -> None:
    assert seal("") == unseal("") == ""


def test_a_key_that_is_replaced_unseals_as_long_as_it_is_kept(settings: Settings) -> None:
    sealed, old = seal("hunter22"), settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 10, [old]
    assert unseal(sealed) == "hunter22"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(SecretUnreadable, match="sealed with another SECRET_KEY; enter it again"):
        unseal(sealed)


def test_what_was_altered_is_not_unsealed() -> None:
    sealed = seal("hunter22")
    for altered in (sealed[:-4] + "AAAA", "sealed:", "sealed:not-ours", "hunter22", "sealed:ü"):
        with pytest.raises(SecretUnreadable):
            unseal(altered)


def test_a_variable_is_read_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = seal("env:WAREHOUSE_SHOP")
    assert reference == "env:WAREHOUSE_SHOP"
    with pytest.raises(SecretUnreadable, match="variable WAREHOUSE_SHOP is not set"):
        unseal(reference)
    for now in ("first", "second"):
        monkeypatch.setenv("WAREHOUSE_SHOP", now)
        assert unseal(reference) == now


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    """Where Warehouses' secrets lie."""
    settings.WAREHOUSE_SECRETS = str(tmp_path / "secrets")
    (tmp_path / "secrets").mkdir()
    return tmp_path / "secrets"


def test_so_is_a_file_without_the_end_of_its_last_line(folder: Path) -> None:
    file = folder / "secret"
    reference = seal(f"file:{file}")
    assert reference == f"file:{file}"
    for now in ("hunter22", KEY):
        file.write_text(now + "\n")
        assert unseal(reference) == now


def test_a_file_that_is_no_secret_is_refused_and_nothing_of_it_is_said(folder: Path) -> None:
    (folder / "binary").write_bytes(b"geheimnis\xff\xfe")
    (folder / "large").write_text("geheimnis" * 10_000)
    (folder / "circle").symlink_to("circle")
    for name, why in (
        ("binary", "is no text"),
        ("large", "too large"),
        ("absent", "No such file"),
        (".", "Is a directory"),
        ("nul\0", "no file can be called that"),
        ("circle", "Too many levels of symbolic links"),
    ):
        with pytest.raises(SecretUnreadable, match=why) as caught:
            unseal(f"file:{folder / name}")
        errors: list[BaseException | None] = [caught.value, caught.value.__cause__]
        assert not [error for error in errors if "geheimnis" in repr(error)]


def test_a_file_without_an_end_is_not_read_to_it(settings: Settings) -> None:
    settings.WAREHOUSE_SECRETS = "/dev"
    with pytest.raises(SecretUnreadable, match="too large"):
        unseal("file:/dev/zero")


def test_a_warehouse_whose_secret_is_not_there_says_so() -> None:
    warehouse = Warehouse(
        name="Shop", kind=Kind.POSTGRESQL, location="postgresql://me@shop/db", secret="env:WAREHOUSE_NOT_SET"
    )
    for look in (warehouses.check, warehouses.examine):
        with pytest.raises(
            WarehouseUnreachable, match="Shop can't be opened: the environment variable WAREHOUSE_NOT_SET"
        ):
            look(warehouse)


def test_what_begins_like_a_reference_is_one() -> None:
    assert secrets.REFERENCES == ("env:", "file:")
    for reference in ("env:A", "file:/a"):
        assert seal(reference) == reference


@pytest.mark.parametrize(
    "name",
    ["SECRET_KEY", "DATABASE_URL", "PATH", "", "warehouse_shop", "MY_WAREHOUSE_SHOP", " WAREHOUSE_SHOP"],
)
def test_a_variable_that_is_not_for_warehouses_is_not_read(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name:
        monkeypatch.setenv(name, "geheimnis")
    for look in (unseal, secrets.check):
        with pytest.raises(
            SecretUnreadable, match="is not for Warehouses: the names of those begin with"
        ) as caught:
            look(f"env:{name}")
        assert "geheimnis" not in str(caught.value)


def test_a_file_outside_of_the_folder_is_not_read_whatever_leads_to_it(folder: Path) -> None:
    outside = folder.parent / "key"
    outside.write_text("geheimnis")
    (folder.parent / "secrets-of-others").mkdir()
    (folder.parent / "secrets-of-others" / "key").write_text("geheimnis")
    (folder / "link").symlink_to(outside)
    (folder / "up").symlink_to("..")
    (folder / "kept").write_text("kept")
    (folder / "near").symlink_to("kept")  # as Kubernetes lays its secrets down
    for path in (
        outside,
        folder / "link",
        folder / "up" / "key",
        folder / ".." / "key",
        folder.parent / "secrets-of-others" / "key",
        "/etc/passwd",
        "/proc/self/environ",
        f"{folder}/../../../../../../../../proc/self/environ",
        "absent",
    ):
        for look in (unseal, secrets.check):
            with pytest.raises(
                SecretUnreadable, match=f"is not for Warehouses: the files of those lie in {folder} "
            ):
                look(f"file:{path}")
    assert unseal(f"file:{folder / 'near'}") == "kept"


def test_without_a_folder_no_file_is_read(folder: Path, settings: Settings) -> None:
    (folder / "kept").write_text("kept")
    settings.WAREHOUSE_SECRETS = ""
    with pytest.raises(SecretUnreadable, match="a folder that is not named here"):
        unseal(f"file:{folder / 'kept'}")


def test_a_folder_that_is_a_link_is_the_folder_it_leads_to(folder: Path, settings: Settings) -> None:
    (folder / "kept").write_text("kept")
    (folder.parent / "link").symlink_to(folder)
    settings.WAREHOUSE_SECRETS = str(folder.parent / "link")
    for path in (folder, folder.parent / "link"):
        assert unseal(f"file:{path / 'kept'}") == "kept"
