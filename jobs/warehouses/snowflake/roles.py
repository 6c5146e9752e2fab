"""What a role of Snowflake may do beside reading, asked of Snowflake, in sentences; and how to make a right one."""

from collections.abc import Mapping
from typing import Any

from jobs.reading.errors import WarehouseUnsafe
from jobs.warehouses import powers

# Snowflake's own roles that may do anything to somebody's account.
ADMINS = frozenset({"ACCOUNTADMIN", "GLOBALORGADMIN", "ORGADMIN", "SECURITYADMIN", "SYSADMIN", "USERADMIN"})
# What somebody who only reads has.
READING = frozenset({"MONITOR", "READ", "REFERENCES", "SELECT", "USAGE"})
# Beyond the account's own tables, though only USAGE of it is granted.
REACHING = frozenset({"INTEGRATION", "PROCEDURE"})
ROLES = 50  # that are followed at most


def check(role: str) -> None:
    """Raises WarehouseUnsafe for a role that could do anything."""
    if role.upper() in ADMINS:
        raise WarehouseUnsafe(
            f"The role {role} may do anything in the account. {powers.NOTHING_RUN.format('role')}"
        )


def warnings(role: str, cursor: Any) -> list[str]:
    """Sentences about what the role, and the roles it was granted, may do; none for one that only reads.

    `cursor`: of the connector, giving rows by column.
    """
    said: dict[str, list[str]] = {}
    waiting, seen = [role], {role}
    while waiting and len(seen) <= ROLES:
        for grant in cursor.execute(f"SHOW GRANTS TO ROLE {quoted(waiting.pop())}").fetchall():
            what = f"{str(grant['granted_on']).lower().replace('_', ' ')} {grant['name']}"
            if grant["granted_on"] == "ROLE" and grant["privilege"] == "USAGE":
                if grant["name"] not in seen:
                    seen.add(grant["name"])
                    waiting.append(grant["name"])
            elif _more_than_reading(grant):
                said.setdefault(str(grant["privilege"]), []).append(what)
    for name in seen:
        check(name)
    return powers.beyond(
        f"The role {role}",
        [f"It has {privilege} on {powers.listed(things)}." for privilege, things in sorted(said.items())],
    )


def statements_for_a_right_role(where: Mapping[str, str]) -> str:
    """What an administrator runs, once. `where`: user, role, warehouse, database, schema."""
    role, user, warehouse = quoted(where["role"]), quoted(where["user"]), quoted(where["warehouse"])
    database = quoted(where["database"])
    schema = f"{database}.{quoted(where['schema'])}"
    return f"""\
CREATE ROLE {role};
GRANT USAGE ON WAREHOUSE {warehouse} TO ROLE {role};
GRANT USAGE ON DATABASE {database} TO ROLE {role};
-- For each schema that Audiences read from:
GRANT USAGE ON SCHEMA {schema} TO ROLE {role};
GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO ROLE {role};
GRANT SELECT ON FUTURE TABLES IN SCHEMA {schema} TO ROLE {role};
GRANT SELECT ON ALL VIEWS IN SCHEMA {schema} TO ROLE {role};
GRANT SELECT ON FUTURE VIEWS IN SCHEMA {schema} TO ROLE {role};
-- The public half of the key whose private half is the Warehouse's secret:
CREATE USER {user} TYPE = SERVICE DEFAULT_ROLE = {role} RSA_PUBLIC_KEY = '...';
GRANT ROLE {role} TO USER {user};
"""


def quoted(name: str) -> str:
    """A name as Snowflake keeps it: one that was written without quotes is in capitals there."""
    plain = name.upper() if name.isidentifier() else name
    return '"' + plain.replace('"', '""') + '"'


def _more_than_reading(grant: Mapping[str, object]) -> bool:
    return grant["privilege"] not in READING or grant["granted_on"] in REACHING
