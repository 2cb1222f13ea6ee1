"""Where photos and other stored files lie: a folder, or a bucket of S3-compatible storage."""

import re
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .environment import DATA_DIR, DEBUG, env

__all__ = ["MEDIA_ROOT", "MEDIA_S3_BUCKET", "STORAGES"]

# No MEDIA_URL: photos are private until a view says otherwise.
MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(DATA_DIR / "media"))

# Without a bucket files lie in MEDIA_ROOT, which all machines then have to share.
MEDIA_S3_BUCKET: str = env.str("MEDIA_S3_BUCKET", default="")
ENDPOINT: str = env.str("MEDIA_S3_ENDPOINT", default="").rstrip("/")
REGION: str = env.str("MEDIA_S3_REGION", default="")
PREFIX: str = env.str("MEDIA_S3_PREFIX", default="").strip("/")
# Without these boto looks where it always does: AWS_ACCESS_KEY_ID, its files, the machine's role.
ACCESS_KEY: str = env.str("MEDIA_S3_ACCESS_KEY", default="")
SECRET_KEY: str = env.str("MEDIA_S3_SECRET_KEY", default="")

if ENDPOINT and not re.fullmatch(r"https?://[^/?#@]+", ENDPOINT):
    raise ImproperlyConfigured(
        f"MEDIA_S3_ENDPOINT is {ENDPOINT}: give a scheme and a host, as in https://s3.example."
    )
if bool(ACCESS_KEY) != bool(SECRET_KEY):
    raise ImproperlyConfigured(
        "MEDIA_S3_ACCESS_KEY and MEDIA_S3_SECRET_KEY belong together: give both or neither."
    )


def bucket() -> dict[str, Any]:
    return {
        "BACKEND": "portal.bucket.Bucket",
        "OPTIONS": {
            "bucket_name": MEDIA_S3_BUCKET,
            "endpoint_url": ENDPOINT or None,
            "region_name": REGION or None,
            "location": PREFIX,
            "access_key": ACCESS_KEY or None,
            "secret_key": SECRET_KEY or None,
        },
    }


STORAGES: dict[str, Any] = {
    "default": (
        bucket() if MEDIA_S3_BUCKET else {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    ),
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "portal.static_files.StaticFiles"
        )
    },
}
