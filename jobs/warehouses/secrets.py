"""Secrets of Warehouses: sealed with the dashboard's SECRET_KEY, or a reference to where they really are.

Who may change a Warehouse says whom it sends the secret to. So a reference leads to nothing but what whoever runs the
machine has put down for Warehouses: variables of one beginning, and files of one folder.
"""

import base64
import hashlib
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

REFERENCES = ("env:", "file:")
SEALED = "sealed:"
# How variables begin that a Warehouse may name.
BEGINNING = "WAREHOUSE_"
# A file of a secret is small; what is larger is another one.
LARGEST = 1 << 16


class SecretUnreadable(Exception):
    """The secret is not where the reference says, or not for Warehouses, or was sealed with a key that is gone."""


def seal(text: str) -> str:
    """The secret as it may be stored. "env:NAME" and "file:/path" stay as they are: references, read at use."""
    if not text or text.startswith(REFERENCES):
        return text
    return SEALED + _fernet().encrypt(text.encode()).decode()


def unseal(stored: str) -> str:
    """The secret itself. Raises SecretUnreadable."""
    if stored.startswith("env:"):
        value = os.environ.get(_variable(stored))
        if value is None:
            raise SecretUnreadable(f"the environment variable {_variable(stored)} is not set")
        return value
    if stored.startswith("file:"):
        return _read(_path(stored))
    if not stored:
        return ""
    try:
        return _fernet().decrypt(stored.removeprefix(SEALED).encode()).decode()
    except InvalidToken as error:
        raise SecretUnreadable("its password was sealed with another SECRET_KEY; enter it again") from error


def check(reference: str) -> None:
    """Raises SecretUnreadable for one that leads to what is not for Warehouses, whether it is there or not."""
    if reference.startswith("env:"):
        _variable(reference)
    if reference.startswith("file:"):
        _path(reference)


def _variable(reference: str) -> str:
    name = reference.removeprefix("env:")
    if not name.startswith(BEGINNING):
        raise SecretUnreadable(
            f"the environment variable {name} is not for Warehouses: the names of those begin with {BEGINNING}"
        )
    return name


def _path(reference: str) -> str:
    """Where the file really lies, whatever links lead to it."""
    folder = settings.WAREHOUSE_SECRETS
    try:
        path = os.path.realpath(reference.removeprefix("file:"))
    except ValueError as error:  # a path that no file can have
        raise SecretUnreadable(
            "the file of its password can't be read (no file can be called that)"
        ) from error
    if not folder or not Path(path).is_relative_to(os.path.realpath(folder)):
        where = f"lie in {folder}" if folder else "would lie in a folder that is not named here"
        raise SecretUnreadable(
            f"the file of its password is not for Warehouses: the files of those {where} (WAREHOUSE_SECRETS)"
        )
    return path


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise SecretUnreadable(f"the file of its password can't be read ({error.strerror})") from error
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
