"""The product's settings on throw-away data: no server is reached, nothing outlives the run."""

import os
import tempfile
from pathlib import Path

folder = tempfile.TemporaryDirectory(prefix="pawkin-tests-")
Path(folder.name, "static").mkdir()
os.environ.update(
    PAWKIN_EMBEDDED="true",
    PAWKIN_DATA=folder.name,
    SECRET_KEY="tests only",
    REDIS_URL="memory://",
)

from portal.settings import *  # noqa: E402, F403
from portal.settings import CACHES, STORAGES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# Names as they are in the source: hashed ones exist only after collectstatic.
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# A page shows what a test has just made.
CACHES = {
    **CACHES,
    "template_fragments": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
}
