"""Where the records of Jobs lie at rest: a folder that every worker sees, or a bucket."""

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit


def storage(url: str, folder: Path) -> dict[str, object]:
    """The entry of Django's STORAGES: `folder` without a URL, else s3://bucket/prefix.

    The URL's query may say endpoint_url and region_name, for S3 that is not Amazon's; who we are the environment says,
    as usual (AWS_ACCESS_KEY_ID and so on). Raises ValueError for any other URL.
    """
    if not url:
        options = {"location": str(folder), "file_permissions_mode": 0o600}
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.hostname:
        raise ValueError(
            f"SPOOL_URL is {parts.scheme}://…; it must be s3://bucket/prefix, or empty for a folder."
        )
    known = {name: value for name, value in parse_qsl(parts.query) if name in ("endpoint_url", "region_name")}
    # Private, encrypted by the bucket's own rule, and never under a name that is taken.
    wanted: dict[str, object] = {
        "bucket_name": parts.netloc,
        "location": parts.path.strip("/"),
        "default_acl": None,
    }
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {**wanted, **known, "file_overwrite": False},
    }
