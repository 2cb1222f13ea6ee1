"""Photos of dogs: sent in by staff, prepared by workers."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.calls import Call
from portal.api.dogs import PhotoSerializer, editable, seen_in
from portal.api.permissions import StaffWrites, within_token
from portal.api.problems import of_code
from portal.dogs import services
from portal.dogs.models import Dog, Photo
from portal.dogs.uploads import Refusal
from portal.jobs.messages import sentence

MOST_FILES = 20


class PhotoUpload(serializers.Serializer[Any]):
    photos = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True), min_length=1, max_length=MOST_FILES
    )

    class Meta:
        ref_name = "PhotoUpload"


class RefusedFile(serializers.Serializer[Any]):
    file = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()

    class Meta:
        ref_name = "RefusedFile"


class Uploaded(serializers.Serializer[Any]):
    """What was taken, and what was not and why."""

    photos = PhotoSerializer(many=True)
    refused = RefusedFile(many=True)

    class Meta:
        ref_name = "Uploaded"


class PhotoOrder(serializers.Serializer[Any]):
    photos = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), max_length=100
    )

    class Meta:
        ref_name = "PhotoOrder"


class PhotosOfDog(Call):
    permission_classes = [StaffWrites]
    parser_classes = [MultiPartParser]
    most_files = MOST_FILES
    problems = (413, 415)

    @extend_schema(operation_id="dogs_photos_list", responses=PhotoSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """All photos of a dog that can be shown; to its shelter's staff the others too."""
        dog = get_object_or_404(Dog.objects.visible_to(request.user), slug=slug)
        own = Dog.objects.editable_by(request.user).filter(pk=dog.pk).exists()
        photos = list(dog.photos.all() if own else dog.photos.shown())
        context = {"request": request, "seen": seen_in(photos)}
        return Response(PhotoSerializer(photos, many=True, context=context).data)

    @extend_schema(
        operation_id="dogs_photos_create", request=PhotoUpload, responses={201: Uploaded}
    )
    def post(self, request: Request, slug: str) -> Response:
        """Adds photos. Each file is taken or refused by itself; where none is taken, the answer is
        the problem of the first."""
        dog = editable(request, slug)
        sent = PhotoUpload(data=request.data)
        sent.is_valid(raise_exception=True)
        results = services.add_photos(
            dog=dog, files=sent.validated_data["photos"], by=self.caller()
        )
        photos = [result for result in results if isinstance(result, Photo)]
        refused = [result for result in results if isinstance(result, Refusal)]
        if not photos:
            return of_code(refused[0].code)
        told = {
            "photos": PhotoSerializer(photos, many=True, context={"request": request}).data,
            "refused": [
                {"file": r.file_name, "code": r.code, "detail": str(sentence(r.code))}
                for r in refused
            ],
        }
        response = Response(told, status=201)
        response["Location"] = reverse("api:dog_photos", args=[dog.slug])
        return response


class OrderOfPhotos(Call):
    permission_classes = [StaffWrites]

    @extend_schema(
        operation_id="dogs_photos_order", request=PhotoOrder, responses=PhotoSerializer(many=True)
    )
    def put(self, request: Request, slug: str) -> Response:
        """Puts the photos in this order, the first being the cover; others follow."""
        dog = editable(request, slug)
        sent = PhotoOrder(data=request.data)
        sent.is_valid(raise_exception=True)
        ids = sent.validated_data["photos"]
        unknown = set(ids) - set(dog.photos.values_list("pk", flat=True))
        if unknown:
            raise ValidationError({"photos": ["These are not all photos of this dog."]})
        services.order_photos(dog=dog, photo_ids=ids, by=self.caller())
        photos = dog.photos.all()
        return Response(PhotoSerializer(photos, many=True, context={"request": request}).data)


class OnePhoto(Call):
    permission_classes = [StaffWrites]

    @extend_schema(operation_id="photos_read", responses=PhotoSerializer)
    def get(self, request: Request, photo_id: int) -> Response:
        """A photo and its state: waiting, searchable, or why it is not."""
        photo = get_object_or_404(Photo.objects.visible_to(request.user), pk=photo_id)
        context = {"request": request, "seen": seen_in([photo])}
        return Response(PhotoSerializer(photo, context=context).data)

    @extend_schema(operation_id="photos_delete", responses={204: None})
    def delete(self, request: Request, photo_id: int) -> Response:
        """Deletes a photo with everything computed from it."""
        services.delete_photo(photo=own_photo(request, photo_id), by=self.caller())
        return Response(status=204)


class PhotoAgain(Call):
    permission_classes = [StaffWrites]

    @extend_schema(operation_id="photos_retry", request=None, responses={202: PhotoSerializer})
    def post(self, request: Request, photo_id: int) -> Response:
        """Has a photo that failed prepared once more."""
        photo = own_photo(request, photo_id)
        services.retry_photo(photo=photo)
        return Response(PhotoSerializer(photo, context={"request": request}).data, status=202)


def own_photo(request: Request, photo_id: int) -> Photo:
    photos = within_token(request, Photo.objects.editable_by(request.user), "dog__shelter")
    return get_object_or_404(photos, pk=photo_id)
