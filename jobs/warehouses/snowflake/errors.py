"""What Snowflake's connector raises, in sentences."""

import snowflake.connector

from jobs.reading.errors import AudienceSqlError, WarehouseError, WarehouseUnreachable
from jobs.warehouses import services

CANCELED, TIMED_OUT = 604, 630  # Snowflake's numbers
SESSION = range(390_000, 400_000)  # and those that speak of the login and the session
LINE = (
    snowflake.connector.InterfaceError,
    snowflake.connector.InternalError,
    snowflake.connector.OperationalError,
)


def words(error: snowflake.connector.Error) -> str:
    """Snowflake's own words, and the number under which it keeps the query."""
    said = " ".join(str(error.raw_msg or type(error).__name__).split())[:500]
    return f"{said} (query {error.sfqid})" if error.sfqid else said


def explained(error: snowflake.connector.Error) -> WarehouseError:
    if error.errno == TIMED_OUT:
        return services.slow()
    if error.errno == CANCELED:
        return WarehouseUnreachable(f"Somebody at the warehouse ended the query: {words(error)}")
    if isinstance(error, LINE) or error.errno in SESSION:
        return WarehouseUnreachable(f"The line to the warehouse broke: {words(error)}")
    return AudienceSqlError(f"The warehouse refuses the SQL: {words(error)}")
