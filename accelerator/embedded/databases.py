"""The databases inside a server: made if they are missing, and the addresses that lead to them."""

from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from accelerator.embedded import CannotStart

DASHBOARD = "accelerator"
CLOUD = "cloud"


class NoDatabase(CannotStart):
    pass


def beside(url: str, suffix: str) -> str:
    """Another database of the same server: `postgres://host/shop` -> `postgres://host/shop_cloud`."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path}_{suffix}"))


def name_of(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))


def ensure(url: str) -> None:
    """Connect to the database, making it first if the server lacks it and lets us."""
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        maintenance = urlunsplit(urlsplit(url)._replace(path="/postgres"))
        try:
            with psycopg.connect(maintenance, connect_timeout=10, autocommit=True) as connection:
                create(connection, name_of(url))
        except psycopg.Error:
            raise NoDatabase(
                f"The database {without_password(url)} cannot be used: {first_line(error)}. Start the server "
                "or create the database, or correct DATABASE_URL and CLOUD_DATABASE_URL."
            ) from error


def create(connection: psycopg.Connection, name: str) -> None:
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
    if not found:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
