"""A data folder is used, or refused with a sentence that says what to do."""

import os
from pathlib import Path

import pytest

from accelerator.embedded import folders


def test_it_is_made_for_its_owner_only(tmp_path: Path) -> None:
    folder = folders.usable(tmp_path / "new" / "data")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folders.usable(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(
        folders.UnusableFolder, match=r"is not a folder but a file\. Choose another folder with DATA_DIR"
    ):
        folders.usable(tmp_path / "data")


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(folders.UnusableFolder, match="not a directory"):
        folders.usable(tmp_path / "file" / "data")


def test_a_folder_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(folders.UnusableFolder, match=r"cannot be used: .*DATA_DIR"):
        folders.usable(Path("/proc/sys"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_somebody_elses_folder_is_refused_with_the_owners_name(tmp_path: Path) -> None:
    with pytest.raises(folders.UnusableFolder, match=r"permission denied\. It belongs to root"):
        folders.usable(Path("/etc"))


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "ROOM_NEEDED", 2**60)
    with pytest.raises(folders.UnusableFolder, match=r"MB of free disk space.* Make room there"):
        folders.usable(tmp_path)


def test_a_lock_is_held_once_and_let_go_by_closing(tmp_path: Path) -> None:
    first = folders.lock(tmp_path / "lock", wait=0, refusal="taken")
    with pytest.raises(folders.Locked, match="taken"):
        folders.lock(tmp_path / "lock", wait=0.1, refusal="taken")
    os.close(first)
    os.close(folders.lock(tmp_path / "lock", wait=0, refusal="taken"))


def test_a_socket_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / ("long" * 30)
    data.mkdir()
    folder = folders.for_sockets(data)
    folder.rmdir()
    folder.symlink_to(tmp_path)
    try:
        with pytest.raises(folders.UnusableFolder, match="belongs to somebody else"):
            folders.for_sockets(data)
    finally:
        folder.unlink()
