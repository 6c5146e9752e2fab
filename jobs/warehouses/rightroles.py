"""What whoever looks after a warehouse runs, once, so that Accelerator may read and nothing else: a text for each kind.

Names are taken from the Warehouse's location as far as it says them, quoted as the warehouse quotes identifiers. No
vendor's connector is needed for it, and nobody is asked.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, unquote, urlsplit

from jobs.models import Kind
from jobs.reading import lexing
from jobs.warehouses.bigquery import roles as bigquery_roles
from jobs.warehouses.databricks import roles as databricks_roles
from jobs.warehouses.mysql import roles as mysql_roles
from jobs.warehouses.postgresql import roles as postgresql_roles
from jobs.warehouses.redshift import roles as redshift_roles
from jobs.warehouses.snowflake import roles as snowflake_roles

# Where the location says nothing.
READER, DATABASE, FILE = "accelerator_reader", "shop", "/srv/warehouse/shop.duckdb"
HOLDER = "accelerator"  # the system's user that the dashboard and its workers run as


@dataclass(frozen=True)
class Place:
    """What a location says, in parts; "" for what it does not. Never raises: half a location is written down, too."""

    location: str
    user: str
    host: str
    path: tuple[str, ...]
    options: dict[str, str]

    @classmethod
    def of(cls, location: str) -> "Place":
        try:
            parts = urlsplit(location)
            options = {name: _plain(value) for name, value in parse_qsl(parts.query)}
        except ValueError:
            return cls(location, "", "", (), {})
        user, _, host = parts.netloc.rpartition("@")
        path = tuple(_plain(unquote(piece)) for piece in parts.path.split("/") if piece)
        # As libpq reads them, user and database may stand among the options.
        user = _plain(unquote(user.partition(":")[0])) or options.get("user", "")
        return cls(location, user, host, path or tuple(filter(None, [options.get("dbname")])), options)

    def step(self, number: int, otherwise: str) -> str:
        """A piece of the path."""
        return self.path[number] if len(self.path) > number else otherwise

    def with_another_role(self) -> "Place":
        """The same, for a role that is not the one that is there."""
        taken = {self.user.lower(), self.options.get("role", "").lower()}
        name = READER if READER not in taken else f"{READER}_2"
        return replace(self, user=name, options=self.options | {"role": name})


def statements(kind: str, location: str = "", *, another: bool = False) -> str:
    """For the Warehouse at the location; without one, for names of an example.

    `another`: for a new role, where the one that the location names may do too much.
    """
    place = Place.of(location)
    return TEXTS[Kind(kind)](place.with_another_role() if another else place)


def stricter(kind: str) -> str:
    """What closes to every role, not to Accelerator's alone, what the kind lets everybody do; "" for most."""
    return postgresql_roles.statements_for_a_closed_database() if Kind(kind) is Kind.POSTGRESQL else ""


def _file(place: Place) -> str:
    path = shlex.quote(place.location or FILE)
    folder = shlex.quote((place.location or FILE).rpartition("/")[0] or "/")
    return f"""\
# In a shell, as the owner of the file; {HOLDER} is the user that the dashboard and its workers run as.
setfacl -m u:{HOLDER}:x -- {folder}
setfacl -R -m u:{HOLDER}:rX -- {path}
"""


def _postgresql(place: Place) -> str:
    user, database = place.user or READER, place.step(0, DATABASE)
    return postgresql_roles.statements_for_a_right_role(database, user)


def _redshift(place: Place) -> str:
    user, database = place.user or READER, place.step(0, DATABASE)
    return redshift_roles.statements_for_a_right_role(database, user)


def _mysql(place: Place) -> str:
    return mysql_roles.statements_for_a_right_role(place.step(0, DATABASE), place.user or READER)


def _snowflake(place: Place) -> str:
    return snowflake_roles.statements_for_a_right_role(
        {
            "user": place.user or READER,
            "role": place.options.get("role", "ACCELERATOR_READER"),
            "warehouse": place.options.get("warehouse", "REPORTING"),
            "database": place.step(0, DATABASE),
            "schema": place.step(1, "PUBLIC"),
        }
    )


def _bigquery(place: Place) -> str:
    project, dataset = place.host or "my-project", place.step(0, DATABASE)
    return bigquery_roles.statements_for_a_right_role(project, dataset, HOLDER)


def _databricks(place: Place) -> str:
    options = place.options
    return databricks_roles.statements_for_a_right_role(
        options.get("catalog", DATABASE), options.get("schema", "default")
    )


def _sqlalchemy(place: Place) -> str:
    user = place.user or READER
    return f"""\
-- In the words of the SQL standard; the database's own manual has them exactly.
CREATE ROLE {lexing.quoted(user)};
-- For each table that Audiences read from:
GRANT SELECT ON customers TO {lexing.quoted(user)};
-- Nothing else: no INSERT, UPDATE, DELETE, CREATE, EXECUTE, and no right over files of the server.
"""


TEXTS: dict[Kind, Callable[[Place], str]] = {
    Kind.DUCKDB: _file,
    Kind.SQLITE: _file,
    Kind.POSTGRESQL: _postgresql,
    Kind.REDSHIFT: _redshift,
    Kind.MYSQL: _mysql,
    Kind.SNOWFLAKE: _snowflake,
    Kind.BIGQUERY: _bigquery,
    Kind.DATABRICKS: _databricks,
    Kind.SQLALCHEMY: _sqlalchemy,
}


def _plain(name: str) -> str:
    """Without line ends and their like, after which a comment would be none."""
    return "".join(filter(str.isprintable, name))
