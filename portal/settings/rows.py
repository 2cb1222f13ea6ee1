"""The look of raw rows: Pawkin's colours in django-unfold."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy

__all__ = ["UNFOLD"]

UNFOLD: dict[str, Any] = {
    "SITE_HEADER": "Pawkin",
    "SITE_TITLE": "Pawkin",
    "SITE_SUBHEADER": gettext_lazy("Raw rows"),
    "SITE_URL": reverse_lazy("manage:overview"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("favicon.svg")}
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "COLORS": {
        # static/css/tokens.css: --accent and what lies around it.
        "primary": {
            "50": "#fbece7",
            "100": "#f8dcd3",
            "200": "#f1bcae",
            "300": "#e99883",
            "400": "#e8785f",
            "500": "#c9553d",
            "600": "#b3402a",
            "700": "#97341f",
            "800": "#792b1b",
            "900": "#5e2418",
            "950": "#3a211b",
        },
    },
}
