"""An older copy of a database: taken, and later put in its place, as after a disaster."""

import os
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.db import connection, connections
from psycopg import sql


class OlderCopy:
    """`take` it, do something that it does not know, `restore` it, `drop` it. Of the test's database, or of `name`."""

    def __init__(self, name: str = "") -> None:
        self.name = name or str(connection.settings_dict["NAME"])
        self.copy = f"{self.name}_older"

    def take(self) -> None:
        self._fill(self.copy, self.name)

    def restore(self) -> None:
        self._fill(self.name, self.copy)

    def drop(self) -> None:
        self._run("DROP DATABASE IF EXISTS {target} WITH (FORCE)", self.copy)

    def _fill(self, target: str, source: str) -> None:
        self._run("DROP DATABASE IF EXISTS {target} WITH (FORCE)", target)
        # Whoever is connected is thrown out, and comes back when the copy is made.
        self._run("ALTER DATABASE {source} ALLOW_CONNECTIONS false", target, source)
        self._run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {name}", target, source
        )
        self._run("CREATE DATABASE {target} TEMPLATE {source}", target, source)
        for name in (source, target):
            self._run("ALTER DATABASE {target} ALLOW_CONNECTIONS true", name)

    def _run(self, statement: str, target: str, source: str = "") -> None:
        connections.close_all()
        connection.close_pool()  # type: ignore[attr-defined]
        names = {"target": sql.Identifier(target), "source": sql.Identifier(source or target)}
        server_of_all = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path="/postgres"))
        with psycopg.connect(server_of_all, autocommit=True) as server:
            server.execute(sql.SQL(statement).format(**names, name=sql.Literal(source)))
