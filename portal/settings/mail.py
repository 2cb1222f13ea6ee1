"""E-mail: by a server named in EMAIL_URL, or into files of the data folder."""

from .environment import DATA_DIR, env

__all__ = ["DEFAULT_FROM_EMAIL", "EMAIL_BACKEND", "EMAIL_FILE_PATH"]

EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = str(DATA_DIR / "outbox")
DEFAULT_FROM_EMAIL: str = env.str("EMAIL_FROM", default="Pawkin <pawkin@localhost>")
