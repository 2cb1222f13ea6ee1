"""`{% icon "camera" %}`: an icon of static/icons.svg, as large as the text beside it."""

from functools import cache

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


# A page has a hundred, of a few dozen names.
@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """Decoration only: the words that say the same stand beside it or in an aria-label."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>',
        static("icons.svg"),
        name,
    )
