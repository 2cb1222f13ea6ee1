"""The addresses of the site; each app names its own."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from portal.api.predecessors import Predict, Predictions
from portal.health import alive, health, ready
from portal.insights.metrics import metrics

# Raw rows ask for the same log-in as all other pages, second factor included.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health, name="health"),
    path("health/live", alive, name="alive"),
    path("ready", ready, name="ready"),
    path("metrics", metrics, name="metrics"),
    # As predecessors had them; the schema has both below /api/v1/.
    path("predict", Predict.as_view(schema=None)),
    path("logs", Predictions.as_view(schema=None)),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("portal.matching.urls")),
    path("", include("portal.accounts.urls")),
    path("", include("portal.publishing.urls")),
    path("", include("portal.shelters.urls")),
    path("", include("portal.enquiries.urls")),
    path("", include("portal.api.own_urls")),
    path("api/v1/", include("portal.api.urls")),
    path("staff/", include("portal.dogs.urls")),
    path("staff/", include("portal.clips.urls")),
    path("staff/", include("portal.feeds.urls")),
    path("staff/", include("portal.annotations.urls")),
    path("manage/", include("portal.insights.urls")),
    path("admin/", admin.site.urls),
]
