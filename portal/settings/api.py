"""The REST API: defaults of Django REST framework, its schema, and who may call from a browser."""

from .environment import env

__all__ = ["CORS_ALLOWED_ORIGINS", "CORS_URLS_REGEX"]

CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/api/"
