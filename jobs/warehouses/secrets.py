"""Secrets of Warehouses: sealed with the dashboard's SECRET_KEY, or a reference to where they really are."""

import base64
import hashlib
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

REFERENCES = ("env:", "file:")
SEALED = "sealed:"
# A file of a secret is small; what is larger is another one.
LARGEST = 1 << 16


class SecretUnreadable(Exception):
    """The secret is not where the reference says, or was sealed with a key that is gone."""


def seal(text: str) -> str:
    """The secret as it may be stored. "env:NAME" and "file:/path" stay as they are: references, read at use."""
    if not text or text.startswith(REFERENCES):
        return text
    return SEALED + _fernet().encrypt(text.encode()).decode()


def unseal(stored: str) -> str:
    """The secret itself. Raises SecretUnreadable."""
    if stored.startswith("env:"):
        value = os.environ.get(stored.removeprefix("env:"))
        if value is None:
            raise SecretUnreadable(f"the environment variable {stored.removeprefix('env:')} is not set")
        return value
    if stored.startswith("file:"):
        return _read(stored.removeprefix("file:"))
    if not stored:
        return ""
    try:
        return _fernet().decrypt(stored.removeprefix(SEALED).encode()).decode()
    except InvalidToken as error:
        raise SecretUnreadable("its password was sealed with another SECRET_KEY; enter it again") from error


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have
        why = getattr(error, "strerror", None) or "no file can be called that"
        raise SecretUnreadable(f"the file of its password can't be read ({why})") from error
    if len(content) > LARGEST:
        raise SecretUnreadable("the file of its password is too large for one")
    try:
        return content.decode().strip()
    except UnicodeDecodeError:  # which has the whole file in it
        raise SecretUnreadable("the file of its password is no text (UTF-8)") from None


def _fernet() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(key))) for key in keys])


def _derive(key: str) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=32, person=b"warehouse-secret").digest()
