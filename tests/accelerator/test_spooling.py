"""Where the spool is: a folder, a bucket, or a sentence about what was written instead."""

from pathlib import Path

import pytest

from accelerator import spooling


def test_without_a_word_it_is_a_private_folder(tmp_path: Path) -> None:
    told = spooling.storage("", tmp_path)
    assert told["OPTIONS"] == {"location": str(tmp_path), "file_permissions_mode": 0o600}


def test_a_bucket_has_a_prefix_and_may_be_somebody_elses(tmp_path: Path) -> None:
    told = spooling.storage("s3://ours/spool/a?endpoint_url=https://s3.internal&secret_key=x", tmp_path)
    assert told["BACKEND"] == "storages.backends.s3.S3Storage"
    assert told["OPTIONS"] == {
        "bucket_name": "ours",
        "location": "spool/a",
        "default_acl": None,
        "file_overwrite": False,
        "endpoint_url": "https://s3.internal",
    }


@pytest.mark.parametrize("url", ["/var/spool", "s3:bucket", "gs://bucket/a", "s3://"])
def test_anything_else_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="s3://bucket/prefix"):
        spooling.storage(url, tmp_path)
