"""The dashboard's settings, from the environment (12-factor); `.env.example` lists every variable."""

import os
from datetime import timedelta
from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.dateparse import parse_duration
from kombu import Queue

from accelerator import logs, spooling

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
env.read_env(BASE_DIR / ".env")

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """From "10m", "36h", "30d", "45s", or what Django's parse_duration reads (ISO 8601)."""
    if text[-1:] in UNITS and text[:-1].isdigit():
        return timedelta(**{UNITS[text[-1]]: int(text[:-1])})
    parsed = parse_duration(text)
    if parsed is None:
        raise ImproperlyConfigured(f'"{text}" is no duration; write for example 10m, 36h or 30d')
    return parsed


DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PUBLIC_URL = env.str("PUBLIC_URL", default="http://localhost:8000")
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data"))).absolute()
# Where this host keeps its high-water mark: outside the database, and as lasting (`accelerator.marks`).
MARKS = Path(env.str("MARKS", default=str(DATA_DIR / "marks")))

INSTALLED_APPS = [
    "accelerator",
    "campaigns",
    "jobs",
    "django_htmx",
    "template_partials",
    "csp",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "accelerator.logs.Requests",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "accelerator.caching.unkept",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "accelerator.urls"
WSGI_APPLICATION = "accelerator.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

DATABASES = {"default": env.db_url("DATABASE_URL", default="postgres:///accelerator")}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured(
        "DATABASE_URL must name a PostgreSQL database: postgres://user:password@host/name"
    )
# A process that is frozen, or a host that is lost, inside a transaction must not keep a Job locked: its session
# ends, and whoever waits goes on.
GUARDS = "-c idle_in_transaction_session_timeout=10s -c lock_timeout=15s"
# Of a host that is lost the server hears nothing, no goodbye either: it asks, as we do below, and not after two hours.
GUARDS += " -c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=30s"
OPTIONS = DATABASES["default"].setdefault("OPTIONS", {})
OPTIONS["options"] = " ".join(filter(None, [OPTIONS.get("options"), GUARDS]))
OPTIONS |= {"keepalives": 1, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
OPTIONS["pool"] = {"min_size": 1, "max_size": 8, "timeout": 10}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="redis://localhost:6379/0")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
# One spelling for people (unix://), two for the libraries: kombu wants redis+socket://.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    # Extracted records at rest; every worker must see the same place.
    "spool": spooling.storage(env.str("SPOOL_URL", default=""), DATA_DIR / "spool"),
}

STATIC_URL = "static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(DATA_DIR / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "campaigns:list"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Behind TLS (PUBLIC_URL says https) cookies travel only there; the embedded default is plain http on localhost.
SECURE = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "accelerator_session", "accelerator_csrf"
SECURE_SSL_REDIRECT = SECURE
# Who looks whether it works does so from near by, by plain http.
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

try:
    EMAIL_CONFIG = env.email_url("EMAIL_URL", default="smtp://localhost:25")
except (ImproperlyConfigured, ValueError) as error:
    raise ImproperlyConfigured(
        "EMAIL_URL must name a mail server: smtp://, smtps:// or smtp+tls://user:password@host:port"
    ) from error
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 20
NOTICES_FROM = env.str("NOTICES_FROM", default="accelerator@localhost")

# --- Accelerator's own ------------------------------------------------------------------------------------

CLOUD_URL = env.str("CLOUD_URL", default="http://localhost:8001")
CLOUD_KEY = env.str("CLOUD_KEY", default="")
SUPPORT_EMAIL = env.str("SUPPORT_EMAIL", default="support@messagegears.com")
COLLECTING_WINDOW = duration(env.str("COLLECTING_WINDOW", default="30d"))
# Above this many records, people are advised to pause and write to support instead of cancelling by themselves.
LARGE_JOB = env.int("LARGE_JOB", default=10_000_000)
# Seconds that a worker owns a step without renewing it (it does so every second): how long a killed worker's waits.
STEP_LEASE = env.float("STEP_LEASE", default=20.0)
# Seconds without a record until a warehouse is asked whether it still works on the SQL; if it does not say so, its line
# is given up. A warehouse that gives less than two megabytes in this time is taken for silent.
WAREHOUSE_SILENCE = env.float("WAREHOUSE_SILENCE", default=300.0)
# Seconds that a warehouse may work on one query, where it can be told so; ten million records take minutes.
WAREHOUSE_TIMEOUT = env.int("WAREHOUSE_TIMEOUT", default=6 * 3600)
# The folder whose files a Warehouse may name as its secret; "" for none. What else is secret here must lie elsewhere.
WAREHOUSE_SECRETS = env.str("WAREHOUSE_SECRETS", default="/run/secrets/warehouses")
# Arrow's own pools keep what they were given, a share for each thread: 80 MB more than what is in use. Arrow looks for
# this when it is first imported, which nobody does before the settings.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
# What a query on a warehouse of DuckDB's may hold in memory; more of it lies on disk meanwhile.
DUCKDB_MEMORY = env.str("DUCKDB_MEMORY", default="96MB")
# What a query on a DuckDB or SQLite warehouse may put on the disk meanwhile; never more than half of what is free.
WAREHOUSE_TEMPORARY_BYTES = env.int("WAREHOUSE_TEMPORARY_BYTES", default=20_000_000_000)
# The most that one Audience may be: beyond it a Job fails, and nobody is contacted.
AUDIENCE_MOST_RECORDS = env.int("AUDIENCE_MOST_RECORDS", default=100_000_000)
AUDIENCE_MOST_BYTES = env.int("AUDIENCE_MOST_BYTES", default=100_000_000_000)
# The share of an Audience's rows that may be without an id or a valid address: beyond it something is wrong with the
# SQL or the data.
AUDIENCE_MOST_INVALID = env.float("AUDIENCE_MOST_INVALID", default=0.3)
# How long what names a person is kept after a Job's end and its collecting window, and after a look at an Audience.
RETENTION = duration(env.str("RETENTION", default="7d"))
# Records in one batch at most: the piece that is transferred, and leased by a sender, as a whole. The first batches of
# a Job are smaller (`jobs.spool`).
BATCH_RECORDS = env.int("BATCH_RECORDS", default=25_000)

# --- Celery: wakes, never decides (jobs.tasks) --------------------------------------------------------------

CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A broker that is frozen must not hold up whoever wakes a worker (the sweep wakes it later).
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "global_keyprefix": "dashboard.",
    "socket_connect_timeout": 2,
    "socket_timeout": 10,
}
# A worker takes all queues unless told otherwise (-Q); what takes long must not keep an Ask waiting (jobs.steps).
CELERY_TASK_QUEUES = [Queue("control"), Queue("jobs"), Queue("extracting")]
CELERY_TASK_DEFAULT_QUEUE = "jobs"
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "accelerator.ticking:Ticking"
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "jobs.tasks.sweep", "schedule": 1.0},
    # Short, for it begins anew with every start; in the queue of what may take long.
    "forget": {"task": "jobs.tasks.forget", "schedule": 300.0, "options": {"queue": "extracting"}},
    "forget samples": {"task": "campaigns.tasks.forget", "schedule": 300.0, "options": {"queue": "jobs"}},
}

# --- what is seen from outside ------------------------------------------------------------------------------

LOGGING = logs.config(env.str("LOG_FORMAT", default="console"), env.str("LOG_LEVEL", default="INFO"))
LOGGED_IDS = {"pk": "job"}
# Who sends it as a bearer token may read /metrics; empty: nobody.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
