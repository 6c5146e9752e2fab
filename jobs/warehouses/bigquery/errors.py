"""What Google's libraries raise, in sentences."""

import google.api_core.exceptions
import google.auth.exceptions
import requests

from jobs.reading.errors import AudienceSqlError, WarehouseError, WarehouseUnreachable
from jobs.warehouses import services

# What all that Google's libraries do may raise.
FAILURES = (
    google.api_core.exceptions.GoogleAPIError,
    google.auth.exceptions.GoogleAuthError,
    requests.RequestException,
)
UNREACHABLE = (
    google.api_core.exceptions.RetryError,
    google.api_core.exceptions.ServerError,
    google.api_core.exceptions.TooManyRequests,
    google.api_core.exceptions.Unauthorized,
    google.auth.exceptions.GoogleAuthError,
    requests.RequestException,
)


def reason(error: Exception) -> str:
    errors = getattr(error, "errors", None) or [{}]
    return str(errors[0].get("reason", "")) if isinstance(errors[0], dict) else ""


def words(error: Exception) -> str:
    """BigQuery's own words, without the request they answer."""
    errors = getattr(error, "errors", None) or [{}]
    text = errors[0].get("message") if isinstance(errors[0], dict) else None
    return " ".join(str(text or getattr(error, "message", None) or error).split())[:500]


def explained(error: Exception) -> WarehouseError:
    said, why = words(error), reason(error)
    if "timed out" in said.lower() and isinstance(error, google.api_core.exceptions.GoogleAPICallError):
        return services.slow()
    if why == "bytesBilledLimitExceeded":
        return AudienceSqlError(f"The SQL would read more than maximum_bytes_billed allows: {said}")
    if "bigquery.jobs.create" in said:
        return WarehouseUnreachable(f"The account may run no queries (roles/bigquery.jobUser): {said}")
    if "bigquery.readsessions" in said:
        return WarehouseUnreachable(f"The account may not read (roles/bigquery.readSessionUser): {said}")
    if said.startswith("Not found: Project"):
        return WarehouseUnreachable(f"The location names a project that is not there: {said}")
    if isinstance(error, UNREACHABLE) or why in (
        "quotaExceeded",
        "rateLimitExceeded",
        "billingNotEnabled",
    ):
        return WarehouseUnreachable(f"BigQuery can't be reached: {said}")
    return AudienceSqlError(f"The warehouse refuses the SQL: {said}")
