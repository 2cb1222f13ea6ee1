"""`{% suggestions dog %}`: what a feed's words say of a dog, for its staff to decide."""

from typing import Any

from django import template

from portal.dogs.models import Dog
from portal.feeds.models import TemperamentSuggestion

register = template.Library()


@register.inclusion_tag("staff/suggestions.html", takes_context=True)
def suggestions(context: dict[str, Any], dog: Dog) -> dict[str, Any]:
    state = TemperamentSuggestion.State.OPEN
    found = TemperamentSuggestion.objects.filter(dog=dog, state=state)
    return {"dog": dog, "suggestions": found, "csrf_token": context.get("csrf_token")}
