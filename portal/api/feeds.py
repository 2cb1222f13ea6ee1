"""Where a shelter's listings come from."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.calls import Call
from portal.api.dogs import editable
from portal.api.permissions import Staff, within_token
from portal.dogs.temperament import Trait
from portal.feeds import services
from portal.feeds.models import Feed, FeedRun, TemperamentSuggestion
from portal.shelters.models import Shelter


class FeedSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    shelter = serializers.CharField(source="shelter.slug")
    kind = serializers.ChoiceField(Feed.Kind.choices)
    name = serializers.CharField()
    settings = serializers.DictField()
    has_key = serializers.SerializerMethodField(help_text="the key itself is never told")
    enabled = serializers.BooleanField()
    every_hours = serializers.IntegerField(allow_null=True)
    next_run_at = serializers.DateTimeField(allow_null=True)
    may_withdraw_many = serializers.BooleanField()

    class Meta:
        ref_name = "Feed"

    def get_has_key(self, feed: Feed) -> bool:
        return bool(feed.key)


class FeedFields(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)
    settings = serializers.DictField(
        child=serializers.CharField(max_length=500, allow_blank=True),
        required=False,
        help_text="address and what else the kind needs: docs/api.md",
    )
    key = serializers.CharField(
        max_length=500, required=False, allow_blank=True, write_only=True, trim_whitespace=True
    )
    enabled = serializers.BooleanField(required=False)
    every_hours = serializers.IntegerField(
        min_value=1, max_value=720, required=False, allow_null=True
    )
    may_withdraw_many = serializers.BooleanField(
        required=False, help_text="confirms, for the next run, that most of the dogs are gone"
    )

    class Meta:
        ref_name = "FeedFields"

    def validate_settings(self, value: dict[str, str]) -> dict[str, str]:
        if not all(name.isidentifier() for name in value):
            raise serializers.ValidationError("Names of settings are words.")
        return value


class NewFeed(FeedFields):
    shelter = serializers.CharField(max_length=140)
    kind = serializers.ChoiceField(Feed.Kind.choices)

    class Meta:
        ref_name = "NewFeed"


class RejectionSerializer(serializers.Serializer[Any]):
    where = serializers.CharField()
    code = serializers.CharField()
    reason = serializers.CharField()
    of_photo = serializers.BooleanField()

    class Meta:
        ref_name = "FeedRejection"


class RunSerializer(serializers.ModelSerializer[FeedRun]):
    rejections = RejectionSerializer(many=True)

    class Meta:
        model = FeedRun
        fields = [
            "id", "state", "since", "new", "changed", "unchanged", "withdrawn", "rejected",
            "photos", "photos_refused", "error_code", "error_detail", "started_at", "finished_at",
            "rejections",
        ]  # fmt: skip
        ref_name = "FeedRun"


class SuggestionSerializer(serializers.Serializer[Any]):
    """A trait read out of a source's free text; `words` are those it was read from."""

    trait = serializers.ChoiceField(Trait.choices)
    answer = serializers.CharField()
    level = serializers.IntegerField(allow_null=True)
    words = serializers.CharField()
    state = serializers.ChoiceField(TemperamentSuggestion.State.choices)

    class Meta:
        ref_name = "TemperamentSuggestion"


class Decision(serializers.Serializer[Any]):
    take = serializers.BooleanField(
        help_text="true sets the trait in your name, false dismisses it"
    )

    class Meta:
        ref_name = "Decision"


def own(request: Request) -> Any:
    feeds = Feed.objects.managed_by(request.user)
    return within_token(request, feeds).select_related("shelter")


