"""Keys of feeds and secrets of webhooks, unreadable in the database and in its copies."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from portal.feeds.errors import FeedError


def encrypt(text: str) -> str:
    """With the present secret (Fernet: AES-128-CBC and HMAC-SHA256); "" stays ""."""
    return _fernet().encrypt(text.encode()).decode() if text else ""


def decrypt(text: str) -> str:
    """With whichever secret it was encrypted with. Raises FeedError where none is right."""
    if not text:
        return ""
    try:
        return _fernet().decrypt(text.encode()).decode()
    except InvalidToken as error:
        raise FeedError("feed_key_unreadable", "Enter the key of this feed again.") from error


def _fernet() -> MultiFernet:
    secrets = settings.FEED_SECRET_KEYS or [settings.SECRET_KEY]
    return MultiFernet([Fernet(_key(secret)) for secret in secrets])


def _key(secret: str) -> bytes:
    """32 bytes for one purpose from a secret of any form (HKDF, RFC 5869)."""
    derived = HKDF(hashes.SHA256(), 32, salt=None, info=b"pawkin stored keys")
    return base64.urlsafe_b64encode(derived.derive(secret.encode()))
