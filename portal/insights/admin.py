"""Jobs and model versions to look at; an adopter's queries are not shown to anybody."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from portal.jobs.models import Job, WorkerHeartbeat
from portal.matching.models import ModelVersion
from portal.rows.readonly import ReadOnly


@admin.register(Job)
class Jobs(ReadOnly, ModelAdmin):
    list_display = ["kind", "subject", "queue", "state", "attempts", "error_code", "created_at"]
    list_filter = ["state", "kind", "queue", "error_code"]
    search_fields = ["subject", "id"]


@admin.register(WorkerHeartbeat)
class WorkerHeartbeats(ReadOnly, ModelAdmin):
    list_display = ["queue", "beat_at", "ready"]


@admin.register(ModelVersion)
class ModelVersions(ReadOnly, ModelAdmin):
    list_display = ["name", "build", "state", "fingerprint", "created_at", "activated_at"]
    list_filter = ["state"]
