"""`{{ dog|facts }}`, `{{ dog|age }}`, `{{ dog|weight }}`, `{{ photo.error_code|sentence }}`."""

from django import template

from portal.dogs.words import age_words, facts_line, weight_words
from portal.jobs.messages import sentence

register = template.Library()
register.filter("age", age_words)
register.filter("weight", weight_words)
register.filter("facts", facts_line)
register.filter("sentence", sentence)
