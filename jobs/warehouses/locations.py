"""What no location may say, whoever it lets in: told by the form before it is stored, and by whoever connects.

No vendor's package is needed to know it.
"""

from urllib.parse import SplitResult, parse_qsl, urlsplit

from jobs.models import Kind
from jobs.reading.errors import LocationRefused
from jobs.warehouses.guidebook import GUIDES

# What SQLAlchemy calls the databases that have a kind of their own: as we do, but for these.
OWN_KINDS = {str(kind): kind for kind in Kind if kind is not Kind.SQLALCHEMY} | {
    "mariadb": Kind.MYSQL,
    "postgres": Kind.POSTGRESQL,
}
# Options of libpq's that lead to files of the machine it runs on (a password file, a file of services that hold any
# option, keys, a log of the line's keys) or to its tickets of Kerberos. Whom to trust, sslrootcert, is asked for.
LEADING = frozenset(
    {
        "gssdelegation",
        "gsslib",
        "krbsrvname",
        "passfile",
        "service",
        "servicefile",
        "sslcert",
        "sslcrl",
        "sslcrldir",
        "sslkey",
        "sslkeylogfile",
    }
)


def check(kind: str, location: str) -> None:
    """What can be said before anybody connects. Raises LocationRefused."""
    if kind == Kind.SQLALCHEMY:
        check_dialect(location.partition("://")[0].partition("+")[0])
    if kind in (Kind.POSTGRESQL, Kind.REDSHIFT):
        try:
            parts = urlsplit(location)
        except ValueError:
            return  # the connector says what is wrong with it
        check_libpq(parts)


def check_dialect(name: str) -> None:
    """SQLAlchemy would walk around what holds a kind of its own to reading. Raises LocationRefused."""
    if own := OWN_KINDS.get(name.strip().lower()):
        raise LocationRefused(
            f"Through SQLAlchemy nothing would hold an Audience's SQL to reading, and {own.label} has a kind of "
            f'Warehouse of its own, which does: choose the kind "{own.label}". Its location looks like '
            f"{GUIDES[own].location}."
        )


def check_libpq(parts: SplitResult) -> None:
    """Raises LocationRefused."""
    if parts.fragment:  # for libpq it is none, and what follows are options that would win over ours
        raise LocationRefused("The location holds a #, after which nothing may stand: write it as %23.")
    for name, _ in parse_qsl(parts.query):
        if name.lower() in LEADING:
            raise LocationRefused(
                f'The location has the option "{name}", which would lead to files or tickets of the machine that reads '
                "from the Warehouse: leave it out. A password belongs into the field for the secret; whom to trust say "
                "sslmode and sslrootcert."
            )
