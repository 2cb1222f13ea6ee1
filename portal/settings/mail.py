"""E-mail: by a server named in EMAIL_URL, or into files of the data folder."""

from typing import Any

from .environment import DATA_DIR, env

__all__ = [
    "DEFAULT_FROM_EMAIL",
    "EMAIL_BACKEND",
    "EMAIL_FILE_PATH",
    "EMAIL_HOST",
    "EMAIL_HOST_PASSWORD",
    "EMAIL_HOST_USER",
    "EMAIL_PORT",
    "EMAIL_TIMEOUT",
    "EMAIL_USE_SSL",
    "EMAIL_USE_TLS",
    "SITE_URL",
]

# smtp://user:password@host:port, smtp+tls://… (STARTTLS) or smtp+ssl://…
server: dict[str, Any] = env.email_url("EMAIL_URL", default="") if env.str("EMAIL_URL", "") else {}

EMAIL_BACKEND: str = server.get("EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend")
EMAIL_FILE_PATH = str(DATA_DIR / "outbox")
EMAIL_HOST: str = server.get("EMAIL_HOST", "localhost")
EMAIL_PORT: int = server.get("EMAIL_PORT", 25)
EMAIL_HOST_USER: str = server.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD: str = server.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS: bool = server.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL: bool = server.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL: str = env.str("EMAIL_FROM", default="Pawkin <pawkin@localhost>")

# The site's own address, for links that leave it: in e-mails, feeds and webhooks.
SITE_URL: str = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")
