"""What Pawkin promises its users: limits and lifetimes."""

from pathlib import Path

from .environment import BASE_DIR, DATA_DIR, env

__all__ = [
    "MODEL_CACHE_DIR",
    "MODEL_KEPT_DIR",
    "MODEL_WEIGHTS_DIR",
    "QUERY_LIFETIME_HOURS",
    "UPLOAD_MAX_BYTES",
]

MODEL_WEIGHTS_DIR = Path(env.str("MODEL_WEIGHTS_DIR", default=str(BASE_DIR / "ml" / "weights")))
# Networks compiled for this machine; safe to delete.
MODEL_CACHE_DIR = Path(env.str("MODEL_CACHE_DIR", default=str(DATA_DIR / "cache" / "models")))
# Weights of the versions in use, so that they outlive an update of Pawkin.
MODEL_KEPT_DIR = Path(env.str("MODEL_KEPT_DIR", default=str(DATA_DIR / "models")))

# An adopter's photo, and all that was computed from it, lives this long.
QUERY_LIFETIME_HOURS: int = env.int("QUERY_LIFETIME_HOURS", default=24)
UPLOAD_MAX_BYTES: int = env.int("UPLOAD_MAX_BYTES", default=20 * 1024 * 1024)
