"""What a user of MySQL or MariaDB may do beyond reading: asked, said in sentences; and how to make a right one.

What is granted to a role counts, active or not: a stored function may SET ROLE. The server tells of grants in
statements that may hold the hash of a password; of these nothing is kept but what is granted, and on what.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pymysql
from pymysql.connections import Connection

from jobs.warehouses import powers
from jobs.warehouses.mysql.session import ask, is_mariadb

# What leads beyond tables: to files, accounts, others' sessions, programs. So does what ends in ADMIN.
REACHING = frozenset(
    [
        "ALL PRIVILEGES",
        "SUPER",
        "FILE",
        "SHUTDOWN",
        "RELOAD",
        "CREATE USER",
        "CREATE ROLE",
        "DROP ROLE",
        "CREATE TABLESPACE",
        "PROXY",
        "REPLICATION SLAVE",
        "BINLOG REPLAY",
        "SET USER",
        "SET_USER_ID",
        "SET_ANY_DEFINER",
        "ALLOW_NONEXISTENT_DEFINER",
        "SYSTEM_USER",
        "INVOKE LAMBDA",
        "INVOKE SAGEMAKER",
        "INVOKE COMPREHEND",
        "LOAD FROM S3",
        "SELECT INTO S3",
    ]
)
ADMIN = (" ADMIN", "_ADMIN")
EVERYWHERE = "*.*"
# What a user who only reads may have; the next two have sentences of their own.
READING = frozenset({"USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "SHOW CREATE ROUTINE"})
CALLING, WATCHING = "EXECUTE", "PROCESS"
# In the database "mysql".
ACCOUNTS = frozenset({"*", "user", "global_priv"})

_TOKEN = re.compile(r"""`(?:[^`]|``)*`|"(?:[^"]|"")*"|'(?:[^'\\]|\\.|'')*'|[(),@]|[^\s(),@`"']+""", re.DOTALL)


@dataclass(frozen=True, order=True)
class Grant:
    """A privilege, and where: `*.*`, `database.*`, `database.table` or more exactly."""

    place: str
    privilege: str

    def reaches(self) -> bool:
        whole = self.place == EVERYWHERE or self.privilege == "PROXY"
        return whole and (self.privilege in REACHING or self.privilege.endswith(ADMIN))


def look(connection: Connection) -> tuple[str, set[Grant]]:
    """Who we are let in as, and what is granted to it and to all its roles. The session's role is as it was."""
    [(user,)] = ask(connection, "SELECT CURRENT_USER()")
    grants, roles = _told(connection, "SHOW GRANTS")
    if is_mariadb(connection):
        grants += _through(connection, roles)
        with suppress(pymysql.Error):  # before MariaDB 10.11 nobody is called PUBLIC
            grants += _told(connection, "SHOW GRANTS FOR PUBLIC")[0]
    elif roles:
        grants += _told(connection, f"SHOW GRANTS FOR CURRENT_USER() USING {', '.join(roles)}")[0]
    return str(user), set(grants)


def check(user: str, grants: Iterable[Grant]) -> None:
    """Raises WarehouseUnsafe for a user that a SELECT could do harm with."""
    reaching = sorted(grant.privilege for grant in grants if grant.reaches())
    if reaching:
        everything = "ALL PRIVILEGES" in reaching
        has = "may do everything" if everything else f"has {powers.listed(reaching)} on the whole server"
        why = f"{has}, by itself or through a role"
        raise powers.unsafe("user", user, why, "files of the server or others' accounts")


def warnings(user: str, grants: Iterable[Grant]) -> list[str]:
    """Sentences, none for a user that may only read."""
    beyond: dict[str, list[str]] = {}
    calling: list[str] = []
    said: list[str] = []
    for grant in sorted(grants):
        if grant.privilege == CALLING:
            calling.append(grant.place)
        elif grant.privilege not in READING | {WATCHING}:
            beyond.setdefault(grant.place, []).append(grant.privilege)
    if beyond:
        places = [f"{', '.join(privileges)} on {place}" for place, privileges in beyond.items()]
        said.append(f"It has {powers.listed(places, '; ')}.")
    if calling:
        said.append(
            f"It may call stored functions ({powers.listed(calling)}), which run with the rights of whoever made them. "
            "They can't write here, but may read what it may not: grant EXECUTE on those alone that Audiences need."
        )
    if any(grant.privilege == WATCHING for grant in grants):
        said.append("It may see what others run on the server (PROCESS).")
    if any(grant.privilege == "SELECT" and _covers_accounts(grant.place) for grant in grants):
        said.append(
            "It may read the server's own tables, where the hashes of passwords are: grant SELECT on the databases "
            "that Audiences read from, not on all."
        )
    return powers.beyond(f'The user "{user}"', said)