class Feeds(Call):
    permission_classes = [Staff]

    @extend_schema(operation_id="feeds_list", responses=FeedSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The feeds of your shelters."""
        return Response(FeedSerializer(own(request), many=True).data)

    @extend_schema(operation_id="feeds_create", request=NewFeed, responses={201: FeedSerializer})
    def post(self, request: Request) -> Response:
        """A new feed. Its key is kept encrypted and never told again."""
        sent = NewFeed(data=request.data)
        sent.is_valid(raise_exception=True)
        values = sent.validated_data
        shelters = within_token(request, Shelter.objects.staffed_by(request.user), "pk")
        shelter = shelters.filter(slug=values["shelter"]).first()
        if shelter is None:
            raise serializers.ValidationError({"shelter": ["This is none of your shelters."]})
        if shelter.feeds.filter(name=values["name"]).exists():
            raise serializers.ValidationError({"name": ["There is a feed of this name already."]})
        feed = services.create_feed(
            shelter=shelter,
            kind=values["kind"],
            name=values["name"],
            settings=values.get("settings", {}),
            key=values.get("key", ""),
            every_hours=values.get("every_hours"),
        )
        response = Response(FeedSerializer(feed).data, status=201)
        response["Location"] = reverse("api:feed", args=[feed.pk])
        return response


class OneFeed(Call):
    permission_classes = [Staff]

    @extend_schema(operation_id="feeds_read", responses=FeedSerializer)
    def get(self, request: Request, feed_id: int) -> Response:
        """One feed."""
        return Response(FeedSerializer(get_object_or_404(own(request), pk=feed_id)).data)

    @extend_schema(
        operation_id="feeds_update", request=FeedFields(partial=True), responses=FeedSerializer
    )
    def patch(self, request: Request, feed_id: int) -> Response:
        """Writes what is sent."""
        feed = get_object_or_404(own(request), pk=feed_id)
        sent = FeedFields(data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        values = sent.validated_data
        others = feed.shelter.feeds.exclude(pk=feed.pk)
        if "name" in values and others.filter(name=values["name"]).exists():
            raise serializers.ValidationError({"name": ["There is a feed of this name already."]})
        return Response(FeedSerializer(services.update_feed(feed=feed, **values)).data)

    @extend_schema(operation_id="feeds_delete", responses={204: None})
    def delete(self, request: Request, feed_id: int) -> Response:
        """The feed goes; its dogs stay with the shelter."""
        services.delete_feed(feed=get_object_or_404(own(request), pk=feed_id))
        return Response(status=204)


class Runs(Call):
    permission_classes = [Staff]

    @extend_schema(operation_id="feeds_runs_list", responses=RunSerializer(many=True))
    def get(self, request: Request, feed_id: int) -> Response:
        """Its last runs: what was new, changed, withdrawn, and rejected with the reason."""
        feed = get_object_or_404(own(request), pk=feed_id)
        runs = feed.runs.prefetch_related("rejections")[:20]
        return Response(RunSerializer(runs, many=True).data)

    @extend_schema(operation_id="feeds_runs_create", request=None, responses={202: FeedSerializer})
    def post(self, request: Request, feed_id: int) -> Response:
        """Has the feed read now; nothing more where it is being read."""
        feed = get_object_or_404(own(request), pk=feed_id)
        services.request_run(feed=feed)
        response = Response(FeedSerializer(feed).data, status=202)
        response["Location"] = reverse("api:feed_runs", args=[feed.pk])
        return response


class Suggestions(Call):
    permission_classes = [Staff]

    @extend_schema(operation_id="dogs_suggestions_list", responses=SuggestionSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """What was read of a dog's temperament in its feed's words, for staff to decide."""
        found = TemperamentSuggestion.objects.filter(dog=editable(request, slug))
        return Response(SuggestionSerializer(found, many=True).data)


class OneSuggestion(Call):
    permission_classes = [Staff]

    @extend_schema(
        operation_id="dogs_suggestions_decide", request=Decision, responses=SuggestionSerializer
    )
    def post(self, request: Request, slug: str, trait: str) -> Response:
        """Takes a suggestion over in your name, or dismisses it."""
        found = TemperamentSuggestion.objects.filter(dog=editable(request, slug))
        suggestion = found.filter(trait=trait).first()
        user = self.caller()
        if suggestion is None or user is None:
            raise NotFound
        sent = Decision(data=request.data)
        sent.is_valid(raise_exception=True)
        if sent.validated_data["take"]:
            services.take_suggestion(suggestion=suggestion, by=user)
        else:
            services.dismiss_suggestion(suggestion=suggestion, by=user)
        return Response(SuggestionSerializer(suggestion).data)
