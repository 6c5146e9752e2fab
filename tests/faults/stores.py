"""Questions to a database that may be killed at any moment."""

import threading
import time

import psycopg

# Seconds that a database may be away.
PATIENCE = 60.0

Row = tuple[object, ...]


class Store:
    """One database; a connection for each thread, made again when it breaks."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._local = threading.local()
        self._all: list[psycopg.Connection] = []

    def rows(self, sql: str, *values: object) -> list[Row]:
        """The rows of a SELECT, asked again for as long as the database is away."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self._connection().execute(sql.encode(), values or None).fetchall()
            except psycopg.OperationalError:
                self._forget()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def try_rows(self, sql: str, *values: object) -> list[Row] | None:
        """The rows, or None if the database is away just now."""
        try:
            return self._connection().execute(sql.encode(), values or None).fetchall()
        except psycopg.OperationalError:
            self._forget()
            return None

    def close(self) -> None:
        for connection in self._all:
            connection.close()

    def _connection(self) -> psycopg.Connection:
        connection: psycopg.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            options = "-c default_transaction_read_only=on"
            connection = psycopg.connect(self.url, autocommit=True, connect_timeout=5, options=options)
            self._local.connection = connection
            self._all.append(connection)
        return connection

    def _forget(self) -> None:
        connection: psycopg.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            self._all.remove(connection)
            connection.close()
