"""The schema, and pages that show it, served from here alone."""

from __future__ import annotations

from typing import ClassVar

from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.views import (
    SpectacularAPIView,
    SpectacularRedocView,
    SpectacularSwaggerSplitView,
)
from rest_framework.permissions import AllowAny
from rest_framework.renderers import TemplateHTMLRenderer

# Swagger and Redoc style by attributes and make their pictures from data.
STYLES = {"style-src": ["'self'", "'unsafe-inline'"], "img-src": ["'self'", "data:"]}


class SchemaView(SpectacularAPIView):
    permission_classes = [AllowAny]
    throttle_classes: ClassVar[list[type]] = []


@method_decorator(csp_update(STYLES), name="dispatch")
class Swagger(SpectacularSwaggerSplitView):
    permission_classes = [AllowAny]
    throttle_classes: ClassVar[list[type]] = []
    renderer_classes = [TemplateHTMLRenderer]
    url_name = "api:schema"
    url_self = None


@method_decorator(csp_update({**STYLES, "worker-src": ["'self'", "blob:"]}), name="dispatch")
class Redoc(SpectacularRedocView):
    permission_classes = [AllowAny]
    throttle_classes: ClassVar[list[type]] = []
    renderer_classes = [TemplateHTMLRenderer]
    url_name = "api:schema"
