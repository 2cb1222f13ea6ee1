"""The addresses of the site; each app names its own."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from portal.health import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health, name="health"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("portal.matching.urls")),
    path("", include("portal.accounts.urls")),
    path("", include("portal.publishing.urls")),
    path("enquiries/", include("portal.enquiries.urls")),
    path("api/v1/", include("portal.api.urls")),
    path("staff/", include("portal.dogs.urls")),
    path("manage/", include("portal.insights.urls")),
    path("admin/", admin.site.urls),
]
