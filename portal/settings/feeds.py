"""Feeds: whose addresses may be asked besides public ones, and what encrypts their keys."""

from .environment import env

__all__ = ["FEED_ALLOWED_HOSTS", "FEED_SECRET_KEYS"]

# host:port of machines in one's own network that feeds may be read from and webhooks sent to.
FEED_ALLOWED_HOSTS: list[str] = env.list("FEED_ALLOWED_HOSTS", default=[])

# Secrets that encrypt keys in the database, the present one first and then those it replaced.
# Without any, SECRET_KEY does.
FEED_SECRET_KEYS: list[str] = env.list("FEED_SECRET_KEYS", default=[])