def statements_for_a_right_role(database: str, user: str, host: str = "%") -> str:
    """What an admin of the warehouse pastes, as one who may create users and grant SELECT on the database."""
    account = f"{_quoted(user)}@{_quoted(host)}"
    # In the name of a database that a grant is for, "_" and "%" stand for anything.
    place = _quoted(re.sub(r"([_%\\])", r"\\\1", database))
    return f"""\
CREATE USER {account} ACCOUNT LOCK;
-- Then give it a password, and let it in: ALTER USER {account} IDENTIFIED BY '...' ACCOUNT UNLOCK;
-- "%" is everywhere: better name the host that Accelerator connects from, and add REQUIRE SSL if it is another network.
-- For each database that Audiences read from (or for single tables: {_quoted(database)}.`table`):
GRANT SELECT ON {place}.* TO {account};
-- So that no Audience takes all connections of the server:
ALTER USER {account} WITH MAX_USER_CONNECTIONS 20;
"""


def understood(lines: Iterable[str]) -> tuple[list[Grant], list[str]]:
    """What is granted in the server's GRANT statements, and the roles, as the server writes them.

    Who is granted it, and how it proves itself, is left where it is.
    """
    grants: list[Grant] = []
    roles: list[str] = []
    for line in lines:
        words = _TOKEN.findall(line)
        if words[0] != "GRANT" or "TO" not in words:
            continue
        granted = words[1 : words.index("TO")]
        if "ON" not in granted:
            roles += "".join(granted).split(",")
            continue
        on = granted.index("ON")
        place = "".join(_bare(word) + " " * word.isalpha() for word in granted[on + 1 :])
        privileges = list(_privileges(granted[:on]))
        if words[-3:] == ["WITH", "GRANT", "OPTION"]:
            privileges.append("GRANT OPTION")
        grants += [Grant(place, privilege) for privilege in privileges]
    return grants, roles


def _told(connection: Connection, statement: str) -> tuple[list[Grant], list[str]]:
    return understood(line for (line,) in ask(connection, statement))


def _through(connection: Connection, roles: list[str]) -> list[Grant]:
    """What MariaDB's roles are granted, and the roles that they have in turn."""
    [(before,)] = ask(connection, "SELECT CURRENT_ROLE()")
    grants: list[Grant] = []
    for role in roles:
        ask(connection, f"SET ROLE {role}")
        grants += _told(connection, "SHOW GRANTS")[0]
    if roles:
        ask(connection, f"SET ROLE {_quoted(before) if before else 'NONE'}")
    return grants


def _privileges(tokens: list[str]) -> Iterator[str]:
    """Between the commas; in brackets stand columns."""
    words: list[str] = []
    depth = 0  # of brackets
    for part in [*tokens, ","]:
        depth += (part == "(") - (part == ")")
        if part == "," and not depth:
            yield " ".join(words).upper()
            words = []
        elif not depth and part != ")":
            words.append(part)


def _covers_accounts(place: str) -> bool:
    """Whether the place holds the tables of accounts; the name of a database is a pattern, as LIKE has them."""
    database, _, table = place.partition(".")
    pattern = re.sub(r"(?<!\\)[%_]", lambda sign: ".*" if sign[0] == "%" else ".", database)
    return place == EVERYWHERE or (bool(re.fullmatch(pattern, "mysql")) and table in ACCOUNTS)


def _bare(token: str) -> str:
    mark = token[0]
    return token[1:-1].replace(mark * 2, mark) if mark in "`\"'" and len(token) > 1 else token


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
