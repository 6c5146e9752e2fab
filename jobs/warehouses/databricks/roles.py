"""What somebody may do in a schema of Databricks beside reading, in sentences; and how to grant what is right."""

from typing import Any

from jobs.warehouses import powers

# What somebody who only reads has (Unity Catalog's privileges).
READING = frozenset({"BROWSE", "SELECT", "USAGE", "USE CATALOG", "USE SCHEMA"})


def warnings(catalog: str, schema: str, cursor: Any) -> list[str]:
    """Sentences about what is granted to whom we are let in as; groups' grants are not told by Databricks."""
    cursor.execute("SELECT current_user() AS me")
    me = str(cursor.fetchall()[0][0])
    found: dict[str, set[str]] = {}
    for securable in (f"CATALOG {quoted(catalog)}", f"SCHEMA {quoted(catalog)}.{quoted(schema)}"):
        cursor.execute(f"SHOW GRANTS {quoted(me)} ON {securable}")
        for row in cursor.fetchall():
            privilege = str(row.ActionType).upper().replace("_", " ")
            if privilege not in READING:
                found.setdefault(privilege, set()).add(f"{str(row.ObjectType).lower()} {row.ObjectKey}")
    return powers.beyond(
        me,
        [
            f"It has {privilege} on {powers.listed(sorted(things))}."
            for privilege, things in sorted(found.items())
        ],
    )


def statements_for_a_right_role(catalog: str, schema: str) -> str:
    """What the owner of the catalog runs, once."""
    place = f"{quoted(catalog)}.{quoted(schema)}"
    return f"""\
-- A service principal is named by its application id. It needs "Can use" on the SQL warehouse, too.
GRANT USE CATALOG ON CATALOG {quoted(catalog)} TO `application-id`;
-- For each schema that Audiences read from:
GRANT USE SCHEMA ON SCHEMA {place} TO `application-id`;
GRANT SELECT ON SCHEMA {place} TO `application-id`;
"""


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
