"""Searches by a photo: started, followed, answered, deleted."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import connections
from django.http import HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.calls import Call, refuse_unknown
from portal.api.dogs import DogSerializer, PhotoSerializer, SeenSerializer, seen, seen_in, told
from portal.api.permissions import Searching
from portal.api.problems import of_code, problem
from portal.api.services import forget_calls
from portal.api.wishes import NAMES, WishesSerializer, read_wishes
from portal.dogs.models import Dog, Photo
from portal.jobs.messages import sentence
from portal.matching import progress, services
from portal.matching.filters import Filters
from portal.matching.models import Query, Ranking
from portal.matching.presentation import Likeness
from portal.matching.progress import Progress
from portal.matching.queries import has_ended
from portal.throttles import Searches

SECRET = OpenApiParameter(
    "X-Search-Secret", str, "header", description="what a visitor's POST gave; users need none"
)


class NewSearch(WishesSerializer):
    image = serializers.FileField(allow_empty_file=True, help_text="JPEG, PNG, WebP or HEIC")
    consent = serializers.BooleanField(
        default=False,
        help_text="the person in the photo agrees that their face is compared with dogs'",
    )

    class Meta:
        ref_name = "NewSearch"


class ResultSerializer(serializers.Serializer[Any]):
    rank = serializers.IntegerField()
    score = serializers.IntegerField(help_text="likeness, 0 to 100")
    band = serializers.ChoiceField(["strong", "weak", "none"])
    similarity = serializers.FloatField(help_text="of the whole likeness, as a cosine, -1 to 1")
    reasons = serializers.ListField(
        child=serializers.CharField(),
        help_text="looks; like_coat, like_build, like_face, like_breed; same_breed, same_colour, "
        "similar_size; a trait that was asked for",
    )
    parts = serializers.DictField(
        child=serializers.FloatField(),
        allow_null=True,
        help_text="what is alike, 0 to 1: appearance, body, face, colour, breed; for a person's "
        "face person_ and dog_ with each ratio's name, the share of their kind that has less of it",
    )
    dog = DogSerializer()
    photo = PhotoSerializer(help_text="the dog's photo that is most alike")

    class Meta:
        ref_name = "Result"


class ProblemOfSearch(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()

    class Meta:
        ref_name = "SearchProblem"


class AnswerSerializer(serializers.Serializer[Any]):
    """How far the answer is, and what it holds; dogs that went meanwhile are left out."""

    state = serializers.ChoiceField(["open", "done", "failed"])
    step = serializers.CharField(help_text="preparing, finding_dog or comparing while open")
    error = ProblemOfSearch(allow_null=True)
    candidates = serializers.IntegerField(help_text="dogs that were compared")
    results = ResultSerializer(many=True)

    class Meta:
        ref_name = "Answer"


class SearchSerializer(AnswerSerializer):
    id = serializers.UUIDField()
    seen = SeenSerializer(allow_null=True, help_text="the dog in the photo that was sent")
    face = serializers.DictField(
        child=serializers.FloatField(), allow_null=True, help_text="a person's face as ratios"
    )
    expires_at = serializers.DateTimeField(help_text="then photo and answer are deleted")

    class Meta:
        ref_name = "Search"


class StartedSearch(SearchSerializer):
    secret = serializers.CharField(help_text="a visitor's key to this search; empty for users")

    class Meta:
        ref_name = "StartedSearch"


class SearchesView(Call):
    permission_classes = [Searching]
    parser_classes = [MultiPartParser]
    throttle_classes = [*Call.throttle_classes, Searches]
    problems = (413, 415)

    @extend_schema(
        operation_id="searches_create",
        request={"multipart/form-data": NewSearch},
        responses={202: StartedSearch},
    )
    def post(self, request: Request) -> Response:
        """Starts a search by a photo of a dog. Its answer is at Location, in a second or so."""
        # Not a copy of all: a large photo's file cannot be copied.
        params = QueryDict(mutable=True)
        for name, values in request.data.lists():
            if name not in request.FILES:
                params.setlist(name, values)
        file = request.FILES.get("image")
        consent = serializers.BooleanField().run_validation(params.pop("consent", ["false"])[-1])
        if file is None:
            raise serializers.ValidationError({"image": ["Send a photo in this field."]})
        unknown = set(params) - set(NAMES)
        if unknown:
            raise serializers.ValidationError(
                {name: ["There is no such field."] for name in sorted(unknown)}
            )
        filters = read_wishes(params)
        user = self.caller()
        secret = "" if user else secrets.token_urlsafe(24)
        query = services.start_query(
            file=file,
            owner=user,
            owner_key=owner_key(secret) if secret else "",
            filters=filters,
            subject=Query.Subject.DOG_OR_PERSON if consent else Query.Subject.DOG,
        )
        data = search_told(request, query, filters) | {"secret": secret}
        response = Response(data, status=202)
        response["Location"] = reverse("api:search", args=[query.pk])
        response["Retry-After"] = "1"
        return response


class OneSearch(Call):
    permission_classes = [Searching]
    problems = (410,)

    @extend_schema(
        operation_id="searches_read",
        parameters=[WishesSerializer, SECRET],
        responses=SearchSerializer,
    )
    def get(self, request: Request, search_id: uuid.UUID) -> Response:
        """How far a search is, and its answer under these filters, which may change."""
        query = own_query(request, search_id)
        if isinstance(query, Response):
            return query
        refuse_unknown(request, NAMES)
        return Response(search_told(request, query, read_wishes(request.query_params)))

    @extend_schema(operation_id="searches_delete", parameters=[SECRET], responses={204: None})
    def delete(self, request: Request, search_id: uuid.UUID) -> Response:
        """Deletes the photo and everything computed from it, at once."""
        query = own_query(request, search_id)
        if isinstance(query, Response):
            return query
        services.delete_query(query=query)
        forget_calls()
        return Response(status=204)


class EventsRenderer(BaseRenderer):
    media_type = "text/event-stream"
    format = "events"
    charset = "utf-8"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        """Problems only: events are not rendered but streamed."""
        return JSONRenderer().render(data)


class SearchEvents(Call):
    permission_classes = [Searching]
    renderer_classes = [EventsRenderer, JSONRenderer]
    problems = (410, 503)
    streams = threading.Semaphore(settings.API_EVENTS_AT_ONCE)

    @extend_schema(
        operation_id="searches_events",
        parameters=[WishesSerializer, SECRET],
        responses={
            (200, "text/event-stream"): OpenApiResponse(
                {"type": "string"},
                description="events `progress` and at last `answer`, each with a Search as data",
            )
        },
    )
    def get(self, request: Request, search_id: uuid.UUID) -> HttpResponseBase:
        """Server-sent events: the search whenever it gets on, and its answer. A stream ends after
        half a minute at most, and browsers connect again by themselves."""
        query = own_query(request, search_id)
        if isinstance(query, Response):
            return query
        refuse_unknown(request, NAMES)
        filters = read_wishes(request.query_params)
        if not self.streams.acquire(blocking=False):
            response = problem(
                503, "too_many_streams", "Too many streams are open. Ask the search itself."
            )
            response["Retry-After"] = "2"
            return response
        stream = Stream(events(request, query, filters), self.streams.release)
        response = StreamingHttpResponse(stream, content_type="text/event-stream")
        response["X-Accel-Buffering"] = "no"
        response["Cache-Control"] = "no-store"
        return response


class Stream:
    """An iterator whose end is told, also where nobody read it to its end."""

    def __init__(self, parts: Iterator[bytes], ended: Any) -> None:
        self.parts, self.ended = parts, ended

    def __iter__(self) -> Iterator[bytes]:
        return self.parts

    def close(self) -> None:
        ended, self.ended = self.ended, lambda: None
        ended()


def events(request: Request, query: Query, filters: Filters) -> Iterator[bytes]:
    until = time.monotonic() + settings.API_EVENTS_SECONDS
    yield b"retry: 1000\n\n"
    before, pause = "", 0.1
    while time.monotonic() < until:
        if not Query.objects.filter(pk=query.pk).exists():
            return
        query.refresh_from_db()
        data = search_told(request, query, filters)
        now = f"{data['state']} {data['step']}"
        if now != before:
            before = now
            name = "progress" if data["state"] == "open" else "answer"
            text = JSONRenderer().render(data).decode()
            yield f"event: {name}\ndata: {text}\n\n".encode()
        else:
            yield b": still here\n\n"
        if data["state"] != "open":
            return
        # While it sleeps the stream holds no connection that others could use.
        if not connections["default"].in_atomic_block:
            connections.close_all()
        time.sleep(pause)
        pause = min(1.0, 1.5 * pause)


class SimilarDogs(Call):
    permission_classes = [Searching]
    problems = (409,)

    @extend_schema(
        operation_id="dogs_similar",
        parameters=[WishesSerializer],
        responses={200: AnswerSerializer, 202: AnswerSerializer},
    )
    def get(self, request: Request, slug: str) -> Response:
        """Dogs like this one. 202 while they are being looked for: ask again in a second."""
        refuse_unknown(request, NAMES)
        filters = read_wishes(request.query_params)
        dog = get_object_or_404(Dog.objects.visible_to(request.user), slug=slug)
        if not dog.photos.filter(state=Photo.State.SEARCHABLE).exists():
            return problem(
                409, "not_comparable", "This dog has no searchable photo yet. Ask again later."
            )
        data = answer_told(request, progress.of_dog(dog, filters), filters, dog)
        response = Response(data, status=202 if data["state"] == "open" else 200)
        if data["state"] == "open":
            response["Retry-After"] = "1"
        return response


def owner_key(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:40]


def own_query(request: Request, search_id: uuid.UUID) -> Query | Response:
    """The caller's search, or 410 where it has ended; other people's are not there (404)."""
    secret = request.headers.get("X-Search-Secret", "")
    rows = Query.objects.owned_by(request._request)
    if secret:
        rows = rows | Query.objects.owned_by_key(owner_key(secret))
    query = rows.filter(pk=search_id).select_related("version").first()
    if query is None and has_ended(search_id):
        return of_code("search_expired")
    return query or get_object_or_404(rows, pk=search_id)


def search_told(request: Request, query: Query, filters: Filters) -> dict[str, Any]:
    state = progress.of_query(query, filters)
    version = query.version
    return {
        "id": str(query.pk),
        **answer_told(request, state, filters),
        "seen": (
            seen(version.spec["keypoints"], query, query)
            if version and query.points and query.box
            else None
        ),
        "face": query.face,
        "expires_at": query.expires_at.isoformat(),
    }


def answer_told(
    request: Request, state: Progress, filters: Filters, dog: Dog | None = None
) -> dict[str, Any]:
    code = state.error_code
    ready = state.has_answer and state.ranking is not None and not code
    return {
        "state": state.state,
        "step": (state.job.step or "preparing") if state.is_open and state.job else "",
        "error": {"code": code, "detail": str(sentence(code))} if code else None,
        "candidates": state.ranking.candidates if ready and state.ranking else 0,
        "results": results(request, state.ranking, filters, dog) if ready and state.ranking else [],
    }


def results(
    request: Request, ranking: Ranking, filters: Filters, source: Dog | None
) -> list[dict[str, Any]]:
    """Matches that can be adopted now. Eight queries, however many."""
    alike = Likeness.of_dog(source) if source else Likeness()
    matches = list(ranking.matches.adoptable().with_weights().select_related("photo"))
    dogs = {d.pk: d for d in told(Dog.objects.filter(pk__in=[m.dog_id for m in matches]))}
    context = {"request": request, "seen": seen_in([match.photo for match in matches])}
    return [
        {
            "rank": match.rank,
            "score": match.score,
            "band": match.band,
            "similarity": round(match.similarity, 4),
            "reasons": alike.reasons(match, dogs[match.dog_id], filters),
            "parts": match.parts,
            "dog": DogSerializer(dogs[match.dog_id], context={"request": request}).data,
            "photo": PhotoSerializer(match.photo, context=context).data,
        }
        for match in matches
        if match.dog_id in dogs
    ]
