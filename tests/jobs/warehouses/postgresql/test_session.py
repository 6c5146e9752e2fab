"""The address of a session: a location that libpq would take for something else is refused before it is told of."""

from urllib.parse import urlsplit

import pytest
from psycopg import pq

from jobs.warehouses import LocationRefused, WarehouseUnreachable, locations
from jobs.warehouses.postgresql import session
from jobs.warehouses.redshift import connector as redshift


@pytest.mark.parametrize(
    "location", ["postgress://u@h/db", "mysql://u@h/db", "redshift://u@h/db", "//u@h/db", "host=h user=u", ""]
)
def test_what_is_no_address_of_postgresql_is_refused(location: str) -> None:
    with pytest.raises(WarehouseUnreachable) as caught:
        session.address(location, "hunter22")
    assert str(caught.value) == (
        "The location must begin with postgresql:// or postgres://, "
        "as in postgresql://user@host:port/database."
    )


def test_redshift_has_one_scheme_more() -> None:
    assert redshift.address("redshift://u@h/db").startswith("postgresql://u@h/db?")
    with pytest.raises(
        WarehouseUnreachable, match="must begin with redshift:// or postgresql:// or postgres://"
    ):
        redshift.address("redshifft://u@h/db")


@pytest.mark.parametrize("scheme", session.SCHEMES)
def test_the_secret_stands_in_the_address_as_a_url_writes_it(scheme: str) -> None:
    assert session.address(f"{scheme}://u@h/db", "a/b c").startswith(f"{scheme}://u:a%2Fb%20c@h/db?")


def addressed(location: str) -> list[str]:
    """By PostgreSQL's connector and by Redshift's."""
    return [session.address(location, ""), redshift.address(location)]


@pytest.mark.parametrize("name", sorted(locations.LEADING))
@pytest.mark.parametrize(
    "query", ["{}=/etc/passwd", "sslmode=require&{}=/etc/passwd", "sslmode=a&{}=b&sslmode=c"]
)
def test_an_option_that_leads_to_files_of_the_machine_is_refused(name: str, query: str) -> None:
    for address in (lambda location: session.address(location, ""), redshift.address):
        for written in (name, name.upper(), f"%{ord(name[0]):x}{name[1:]}"):
            with pytest.raises(LocationRefused, match=f'(?i)the option "{name}"'):
                address(f"postgresql://u@h/db?{query.format(written)}")


def test_every_file_that_libpq_takes_is_thought_of() -> None:
    """Of a newer libpq, too: what its options are called says so."""
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    files = {
        name for name in known if any(word in name for word in ("file", "cert", "sslkey", "crl", "service"))
    }
    assert files - locations.LEADING <= {"sslcertmode", "sslrootcert"}


@pytest.mark.parametrize(
    "options", ["passfile=/etc/passwd", "options=-c%20default_transaction_read_only%3Doff"]
)
def test_nothing_stands_behind_a_hash_where_libpq_would_take_it_for_options_that_win(options: str) -> None:
    for address in (lambda location: session.address(location, ""), redshift.address):
        with pytest.raises(LocationRefused, match="write it as %23"):
            address(f"postgresql://u@h/db?sslmode=require#&{options}")


@pytest.mark.parametrize("trust", ["sslmode=verify-full&sslrootcert=system", "sslrootcert=/etc/ssl/shop.pem"])
def test_whom_to_trust_may_be_said(trust: str) -> None:
    for address in addressed(f"postgresql://u%23@h/db?{trust}&target_session_attrs=any"):
        assert set(trust.replace("/", "%2F").split("&")) < set(urlsplit(address).query.split("&"))
