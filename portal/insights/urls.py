from django.urls import path

from portal.insights import learning, reports, upkeep, views

app_name = "manage"

urlpatterns = [
    path("", views.overview, name="overview"),
    path("versions/", views.versions, name="versions"),
    path("versions/<int:version_id>/activate/", views.version_activate, name="version_activate"),
    path("versions/<int:version_id>/cancel/", views.reindex_cancel, name="reindex_cancel"),
    path("versions/<int:version_id>/pause/", views.reindex_pause, name="reindex_pause"),
    path("versions/<int:version_id>/resume/", views.reindex_resume, name="reindex_resume"),
    path("weights/learn/", learning.learn, name="weights_learn"),
    path("weights/fixed/", learning.use_fixed, name="weights_fixed"),
    path("weights/<int:weights_id>/activate/", learning.activate, name="weights_activate"),
    path("reindex/", views.reindex, name="reindex"),
    path("jobs/", views.jobs, name="jobs"),
    path("jobs/retry/", views.jobs_retry, name="jobs_retry"),
    path("jobs/<uuid:job_id>/retry/", views.job_retry, name="job_retry"),
    path("jobs/<uuid:job_id>/cancel/", views.job_cancel, name="job_cancel"),
    path("charts/", reports.charts, name="charts"),
    path("answers/", reports.predictions, name="predictions"),
    path("answers/table.csv", reports.predictions_table, name="predictions_table"),
    path("shelters/", upkeep.shelters, name="shelters"),
    path("shelters/<int:shelter_id>/retry/", upkeep.shelter_retry, name="shelter_retry"),
    path("duplicates/", upkeep.duplicates, name="duplicates"),
    path("duplicates/look/", upkeep.duplicates_look, name="duplicates_look"),
    path("duplicates/<int:hint_id>/", upkeep.duplicate_decide, name="duplicate_decide"),
    path("retention/", upkeep.retention_page, name="retention"),
]
