"""The words that people agree to, and their version, which is kept with what they agreed to.

A change of the words is a new version; `tests/portal/test_consent.py` holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise


@dataclass(frozen=True)
class Consent:
    version: str
    words: StrPromise


FACE = Consent(
    "2026-12",
    _(
        "This is my face, or I may send it. You may measure it and compare it with dogs' faces. "
        "The photo is deleted at once; only seven proportions stay, for a day at most."
    ),
)
DESCRIPTION = Consent(
    "2026-11",
    _(
        "You may keep the description of my photo (128 numbers, no picture) for as long as I want "
        "to hear from you, for 90 days at most."
    ),
)
