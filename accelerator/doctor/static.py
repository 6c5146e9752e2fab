"""Styles, scripts and icons of the pages: collected, and the same that the checkout has?"""

from django.conf import STATICFILES_STORAGE_ALIAS
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.files.storage import storages

from accelerator.doctor import Finding, attention, broken, ok

NAME = "static files"
COLLECT = "Run: manage.py collectstatic --no-input"


def look() -> list[Finding]:
    storage = storages[STATICFILES_STORAGE_ALIAS]
    if not isinstance(storage, ManifestStaticFilesStorage):
        return [ok(NAME, "They are served as they lie in the checkout.")]
    if storage.read_manifest() is None:
        return [broken(NAME, f"They are not collected, so every page fails. {COLLECT}")]
    collected, _ = storage.load_manifest()
    wanted = [path for finder in finders.get_finders() for path, _ in finder.list([])]
    missing = [path for path in wanted if path not in collected]
    if missing:
        return [attention(NAME, f"{len(missing)} are not collected, {missing[0]} the first. {COLLECT}")]
    return [ok(NAME, f"{len(wanted)} are collected.")]
