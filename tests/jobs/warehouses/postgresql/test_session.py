"""The address of a session: a location that libpq would take for something else is refused before it is told of."""

import pytest

from jobs.warehouses import WarehouseUnreachable
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
