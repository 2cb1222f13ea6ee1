"""What admins watch and start: model versions, reindexing, jobs."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.calls import Call, refuse_unknown
from portal.api.pagination import NewestFirst
from portal.api.permissions import Admin
from portal.api.problems import problem
from portal.insights.reindexing import Progress, latest_reindex
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.models import ModelVersion
from portal.matching.queries import missing_photos


class VersionSerializer(serializers.ModelSerializer[ModelVersion]):
    missing = serializers.SerializerMethodField(help_text="photos it has not described yet")

    class Meta:
        model = ModelVersion
        fields = [
            "id", "name", "title", "fingerprint", "build", "state", "missing", "created_at",
            "activated_at",
        ]  # fmt: skip
        ref_name = "ModelVersion"

    def get_missing(self, version: ModelVersion) -> int:
        return missing_photos(version).count()


class JobSerializer(serializers.ModelSerializer[Job]):
    class Meta:
        model = Job
        fields = [
            "id", "kind", "subject", "queue", "state", "step", "done", "total", "attempts",
            "error_code", "error_detail", "created_at", "started_at", "finished_at",
        ]  # fmt: skip
        ref_name = "Job"


class ReindexSerializer(serializers.Serializer[Any]):
    """How far the reindex is that runs, or ran last."""

    version = serializers.CharField(help_text="id of the model version")
    state = serializers.ChoiceField(Job.State.choices)
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    photos_a_second = serializers.FloatField(allow_null=True)
    seconds_left = serializers.FloatField(allow_null=True)
    error_code = serializers.CharField()

    class Meta:
        ref_name = "Reindex"


class NewReindex(serializers.Serializer[Any]):
    model = serializers.CharField(
        required=False, max_length=60, help_text="name of other models to describe all photos with"
    )
    rebuild = serializers.BooleanField(
        default=False, help_text="the live models over all photos anew, not only over missing ones"
    )

    class Meta:
        ref_name = "NewReindex"


class Versions(Call):
    permission_classes = [Admin]

    @extend_schema(operation_id="model_versions_list", responses=VersionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All sets of models, newest first."""
        return Response(VersionSerializer(ModelVersion.objects.all(), many=True).data)


class ActivateVersion(Call):
    permission_classes = [Admin]

    @extend_schema(
        operation_id="model_versions_activate", request=None, responses=VersionSerializer
    )
    def post(self, request: Request, version_id: int) -> Response:
        """Lets this version answer from the next search on, forward or back. 409 while photos are
        missing for it."""
        version = get_object_or_404(ModelVersion, pk=version_id)
        services.activate_version(version=version, by=self.caller())
        return Response(VersionSerializer(version).data)


class Reindex(Call):
    permission_classes = [Admin]
    problems = (409, 503)

    @extend_schema(operation_id="reindex_read", responses=ReindexSerializer)
    def get(self, request: Request) -> Response:
        """How far the reindex is that runs, or ran last. 404 before the first."""
        progress = latest_reindex()
        if progress is None:
            raise NotFound
        return Response(as_told(progress))

    @extend_schema(
        operation_id="reindex_create", request=NewReindex, responses={202: ReindexSerializer}
    )
    def post(self, request: Request) -> Response:
        """Has photos described beside the live version, which answers meanwhile."""
        sent = NewReindex(data=request.data)
        sent.is_valid(raise_exception=True)
        services.request_reindex(
            version_name=sent.validated_data.get("model"),
            by=self.caller(),
            rebuild=sent.validated_data["rebuild"],
        )
        progress = latest_reindex()
        assert progress is not None
        response = Response(as_told(progress), status=202)
        response["Location"] = reverse("api:reindex")
        return response

    @extend_schema(operation_id="reindex_delete", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Stops the reindex that runs; what it stored stays for another time."""
        job = Job.objects.open().filter(kind=Job.Kind.REINDEX).first()
        if job is None:
            raise NotFound
        services.cancel_reindex(
            version=get_object_or_404(ModelVersion, pk=job.subject), by=self.caller()
        )
        return Response(status=204)


def as_told(progress: Progress) -> dict[str, Any]:
    return {
        "version": progress.job.subject,
        "state": progress.job.state,
        "done": progress.done,
        "total": progress.total,
        "photos_a_second": progress.rate,
        "seconds_left": progress.left.total_seconds() if progress.left is not None else None,
        "error_code": progress.job.error_code,
    }


class ByTime(NewestFirst):
    """Their ids are random."""

    ordering = ("-created_at", "-pk")


class Jobs(Call):
    permission_classes = [Admin]
    pagination_class = ByTime

    @extend_schema(
        operation_id="jobs_list",
        parameters=[
            OpenApiParameter("state", enum=Job.State.values),
            OpenApiParameter("kind", enum=Job.Kind.values),
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int),
        ],
        responses=JobSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """All jobs, newest first."""
        refuse_unknown(request, ("state", "kind", "cursor", "page_size"))
        found = Job.objects.all()
        for name, known in (("state", Job.State.values), ("kind", Job.Kind.values)):
            value = request.query_params.get(name)
            if value is not None and value not in known:
                raise serializers.ValidationError({name: [f"There is no such {name}."]})
            found = found.filter(**{name: value}) if value else found
        pages = ByTime()
        rows = pages.paginate_queryset(found, request, self)
        return pages.get_paginated_response(JobSerializer(rows, many=True).data)


class RetryJob(Call):
    permission_classes = [Admin]
    problems = (409,)

    @extend_schema(operation_id="jobs_retry", request=None, responses={202: JobSerializer})
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        """Opens a failed job again. A search cannot be: its photo is gone."""
        job = get_object_or_404(Job, pk=job_id)
        if not job.can_retry:
            return problem(409, "not_repeatable", "Only a failed job can be tried again.")
        return Response(JobSerializer(jobs.retry(job=job)).data, status=202)
