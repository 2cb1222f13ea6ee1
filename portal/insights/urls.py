from django.urls import path

from portal.insights import views

app_name = "manage"

urlpatterns = [
    path("", views.overview, name="overview"),
    path("versions/", views.versions, name="versions"),
    path("versions/<int:version_id>/activate/", views.version_activate, name="version_activate"),
    path("versions/<int:version_id>/cancel/", views.reindex_cancel, name="reindex_cancel"),
    path("reindex/", views.reindex, name="reindex"),
    path("jobs/", views.jobs, name="jobs"),
    path("jobs/<uuid:job_id>/retry/", views.job_retry, name="job_retry"),
    path("jobs/<uuid:job_id>/cancel/", views.job_cancel, name="job_cancel"),
]
