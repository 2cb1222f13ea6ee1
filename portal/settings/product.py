"""What Pawkin promises its users: limits and lifetimes."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from .environment import BASE_DIR, DATA_DIR, env

__all__ = [
    "CLIP_MAX_BYTES",
    "LEARN_FROM",
    "MODEL_CACHE_DIR",
    "MODEL_KEPT_DIR",
    "MODEL_WEIGHTS_DIR",
    "PREDICTIONS_KEPT_DAYS",
    "QUERY_LIFETIME_HOURS",
    "SAVED_SEARCH_DAYS",
    "UPLOAD_MAX_BYTES",
]

MODEL_WEIGHTS_DIR = Path(env.str("MODEL_WEIGHTS_DIR", default=str(BASE_DIR / "ml" / "weights")))
# Networks compiled for this machine; safe to delete.
MODEL_CACHE_DIR = Path(env.str("MODEL_CACHE_DIR", default=str(DATA_DIR / "cache" / "models")))
# Weights of the versions in use, so that they outlive an update of Pawkin.
MODEL_KEPT_DIR = Path(env.str("MODEL_KEPT_DIR", default=str(DATA_DIR / "models")))

# An adopter's photo, and all that was computed from it, lives this long.
QUERY_LIFETIME_HOURS: int = env.int("QUERY_LIFETIME_HOURS", default=24)
if not 1 <= QUERY_LIFETIME_HOURS <= 24:
    raise ImproperlyConfigured(
        f"QUERY_LIFETIME_HOURS is {QUERY_LIFETIME_HOURS}: choose 1 to 24, every page says a day."
    )
# Which answers teach what makes dogs alike, by a few numbers of two dogs each: "none"; "listed",
# those to listed dogs; "all", those to adopters' photos too.
LEARN_FROM: str = env.str("LEARN_FROM", default="listed")
if LEARN_FROM not in ("none", "listed", "all"):
    raise ImproperlyConfigured(f"LEARN_FROM is {LEARN_FROM}: choose none, listed or all.")
# The log of answers, in which nobody and no photo is.
PREDICTIONS_KEPT_DAYS: int = env.int("PREDICTIONS_KEPT_DAYS", default=90)
# A saved search ends by itself after so long.
SAVED_SEARCH_DAYS: int = env.int("SAVED_SEARCH_DAYS", default=90)
UPLOAD_MAX_BYTES: int = env.int("UPLOAD_MAX_BYTES", default=20 * 1024 * 1024)
# Twenty seconds as phones film them, at 1080p and 30 frames a second.
CLIP_MAX_BYTES: int = env.int("CLIP_MAX_BYTES", default=60 * 1024 * 1024)
