"""`{% clips dog %}`: a dog's clips on its staff page, and the way to one more."""

from typing import Any

from django import template

from portal.clips.models import Clip
from portal.dogs.models import Dog

register = template.Library()

DOTS: dict[str, str] = {
    Clip.State.WAITING: "state--wait",
    Clip.State.READY: "state--ok",
    Clip.State.FAILED: "state--fail",
}


@register.inclusion_tag("staff/clip_section.html")
def clips(dog: Dog) -> dict[str, Any]:
    return {"dog": dog, "clips": dog.clips.listed()}


@register.filter
def clip_dot(state: str) -> str:
    """The class of the dot beside a clip's state."""
    return DOTS.get(state, "state--quiet")
