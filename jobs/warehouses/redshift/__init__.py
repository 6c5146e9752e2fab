"""Amazon Redshift as a Warehouse. It speaks PostgreSQL's protocol, and shares what it can with `postgresql`."""

DIALECT = "redshift"
