"""Any database that SQLAlchemy has a dialect for. SQLAlchemy is an extra: nothing is imported here."""

DIALECT = ""  # whatever sqlglot can make of it
