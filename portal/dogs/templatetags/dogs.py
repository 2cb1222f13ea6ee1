"""`{{ dog|facts }}`, `{{ dog|age }}`, `{{ dog|weight }}`, `{{ photo.error_code|sentence }}`,
`{{ photo.state|dot }}`: the class of the dot beside a photo's state or a dog's status."""

from django import template

from portal.dogs.models import Dog, Photo
from portal.dogs.words import age_words, facts_line, weight_words
from portal.jobs.messages import sentence

register = template.Library()
register.filter("age", age_words)
register.filter("weight", weight_words)
register.filter("facts", facts_line)
register.filter("sentence", sentence)

DOTS: dict[str, str] = {
    Photo.State.SEARCHABLE: "state--ok",
    Photo.State.WAITING: "state--wait",
    Photo.State.NO_DOG: "state--warn",
    Photo.State.UNREADABLE: "state--fail",
    Photo.State.FAILED: "state--fail",
    Dog.Status.AVAILABLE: "state--ok",
    Dog.Status.ON_HOLD: "state--wait",
}


@register.filter
def dot(state: str) -> str:
    return DOTS.get(state, "state--quiet")
