"""Hearing of new dogs like one."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.http import QueryDict
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.calls import Call
from portal.api.permissions import Anybody, SignedIn
from portal.api.searches import SECRET, own_query
from portal.api.wishes import WishesSerializer
from portal.dogs.models import Dog
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import SavedSearch
from portal.throttles import Enquiries


class SavedSearchSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    state = serializers.SerializerMethodField(help_text="unconfirmed until its link is followed")
    dog = serializers.SerializerMethodField(help_text="slug; null: like a photo")
    filters = serializers.DictField(help_text="what the dog shall be like besides")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()

    class Meta:
        ref_name = "SavedSearch"

    def get_state(self, saved: SavedSearch) -> str:
        return "active" if saved.confirmed_at else "unconfirmed"

    def get_dog(self, saved: SavedSearch) -> str | None:
        return saved.dog.slug if saved.dog else None


class NewSavedSearch(serializers.Serializer[Any]):
    email = serializers.EmailField(
        required=False, help_text="your account's where you have one and give none"
    )
    dog = serializers.CharField(
        required=False, max_length=100, help_text="slug: dogs like this one"
    )
    search = serializers.UUIDField(required=False, help_text="id: dogs like that search's photo")
    consent = serializers.BooleanField(
        default=False,
        help_text="with `search`: the photo's description (128 numbers, no photo) may be kept "
        "until you unsubscribe, for 90 days at most",
    )
    language = serializers.ChoiceField([code for code, _name in settings.LANGUAGES], default="en")
    wishes = WishesSerializer(required=False)

    class Meta:
        ref_name = "NewSavedSearch"

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        if ("dog" in values) == ("search" in values):
            raise serializers.ValidationError({"dog": ["Give either a dog or a search."]})
        return values


class SavedSearches(Call):
    permission_classes = [Anybody]
    throttle_classes = [*Call.throttle_classes, Enquiries]
    problems = (410, 422)

    @extend_schema(operation_id="saved_searches_list", responses=SavedSearchSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Your saved searches."""
        user = self.caller()
        if user is None:
            self.permission_denied(request)
        own = SavedSearch.objects.current().filter(owner=user).select_related("dog")
        return Response(SavedSearchSerializer(own, many=True).data)

    @extend_schema(
        operation_id="saved_searches_create",
        request=NewSavedSearch,
        parameters=[SECRET],
        responses={202: SavedSearchSerializer},
    )
    def post(self, request: Request) -> Response:
        """Saves a search. An address that is not your account's gets one e-mail with a link, and
        no other before the link is followed."""
        sent = NewSavedSearch(data=request.data)
        sent.is_valid(raise_exception=True)
        values = sent.validated_data
        user = self.caller()
        email = values.get("email") or (user.email if user else "")
        if not email:
            raise serializers.ValidationError({"email": ["Give an e-mail address."]})
        dog = query = None
        if "dog" in values:
            dog = get_object_or_404(Dog.objects.visible_to(request.user), slug=values["dog"])
        else:
            query = own_query(request, values["search"])
            if isinstance(query, Response):
                return query
        saved = services.save_search(
            email=email,
            owner=user,
            language=values["language"],
            filters=Filters.from_params(as_params(request.data.get("wishes") or {})),
            dog=dog,
            query=query,
            consent=values["consent"],
        )
        return Response(SavedSearchSerializer(saved).data, status=202)


class OneSavedSearch(Call):
    permission_classes = [SignedIn]

    @extend_schema(operation_id="saved_searches_delete", responses={204: None})
    def delete(self, request: Request, saved_id: uuid.UUID) -> Response:
        """Deletes a saved search with what was kept for it."""
        own = SavedSearch.objects.filter(owner=request.user)
        services.delete_search(saved=get_object_or_404(own, pk=saved_id))
        return Response(status=204)


def as_params(wishes: dict[str, Any]) -> Any:
    """JSON wishes, checked before, as a page's parameters."""
    params = QueryDict(mutable=True)
    for name, value in wishes.items():
        params.setlist(name, value if isinstance(value, list) else [value])
    return params
