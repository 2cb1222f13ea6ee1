"""The database: SQLite in the data folder, or the one that `DATABASE_URL` names."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .environment import DATA_DIR, EMBEDDED, env

__all__ = ["DATABASES", "DEFAULT_AUTO_FIELD", "VECTOR_STORE"]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Several processes write. IMMEDIATE takes the write lock when a transaction begins, so that two of
# them wait for each other instead of failing when both try to upgrade a read lock.
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL;"
        "PRAGMA synchronous=NORMAL;"
        # What is deleted is overwritten: an adopter's search leaves no trace in the file.
        "PRAGMA secure_delete=ON;"
        "PRAGMA temp_store=MEMORY;"
        "PRAGMA cache_size=-16000;"
    ),
}

# The path goes in as it is: a URL would need quoting where the data folder has spaces in its name.
if EMBEDDED and not env.str("DATABASE_URL", default=""):
    default: dict[str, Any] = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(DATA_DIR / "pawkin.sqlite3"),
    }
else:
    default = dict(env.db_url("DATABASE_URL"))

if default["ENGINE"] == "django.db.backends.sqlite3":
    default["OPTIONS"] = {**SQLITE_OPTIONS, **default.get("OPTIONS", {})}
else:
    default["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", default=60)
    default["CONN_HEALTH_CHECKS"] = True

DATABASES = {"default": default}

# Where vectors of photos are searched: in each worker's memory, or in PostgreSQL by pgvector.
VECTOR_STORE: str = env.str("VECTOR_STORE", default="memory")
if VECTOR_STORE not in ("memory", "pgvector"):
    raise ImproperlyConfigured(f"VECTOR_STORE is {VECTOR_STORE}: choose memory or pgvector.")
if VECTOR_STORE == "pgvector" and default["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured(
        "VECTOR_STORE is pgvector, which needs PostgreSQL: name one in DATABASE_URL, or unset it."
    )
