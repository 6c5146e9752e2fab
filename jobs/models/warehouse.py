"""A Warehouse: a database connection that Audiences are read from."""

from django.contrib.auth.models import Group
from django.db import models


class Kind(models.TextChoices):
    """The kinds of Warehouse there are; each is a package of `jobs.warehouses`."""

    DUCKDB = "duckdb", "DuckDB"
    SQLITE = "sqlite", "SQLite"
    POSTGRESQL = "postgresql", "PostgreSQL"
    REDSHIFT = "redshift", "Amazon Redshift"
    MYSQL = "mysql", "MySQL or MariaDB"
    SNOWFLAKE = "snowflake", "Snowflake"
    BIGQUERY = "bigquery", "BigQuery"
    DATABRICKS = "databricks", "Databricks"
    SQLALCHEMY = "sqlalchemy", "another one, through SQLAlchemy"


class Warehouse(models.Model):
    """Where it is and how to get in. The secret is sealed or a reference (`jobs.warehouses.secrets`)."""

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=20, choices=Kind)
    location = models.CharField(
        max_length=1000,
        help_text="DuckDB: the path of the file. "
        "PostgreSQL: postgresql://user@host:port/database, without the password.",
    )
    secret = models.TextField(blank=True, editable=False)  # the key of a service account is no short word
    account = models.ForeignKey(
        Group,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        help_text="Whose audiences may read from it; empty: everybody's.",
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
