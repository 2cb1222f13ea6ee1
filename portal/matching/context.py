"""What cards on any page need to know of their reader."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from portal.matching.consent import DESCRIPTION, FACE
from portal.matching.models import Favourite
from portal.matching.queries import retention


def kept(request: HttpRequest) -> dict[str, Any]:
    """`kept`: primary keys of the dogs that the reader keeps. Asked for only by pages that show
    dogs, and of nobody who has no session. `query_hours`: how long an adopter's photo is kept.
    `consents`: the words that people agree to."""

    def read() -> set[int]:
        if not request.user.is_authenticated and not request.session.session_key:
            return set()
        return set(Favourite.objects.owned_by(request).values_list("dog", flat=True))

    # Called by the template, since its plural wants a number and no promise of one.
    return {
        "kept": SimpleLazyObject(read),
        "query_hours": lambda: retention().query_hours,
        "consents": {"face": FACE, "description": DESCRIPTION},
    }
