"""The calls that Pawkin's predecessors had, as their clients make them."""

from __future__ import annotations

import secrets
import time
from typing import Any

from django.conf import settings
from django.core.files import File
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.authentication import BearerAuthentication
from portal.api.calls import Call, refuse_unknown
from portal.api.pagination import NewestFirst
from portal.api.permissions import Admin, Searching
from portal.api.problems import of_code
from portal.api.wishes import WishesSerializer, read_wishes
from portal.dogs.models import Breed
from portal.insights.models import Prediction
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import Query
from portal.throttles import Searches

# Seconds between two looks at the row while the worker is at it, ever longer.
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.2
BREEDS = 5


class SimilarDogRequest(WishesSerializer):
    imageId = serializers.CharField(  # noqa: N815
        required=False, max_length=200, allow_blank=True, help_text="the caller's own; not kept"
    )
    image = serializers.FileField(allow_empty_file=True, help_text="jpg, jpeg or png")
    consent = serializers.BooleanField(
        default=False,
        help_text="the person in the photo agrees that their face is compared with dogs'; without "
        "it, only dogs' photos are answered",
    )

    class Meta:
        ref_name = "SimilarDogRequest"


class SimilarDogAnswer(serializers.Serializer[Any]):
    dogImageId = serializers.CharField(  # noqa: N815
        help_text="name of the most similar dog's photo"
    )
    dogId = serializers.CharField(help_text="slug of the dog")  # noqa: N815
    score = serializers.IntegerField(help_text="likeness, 0 to 100")
    band = serializers.ChoiceField(["strong", "weak", "none"])

    class Meta:
        ref_name = "SimilarDogAnswer"


class PredictRequest(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True)

    class Meta:
        ref_name = "PredictRequest"


