"""Where Pawkin runs: the environment, the code's folder and the data folder.

`PAWKIN_EMBEDDED` marks an installation that brings its own database, broker and secret key in the
data folder and answers on this machine only (`script/server`, `manage.py` in a checkout). Without
it, settings refuse to load until every name in `REQUIRED` is given.
"""

from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

__all__ = ["BASE_DIR", "DATA_DIR", "DEBUG", "EMBEDDED"]

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent.parent
EMBEDDED: bool = env.bool("PAWKIN_EMBEDDED", default=False)
DATA_DIR = Path(env.str("PAWKIN_DATA", default=str(BASE_DIR / "data"))).resolve()
DEBUG: bool = env.bool("DEBUG", default=False)

REQUIRED = ("SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL")

if not EMBEDDED:
    missing = [name for name in REQUIRED if not env.str(name, default="")]
    if missing:
        raise ImproperlyConfigured(
            f"Set {', '.join(missing)} in the environment, or start Pawkin with script/server, "
            "which brings its own."
        )
