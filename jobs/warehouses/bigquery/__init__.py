"""Google BigQuery as a Warehouse. Its vendor's package is an extra: nothing is imported here."""

DIALECT = "bigquery"