class BreedChance(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name_en = serializers.CharField()
    name_ko = serializers.CharField()
    probability = serializers.FloatField()

    class Meta:
        ref_name = "BreedChance"


class PredictAnswer(serializers.Serializer[Any]):
    """Up to five breeds. What their probabilities lack to 1 is mixed, unknown, or another breed."""

    predictions = BreedChance(many=True)
    model = serializers.CharField()

    class Meta:
        ref_name = "PredictAnswer"


class PredictionSerializer(serializers.ModelSerializer[Prediction]):
    model = serializers.SerializerMethodField(help_text="name of the models; empty if none looked")
    dog = serializers.SerializerMethodField(help_text="slug of the best match")

    class Meta:
        model = Prediction
        fields = [
            "id", "at", "purpose", "outcome", "model", "breed", "dog", "score", "band",
            "milliseconds",
        ]  # fmt: skip
        ref_name = "Prediction"

    def get_model(self, row: Prediction) -> str:
        return row.version.name if row.version else ""

    def get_dog(self, row: Prediction) -> str | None:
        return row.dog.slug if row.dog else None


class Waiting(Call):
    """A call that answers when the worker has. Old clients send no CSRF token, so a browser's
    session counts for nothing here."""

    authentication_classes = [BearerAuthentication]
    permission_classes = [Searching]
    parser_classes = [MultiPartParser]
    throttle_classes = [*Call.throttle_classes, Searches]
    problems = (404, 410, 413, 415, 422, 503)
    waits = True

    def answered(
        self, file: File, filters: Filters | None, purpose: str, subject: str = Query.Subject.DOG
    ) -> Query | None:
        """The query once it is answered; None when that takes too long."""
        query = services.start_query(
            file=file,
            owner=None,
            owner_key=secrets.token_hex(20),
            filters=filters,
            purpose=purpose,
            subject=subject,
        )
        jobs = Job.objects.for_subject(Job.Kind.ANSWER_QUERY, query.pk)
        until = time.monotonic() + settings.SIMILAR_DOG_WAIT_SECONDS
        pause = FIRST_PAUSE
        while time.monotonic() < until:
            time.sleep(pause)
            pause = min(LONGEST_PAUSE, 1.3 * pause)
            if not jobs.open().exists():
                query.refresh_from_db()
                return query
        self.forget(query)
        return None

    def forget(self, query: Query) -> None:
        """Nobody comes back for it."""
        services.delete_query(query=query)

    def too_late(self) -> Response:
        response = of_code("timed_out")
        response["Retry-After"] = "5"
        return response


class SimilarDog(Waiting):
    @extend_schema(
        operation_id="similar_dog",
        request={"multipart/form-data": SimilarDogRequest},
        responses=SimilarDogAnswer,
    )
    def post(self, request: Request) -> Response:
        """The one dog most like the dog, or with `consent` the person, in the photo; waits for it.
        The photo is deleted with the answer, a person's as soon as its proportions are taken."""
        sent = SimilarDogRequest(data=request.data)
        sent.is_valid(raise_exception=True)
        consent = sent.validated_data["consent"]
        query = self.answered(
            sent.validated_data["image"],
            read_wishes(request.data),
            Query.Purpose.SIMILAR_DOG,
            Query.Subject.DOG_OR_PERSON if consent else Query.Subject.DOG,
        )
        if query is None:
            return self.too_late()
        try:
            if not query.is_described:
                code = query.error_code or "failed_inside"
                return of_code("consent_for_face" if code == "no_dog_person" else code)
            ranking = query.rankings.get()
            best = ranking.matches.adoptable().select_related("photo", "dog").first()
            if best is None:
                return of_code("no_match")
            return Response(
                {
                    "dogImageId": best.photo.name,
                    "dogId": best.dog.slug,
                    "score": best.score,
                    "band": best.band,
                }
            )
        finally:
            self.forget(query)


class Predict(Waiting):
    @extend_schema(
        operation_id="predict",
        request={"multipart/form-data": PredictRequest},
        responses=PredictAnswer,
    )
    def post(self, request: Request) -> Response:
        """What breeds the dog in the photo looks like; waits for it. The photo is deleted with the
        answer."""
        sent = PredictRequest(data=request.data)
        sent.is_valid(raise_exception=True)
        query = self.answered(sent.validated_data["file"], None, Query.Purpose.PREDICT)
        if query is None:
            return self.too_late()
        try:
            if not query.is_described:
                return of_code(query.error_code or "failed_inside")
            return Response(
                {
                    "predictions": chances(query.breeds or []),
                    "model": query.version.name if query.version else "",
                }
            )
        finally:
            self.forget(query)


def chances(breeds: list[Any]) -> list[dict[str, Any]]:
    names = {row.slug: row for row in Breed.objects.filter(slug__in=[slug for slug, _ in breeds])}
    return [
        {
            "slug": slug,
            "name_en": names[slug].name_en if slug in names else slug.replace("-", " ").title(),
            "name_ko": names[slug].name_ko if slug in names else "",
            "probability": probability,
        }
        for slug, probability in breeds[:BREEDS]
    ]


class Predictions(Call):
    permission_classes = [Admin]
    pagination_class = NewestFirst

    @extend_schema(
        operation_id="predictions_list",
        parameters=[
            OpenApiParameter("purpose", enum=Query.Purpose.values),
            OpenApiParameter("outcome", str, description="ok, or a code"),
            OpenApiParameter("since", str, description="ISO 8601"),
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int),
        ],
        responses=PredictionSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """What the models answered lately, newest first: no photo, no person."""
        refuse_unknown(request, ("purpose", "outcome", "since", "cursor", "page_size"))
        params = request.query_params
        found = Prediction.objects.select_related("version", "dog")
        if "purpose" in params:
            if params["purpose"] not in Query.Purpose.values:
                raise serializers.ValidationError({"purpose": ["There is no such purpose."]})
            found = found.filter(purpose=params["purpose"])
        if "outcome" in params:
            outcome = serializers.CharField().run_validation(params["outcome"])
            found = found.filter(outcome=outcome)
        if "since" in params:
            try:
                since = serializers.DateTimeField().run_validation(params["since"])
            except serializers.ValidationError as error:
                raise serializers.ValidationError({"since": error.detail}) from error
            found = found.filter(at__gte=since)
        pages = self.pagination_class()
        rows = pages.paginate_queryset(found, request, self)
        return pages.get_paginated_response(PredictionSerializer(rows, many=True).data)
