"""The texts about each kind of Warehouse (`guide`). Whoever changes a connector changes what is said of it here."""

from dataclasses import dataclass

from jobs.models import Kind

# How a text begins about what we could not run here ourselves.
UNPROVEN = "Never run against the real service:"
ENGINE = "Our tests run it against the real engine."
TIMES = "A date or time outside the years 1 to 9999 (such as infinity) is NULL; nanoseconds are cut to microseconds."
TIMEOUT = (
    "The warehouse itself ends a query after WAREHOUSE_TIMEOUT, which is six hours if nobody says otherwise."
)


@dataclass(frozen=True)
class Guide:
    """One kind of Warehouse, for whoever enters one. The first of `held` is the one that the README shows."""

    location: str  # what it must look like
    connect: str  # what is in it, and what may be
    secret: str
    held: tuple[str, ...]  # what holds the SQL of an Audience to reading, and by what
    types: tuple[str, ...]
    cancel: str
    limits: tuple[str, ...]
    role: str  # what is to be known about the statements that make a right role
    tried: str = ENGINE
    schemes: tuple[str, ...] = ()  # that a location may begin with instead


GUIDES: dict[Kind, Guide] = {
    Kind.DUCKDB: Guide(
        location="/path/to/shop.duckdb",
        connect="The path of the file, or of a folder of Parquet and CSV files, on every machine that runs the "
        "dashboard or its workers. Each file in it (.parquet, .csv or .tsv, these also .gz) is a view of its name, and "
        "each folder in it, of all its Parquet files or else of all its CSV files.",
        secret="none: whoever may read the file may connect",  # noqa: S106
        held=(
            "the file, attached read-only by an engine that is locked down: no other file, no extension, no settings",
            "DuckDB says itself what the SQL is, before it is run: one statement, a SELECT.",
            "SET enable_external_access = false and lock_configuration = true: no SQL reads or writes another file, "
            "attaches a database, loads an extension, or lifts this again. Of a folder the files that were there are "
            "allowed; links that lead out of it, and what begins with a dot, are left out.",
            "Functions that stand where a table does are refused, but for those that make rows out of their arguments: "
            "read_blob and its like would read the warehouse's own files as bytes.",
        ),
        types=(
            "Columns arrive as DuckDB has them, lists and structs included. INTERVAL, BIT, UNION, UHUGEINT, BIGNUM, "
            "VARIANT, GEOMETRY and TIMETZ are refused with the cast that helps.",
            "A PIVOT has to say which values become columns: PIVOT ... ON a IN ('x', 'y') USING ...",
            TIMES,
        ),
        cancel="The engine runs in a process of our own and is interrupted.",
        limits=(
            "A file that another process has open for writing can't be read meanwhile: DuckDB locks it.",
            "The query uses one processor of the worker, and of its memory as much as DUCKDB_MEMORY allows (96MB); a "
            "large sort or join lies on its disk, WAREHOUSE_TEMPORARY_BYTES at most (20 GB, or half of what is free).",
            "DuckDB works on 2,048 rows at once: cells of more than about 20 kB need a larger DUCKDB_MEMORY, 400 rows "
            "of 1 MB need 1GB.",
            "A file of a folder that can't be read closes no other; whoever selects from it is told which it is.",
        ),
        role="The system's own rights are the role: the file, or the folder, is only to be readable.",
    ),
    Kind.SQLITE: Guide(
        location="/path/to/shop.sqlite3",
        connect="The path of the file, on every machine that runs the dashboard or its workers.",
        secret="none: whoever may read the file may connect",  # noqa: S106
        held=(
            "the file, opened read-only, and SQLite asking for permission before each thing that the SQL would do",
            "Allowed are SELECT, reading columns, and functions; those that load code or reach other files are not.",
            "No database is attached (SQLITE_LIMIT_ATTACHED is 0); the driver takes one statement.",
        ),
        types=(
            "A column has one type, found from its first 2,000 rows and from what it was declared as. A row that holds "
            "another type ends the query with a sentence that names the row and the cast that helps.",
            "BOOLEAN columns are booleans; dates and times are the text or number that was stored: SQLite has none. "
            "A Template walks through the text of a column that is declared as JSON.",
        ),
        cancel="The engine runs in a process of our own and is interrupted.",
        limits=(
            "A value may have 16 MB at most, a row and all that SQLite holds in memory 64 MB.",
            "A large sort lies on the worker's disk, WAREHOUSE_TEMPORARY_BYTES at most (20 GB, half of what is free).",
            "A file in WAL mode is readable while its -wal and -shm files are there, or where the file itself may be "
            "written: made by anybody else, they would keep its writers out.",
        ),
        role="The system's own rights are the role: the file is only to be readable.",
    ),
    Kind.POSTGRESQL: Guide(
        location="postgresql://user@host:port/database",
        connect="The address as libpq writes it, without the password; options of libpq's may follow, such as "
        "?sslmode=verify-full&sslrootcert=/etc/ssl/shop.pem. Those that name other files of the machine, or tickets "
        "of its Kerberos, are refused (passfile, service, sslcert, sslkey and so on); a certificate of the role's own "
        "is found in ~/.postgresql.",
        secret="the role's password; none where the server knows the role otherwise (peer, certificate, .pgpass)",  # noqa: S106
        held=(
            "a READ ONLY transaction, kept by the server and never committed; a role that could do harm is refused",
            "Refused: a superuser, a role that may replicate, create roles or bypass row-level security, a member of "
            "pg_read_server_files, pg_write_server_files, pg_execute_server_program and their like, and one that may "
            "call functions that read or write files of the server, or that act over a line of their own (dblink, http "
            "and other extensions). A SELECT can do all that in such a transaction.",
            "The SQL runs inside SELECT * FROM (...), prepared as one statement, and read by COPY; values are bound.",
            "A role that could change tables, though not in this transaction, is warned about.",
        ),
        types=(
            "numeric keeps every digit. A Template walks through json and jsonb. uuid and citext are text.",
            "money, interval, inet, arrays of them and types of extensions are refused with the cast that helps "
            "(a::numeric AS a), arrays of several dimensions with to_jsonb(a) AS a.",
            TIMES,
        ),
        cancel="PostgreSQL's own cancel request ends the query at the server, from a second connection.",
        limits=(
            TIMEOUT,
            "A table that somebody has locked is waited for, ten minutes at most.",
            "A line that is dead is noticed after about a minute, by keepalives.",
        ),
        role="Run them as one who may create roles and owns the tables. \\password in psql sets the password without "
        "writing it into any log.",
        schemes=("postgres",),
    ),
    Kind.REDSHIFT: Guide(
        location="redshift://user@cluster.region.redshift.amazonaws.com:5439/database",
        connect="The endpoint of the cluster or workgroup; postgresql:// is the same. The line is encrypted unless an "
        "option of libpq's says otherwise; ?sslmode=verify-full&sslrootcert=FILE also proves who answers. Options that "
        "name other files of the machine are refused, as PostgreSQL's are.",
        secret="the user's password",  # noqa: S106
        held=(
            "a READ ONLY transaction, never committed, and brackets that take a query alone; a superuser is refused",
            "The SQL runs as SELECT * FROM (...) by the extended protocol, which takes one statement and binds values.",
            "A user who could change or create tables, or has a role of administrators, is warned about.",
        ),
        types=(
            "NUMERIC keeps every digit. A Template walks through SUPER; TIME is text.",
            "GEOMETRY and GEOGRAPHY are refused with the function that helps (ST_AsText(place) AS place).",
            TIMES,
        ),
        cancel="PostgreSQL's cancel request, which Redshift knows too, from a second connection.",
        limits=(TIMEOUT, "Rows come 2,000 at a time, as text: slower than PostgreSQL's."),
        role="Run them as a superuser of the database.",
        tried=f"{UNPROVEN} built on Amazon's documents. Our tests run it against PostgreSQL, whose protocol it speaks.",
        schemes=("postgresql", "postgres"),
    ),
    Kind.MYSQL: Guide(
        location="mysql://user@host:3306/database",
        connect="mariadb:// is the same. Options: ssl_mode=VERIFY_IDENTITY (or VERIFY_CA, REQUIRED, DISABLED) with "
        "ssl_ca, ssl_cert and ssl_key, paths of files; or unix_socket.",
        secret="the user's password",  # noqa: S106
        held=(
            "a READ ONLY transaction, which the server confirms; a user who could do harm is refused",
            "Refused: a user who, by itself or through a role, has ALL, FILE, SUPER, an ADMIN privilege or their like "
            "on the whole server. A SELECT could reach files of the server or others' accounts through them.",
            "The server prepares the SQL as one statement, in brackets that take a query alone, and binds the values "
            "of variables. SQL that locks, sleeps or writes INTO something is refused before.",
            "A user who could call stored functions, or change tables outside of this transaction, is warned about.",
        ),
        types=(
            "DECIMAL keeps every digit. TINYINT(1) and BIT(1) are booleans. TIME, ENUM and SET are text.",
            "A Template walks through MySQL's JSON. MariaDB's is a name for LONGTEXT, and text.",
            "TIMESTAMP is in UTC; DATETIME has no time zone.",
            "Geometries are refused with the cast that helps (ST_AsText(place) AS place).",
            "A day that is in no calendar (0000-00-00) is NULL.",
        ),
        cancel="KILL QUERY, over a second connection.",
        limits=(TIMEOUT, "A line that is dead is noticed after about a minute, by keepalives."),
        role="Run them as one who may create users and grant SELECT on the database.",
        tried="Our tests run it against a real MariaDB.",
        schemes=("mariadb",),
    ),
    Kind.SQLALCHEMY: Guide(
        location="dialect+driver://user@host:port/database",
        connect="A URL as SQLAlchemy writes it (oracle+oracledb://, mssql+pyodbc://, trino:// and so on). Dialect and "
        "driver are packages that whoever runs Accelerator installs.",
        secret="the user's password",  # noqa: S106
        held=(
            "the role alone: Accelerator can't lock this kind down, and always says so",
            "Besides, the transaction is undone at the end, and only reads where the database can be told that "
            "(Oracle, and what is near to PostgreSQL, such as CockroachDB). SQL that is plainly more than one SELECT "
            "is not sent.",
            "What has a kind of its own here (PostgreSQL, SQLite, MySQL, Snowflake and so on) is refused: that kind "
            "looks at the role, or opens the file, so that nothing is written.",
        ),
        types=(
            "What a column is, its first 2,000 rows decide: booleans, numbers, dates, times, bytes, objects and lists "
            "(which a Template walks through); all else is text. "
            "A later value that does not fit ends the query with a sentence that names the column.",
            "Numbers with decimals keep every digit where the driver gives them as such. Times with a zone are in UTC.",
        ),
        cancel="By the driver's own means; where it has none, the line is cut, and when the database ends its query is "
        "the database's affair.",
        limits=(
            "A query is ended from here after WAREHOUSE_TIMEOUT, which is six hours if nobody says otherwise.",
            "Rows come through Python, one by one: the slowest of all kinds.",
        ),
        role="Run them in the words of the database.",
        tried=f"{UNPROVEN} which one that is, depends on the location. Our tests run it against SQLite, PostgreSQL and "
        "MariaDB, under other names.",
    ),
    Kind.SNOWFLAKE: Guide(
        location="snowflake://user@account/database/schema?warehouse=NAME&role=NAME",
        connect="Account as Snowflake writes it in its own URLs (organisation-account). Warehouse and role must be "
        "named: a user's default may change.",
        secret="a private key (PEM; a line before it is its passphrase), a programmatic access token, or a password",  # noqa: S106
        held=(
            "brackets: the SQL runs as SELECT * FROM (...), where Snowflake takes a query alone; administrators' roles "
            "are refused",
            "MULTI_STATEMENT_COUNT = 1: one statement. What would leave the brackets, ->>, NEXTVAL, SYSTEM$, files of "
            "stages and models' functions (CORTEX, AI_) are refused before. Secondary roles are off.",
            "What the role may do beside reading, and the roles it was granted, is looked up and warned about.",
        ),
        types=(
            "NUMBER keeps every digit. A Template walks through VARIANT, OBJECT and ARRAY.",
            TIMES,
        ),
        cancel="The query is aborted by its id; it is also ended by Snowflake when nobody asks for it any more.",
        limits=(TIMEOUT, "Rows come in chunks of up to 48 MB, of which about two are in memory."),
        role="Run them as SECURITYADMIN, or who may create users and roles and owns the schema.",
        tried=f"{UNPROVEN} built on the connector's source and Snowflake's documents, and tried in our tests on "
        "recorded shapes of the connector's own objects.",
    ),
    Kind.BIGQUERY: Guide(
        location="bigquery://project/dataset?location=EU",
        connect="The project that pays for the queries, and the dataset whose tables need no prefix. location is where "
        "the data is; maximum_bytes_billed=BYTES refuses a query that would read more.",
        secret="the JSON of a service account's key; none where the machine has credentials of its own",  # noqa: S106
        held=(
            "a dry run: BigQuery itself says, before anything is run, whether the SQL is one SELECT",
            "A SELECT with EXTERNAL_QUERY, or models' functions that send what they are given elsewhere, is refused.",
            "What the account may do to the tables of the dataset is asked, and warned about.",
        ),
        types=(
            "NUMERIC and BIGNUMERIC keep every digit, but no zeros at their ends where no scale is declared. "
            "A Template walks through JSON; GEOGRAPHY is text. "
            "STRUCT and ARRAY keep their parts.",
            TIMES,
        ),
        cancel="The job is cancelled by its id.",
        limits=(TIMEOUT, "Each query costs what its bytes cost; maximum_bytes_billed bounds it."),
        role="Run them as an owner of the project.",
        tried=f"{UNPROVEN} built on the connector's source and Google's documents, and tried in our tests on recorded "
        "shapes of the connector's own objects.",
    ),
    Kind.DATABRICKS: Guide(
        location="databricks://host/sql/1.0/warehouses/id?catalog=NAME&schema=NAME",
        connect="Host and HTTP path as Databricks shows them under Connection details of the SQL warehouse; catalog "
        "and schema whose tables need no prefix.",
        secret="a personal access token, or client_id:client_secret of a service principal",  # noqa: S106
        held=(
            "brackets: the SQL runs as SELECT * FROM (...), where Databricks takes a query alone, and one statement",
            "What would leave the brackets, run a program (USING), call reflect, java_method, http_request, "
            "remote_query or models (ai_), or read files, streams or secrets is refused before.",
            "What was granted beside reading on catalog and schema is looked up and warned about; what a group was "
            "granted is not told by Databricks.",
            "A cluster instead of a SQL warehouse is warned about: SQL can call Java there.",
        ),
        types=(
            "DECIMAL keeps every digit. ARRAY, MAP and STRUCT arrive as Databricks' connector gives them.",
            TIMES,
        ),
        cancel="The statement is cancelled at the SQL warehouse.",
        limits=(
            TIMEOUT,
            "A SQL warehouse that is asleep is waited for until it has woken, which takes minutes.",
        ),
        role="Run them as the owner of the catalog.",
        tried=f"{UNPROVEN} built on the connector's source and Databricks' documents, and tried in our tests on "
        "recorded shapes of the connector's own objects.",
    ),
}
