"""Raw rows at /admin/, for what no page of Pawkin changes: django-unfold's site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from csp.decorators import csp_update
from django.utils.translation import gettext_lazy
from unfold.sites import UnfoldAdminSite

# Unfold's Alpine.js evaluates what stands in attributes, and its pages have styles of their own.
# Here only: no other page allows either, and nobody but admins gets here.
LOOSER = {"script-src": ["'self'", "'unsafe-eval'"], "style-src": ["'self'", "'unsafe-inline'"]}


class Rows(UnfoldAdminSite):
    site_header = site_title = "Pawkin"
    index_title = gettext_lazy("Raw rows")

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        return csp_update(LOOSER)(super().admin_view(view, cacheable))
