"""The Cloud's settings, from the environment (12-factor); nothing here is shared with the dashboard."""

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from accelerator import logs
from accelerator.cloud.services import definitions
from accelerator.protocol import Key, parse_rates

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = environ.Env()
env.read_env(BASE_DIR / ".env")

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """From "45s", "10m", "36h" or "30d"."""
    if text[-1:] not in UNITS or not text[:-1].isdigit():
        raise ImproperlyConfigured(f'"{text}" is no duration; write for example 45s, 10m, 36h or 30d')
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})


# Where this host keeps its high-water mark: outside the database, and as lasting (`accelerator.marks`).
MARKS = Path(
    env.str("MARKS", default=str(Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data"))) / "marks"))
)

DEBUG = False
SECRET_KEY = env.str("CLOUD_SECRET_KEY", default="")
ALLOWED_HOSTS = env.list("CLOUD_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
ROOT_URLCONF = "accelerator.cloud.urls"
WSGI_APPLICATION = "accelerator.cloud.wsgi.application"

INSTALLED_APPS = ["accelerator.cloud"]
# No sessions, no cookies: the dashboard signs its requests, a recipient's link signs itself.
MIDDLEWARE = [
    "accelerator.logs.Requests",
    "django.middleware.security.SecurityMiddleware",
    "accelerator.caching.unkept",
    "accelerator.cloud.policy.strict",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
APPEND_SLASH = False

DATABASES = {"default": env.db_url("CLOUD_DATABASE_URL", default="postgres:///accelerator_cloud")}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured(
        "CLOUD_DATABASE_URL must name a PostgreSQL database: postgres://user:password@host/name"
    )
OPTIONS = DATABASES["default"].setdefault("OPTIONS", {})
OPTIONS["pool"] = {"min_size": 1, "max_size": 8, "timeout": 10}
# A process that froze inside a transaction, or whose host is lost, gives up its locks well before its lease ends,
# and nobody waits for a lock for good. What the URL says itself counts more.
OPTIONS["options"] = " ".join(
    [
        "-c idle_in_transaction_session_timeout=10s -c lock_timeout=12s",
        # Of a host that is lost the server hears nothing: it asks, as we do below, and not after two hours.
        "-c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=30s",
        *filter(None, [OPTIONS.get("options")]),
    ]
)
OPTIONS |= {
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
} | OPTIONS
# A connection is looked at before it is handed out: a database that restarted costs no request.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
# Links in mails must work for years, http or https; the pages they open set their own headers (tracking).
SECURE_REFERRER_POLICY = "no-referrer"
# What `check --deploy` asks for, and a Cloud must not have.
SILENCED_SYSTEM_CHECKS = [
    "security.W003",  # a CSRF token guards cookies, and there are none: requests and links are signed
    "security.W004",  # HSTS would break the links of mails that were sent when this was plain http
    "security.W008",  # a redirect to https is for the proxy; the dashboard may be near by and speak plain http
]

# --- The Cloud's own ----------------------------------------------------------------------------------------

# Who may sign requests; two keys are valid at a time, so that one can be replaced without a gap.
CLOUD_KEYS = {key.id: key for key in map(Key.parse, env.list("CLOUD_KEYS", default=[]))}
# The base of the links in mails.
CLOUD_PUBLIC_URL = env.str("CLOUD_PUBLIC_URL", default="http://localhost:8001").rstrip("/")
# The mail server that every message is handed to: smtp://, smtps:// or smtp+tls:// (STARTTLS).
SMTP_URL = env.str("SMTP_URL", default="smtp://localhost:25")
SMTP_CONNECT_TIMEOUT = env.float("SMTP_CONNECT_TIMEOUT", default=10.0)
SMTP_REPLY_TIMEOUT = env.float("SMTP_REPLY_TIMEOUT", default=300.0)
# After the final dot the server may take its time (RFC 5321, section 4.5.3.2.6): giving up early makes Unknowns.
SMTP_ACCEPTANCE_TIMEOUT = env.float("SMTP_ACCEPTANCE_TIMEOUT", default=600.0)
# Lines to it that one sender keeps, at most; a mailing of few messages, or a slow one, needs but one.
SMTP_LINES = env.int("SMTP_LINES", default=4)

# Services that take messages instead of it, by name (email service providers, by django-anymail): a JSON object. What
# is wrong with the settings of one is said by `services.building`, and keeps nobody but the mailings of that service.
try:
    MAIL_SERVICES = definitions.parse(env.str("MAIL_SERVICES", default=""))
except definitions.DefinitionInvalid as error:
    raise ImproperlyConfigured(str(error)) from None
# Calls to one of them at once by one sender, at most; and seconds that it may take to answer.
MAIL_SERVICE_LINES = env.int("MAIL_SERVICE_LINES", default=8)
MAIL_SERVICE_TIMEOUT = env.float("MAIL_SERVICE_TIMEOUT", default=30.0)

# The largest body of a request, that is: of a batch.
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("CLOUD_BODY_LIMIT", default=64_000_000)

# How long a hit of a link waits before it is told: until then it shows whether a machine made it (`hits.scanning`). And
# where this host keeps hits while the database is away: as lasting as a disk can be.
HITS_HELD = duration(env.str("HITS_HELD", default="15s"))
HITS = Path(env.str("HITS", default=str(Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data"))) / "hits")))

# Whether a proxy stands before the Cloud: then X-Forwarded-For says at its end who follows a link. And networks of
# machines beside those that are known (`machines`): 192.0.2.0/24, 2001:db8::/32.
CLOUD_BEHIND_PROXY = env.bool("CLOUD_BEHIND_PROXY", default=False)
try:
    MACHINE_NETWORKS = [ip_network(text.strip()) for text in env.list("MACHINE_NETWORKS", default=[])]
except ValueError as error:
    raise ImproperlyConfigured(f"{error}; MACHINE_NETWORKS is written 192.0.2.0/24,2001:db8::/32") from None
# Whether each mail has a link that nobody sees, by which machines show themselves that follow it.
HIDDEN_LINK = env.bool("HIDDEN_LINK", default=True)

# How long after each definite temporary failure the next attempt comes; after the last one it is a bounce.
RETRY_DELAYS = [
    duration(text) for text in env.list("RETRY_DELAYS", default=["1m", "5m", "15m", "1h", "4h", "12h"])
]
# How long what a mailing knows of people is kept after its end: the dashboard's window, and as long again as it does.
COLLECTING_WINDOW = duration(env.str("COLLECTING_WINDOW", default="30d"))
RETENTION = duration(env.str("RETENTION", default="7d"))
# How much longer where no dashboard has come for the results: one that was away for weeks still finds them.
UNREAD_RETENTION = duration(env.str("UNREAD_RETENTION", default="90d"))
# Seconds that a sender owns a batch without renewing it: how long a killed sender's batch waits. It is renewed
# when a third is over, also while the mail server makes us wait; nobody waits for a lock that long.
SENDING_LEASE = env.float("SENDING_LEASE", default=20.0)
# Seconds after which a sender hands its batch back, so that every mailing gets its turn.
SENDING_STEP = env.float("SENDING_STEP", default=20.0)
# Seconds until a mail server that could not be reached is tried again.
HOLD_SECONDS = env.float("HOLD_SECONDS", default=5.0)
# The folder of the keys that messages are signed with (DKIM); empty: they are not.
DKIM_KEYS = env.str("DKIM_KEYS", default="")
# Messages an hour to receiving domains, of all mailings together: gmail.com=20000,yahoo.com=5000
DOMAIN_RATES = parse_rates(env.list("DOMAIN_RATES", default=[]))
# A mailing whose first outcomes, this many, are all permanent refusals is stopped.
STOP_AFTER_REFUSALS = env.int("STOP_AFTER_REFUSALS", default=50)
# So is one whose Template fails for more than this share of at least so many recipients.
STOP_RENDER_SHARE = env.float("STOP_RENDER_SHARE", default=0.2)
STOP_RENDER_MINIMUM = env.int("STOP_RENDER_MINIMUM", default=100)

# The domain that mails come back to, each message to an address of its own (VERP), where `inbound` or `returned` takes
# them in; empty: they come back to the address in From.
BOUNCE_DOMAIN = env.str("BOUNCE_DOMAIN", default="").strip().lower()
# Where `inbound` hears them: smtp://address:port or lmtp://address:port; and further addresses that it takes mail for,
# to which reports about messages come: of complaints, or of what was sent before there was a BOUNCE_DOMAIN.
INBOUND_URL = env.str("INBOUND_URL", default="")
INBOUND_ADDRESSES = [address.strip().lower() for address in env.list("INBOUND_ADDRESSES", default=[])]

# Who writes no more to whoever unsubscribes: the account that sent (its mailings), or everybody (all mailings).
UNSUBSCRIBE_FROM = env.str("UNSUBSCRIBE_FROM", default="everybody")
if UNSUBSCRIBE_FROM not in ("account", "everybody"):
    raise ImproperlyConfigured(
        f'"{UNSUBSCRIBE_FROM}" is nobody who would write no more to whoever unsubscribes;'
        " UNSUBSCRIBE_FROM must be account or everybody"
    )

# --- Celery: wakes, never decides (tasks) -------------------------------------------------------------------

CLOUD_REDIS_URL = env.str("CLOUD_REDIS_URL", default="redis://localhost:6379/1")
# One spelling for people (unix://), another for kombu.
CELERY_BROKER_URL = CLOUD_REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "global_keyprefix": "cloud.",
    # A broker that is frozen keeps nobody; kombu waits in it for a message for 1 s at a time.
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
}
CELERY_TASK_DEFAULT_QUEUE = "sending"
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "accelerator.ticking:Ticking"
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "accelerator.cloud.tasks.sweep", "schedule": 2.0},
    "forget": {"task": "accelerator.cloud.tasks.forget", "schedule": 60.0},
}

# --- what is seen from outside ------------------------------------------------------------------------------

LOGGING = logs.config(env.str("LOG_FORMAT", default="console"), env.str("LOG_LEVEL", default="INFO"))
LOGGED_IDS = {"key": "key"}
# Who sends it as a bearer token may read /metrics; empty: nobody.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
