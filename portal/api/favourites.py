"""Dogs that the caller keeps."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.calls import Call, refuse_unknown
from portal.api.dogs import DogSerializer, told
from portal.api.pagination import NewestFirst
from portal.api.permissions import SignedIn
from portal.dogs.models import Dog
from portal.matching import services
from portal.matching.models import Favourite

LISTED = (Dog.Status.AVAILABLE, Dog.Status.ON_HOLD)


class FavouriteSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField(source="dog.slug")
    name = serializers.CharField(source="dog.name")
    gone = serializers.SerializerMethodField(help_text="adopted or withdrawn since")
    dog = serializers.SerializerMethodField(help_text="null once it is gone")
    created_at = serializers.DateTimeField()

    class Meta:
        ref_name = "Favourite"

    def get_gone(self, favourite: Favourite) -> bool:
        return favourite.dog.status not in LISTED

    def get_dog(self, favourite: Favourite) -> DogSerializer(allow_null=True):  # type: ignore[valid-type]
        dog = self.context["dogs"].get(favourite.dog_id)
        return DogSerializer(dog, context=self.context).data if dog else None


class Favourites(Call):
    permission_classes = [SignedIn]
    pagination_class = NewestFirst

    @extend_schema(
        operation_id="favourites_list",
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("page_size", int)],
        responses=FavouriteSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """The dogs you keep, newest first; one that was adopted since is told as gone."""
        if self.caller() is None:
            self.permission_denied(request)
        refuse_unknown(request, ("cursor", "page_size"))
        pages = self.pagination_class()
        own = Favourite.objects.filter(owner=request.user).select_related("dog")
        rows = pages.paginate_queryset(own, request, self)
        listed = Dog.objects.filter(pk__in=[row.dog_id for row in rows], status__in=LISTED)
        context = {"request": request, "dogs": {dog.pk: dog for dog in told(listed)}}
        found = FavouriteSerializer(rows, many=True, context=context)
        return pages.get_paginated_response(found.data)


class OneFavourite(Call):
    permission_classes = [SignedIn]

    @extend_schema(operation_id="favourites_keep", request=None, responses={204: None})
    def put(self, request: Request, slug: str) -> Response:
        """Keeps a dog; unchanged where you keep it already."""
        dog = get_object_or_404(Dog.objects.visible_to(request.user), slug=slug)
        services.keep_dog(dog=dog, owner=self.caller())
        return Response(status=204)

    @extend_schema(operation_id="favourites_drop", responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        """Keeps a dog no longer."""
        own = Favourite.objects.filter(owner=request.user)
        services.drop_dog(favourite=get_object_or_404(own, dog__slug=slug))
        return Response(status=204)
