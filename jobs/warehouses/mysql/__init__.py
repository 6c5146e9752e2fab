"""MySQL and MariaDB as Warehouses."""

DIALECT = "mysql"
