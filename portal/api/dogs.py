"""Dogs: those to adopt for everybody, all of a shelter's own for its staff."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.calls import Call, etag_of, refuse_changed, refuse_unknown
from portal.api.pagination import NewestFirst
from portal.api.permissions import StaffWrites, within_token
from portal.api.problems import of_code
from portal.api.wishes import NAMES, Slugs, WishesSerializer, read_wishes
from portal.dogs import services
from portal.dogs.forms import MAX_AGE_YEARS, MAX_TAG_LENGTH, MAX_TAGS
from portal.dogs.models import Breed, Colour, Dog, DogQuerySet, Photo
from portal.dogs.temperament import ANSWER_TRAITS, SCALE, SCALE_TRAITS, Answer, Trait
from portal.matching.models import Keypoints, Posture, View
from portal.matching.proportions import proportions
from portal.matching.queries import active_version
from portal.media import photo_address
from portal.shelters.models import Shelter

DESCRIPTION_LETTERS = 5000


class BreedSerializer(serializers.ModelSerializer[Breed]):
    class Meta:
        model = Breed
        fields = ["slug", "name_en", "name_ko"]


class ShelterSerializer(serializers.ModelSerializer[Shelter]):
    class Meta:
        model = Shelter
        fields = ["slug", "name", "city", "address", "phone", "opening_hours"]
        ref_name = "Shelter"


class ShelterName(serializers.ModelSerializer[Shelter]):
    class Meta:
        model = Shelter
        fields = ["slug", "name", "city"]
        ref_name = "ShelterName"


class PointSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    x = serializers.FloatField(help_text="from the left, as a fraction of the picture's width")
    y = serializers.FloatField(help_text="from the top, as a fraction of its height")
    score = serializers.FloatField(help_text="0 to 1; below 0.3 a guess")

    class Meta:
        ref_name = "Point"


class SeenSerializer(serializers.Serializer[Any]):
    """Where the dog is in a photo, and its keypoints."""

    box = serializers.ListField(
        child=serializers.FloatField(), help_text="x0, y0, x1, y1 as fractions of the picture"
    )
    points = PointSerializer(many=True)
    ratios = serializers.DictField(
        child=serializers.FloatField(allow_null=True),
        help_text="proportions of body and face; null where a point is not to be seen",
    )
    posture = serializers.ChoiceField(
        [("", ""), *Posture.choices], help_text="empty where the version tells none"
    )
    view = serializers.ChoiceField(
        [("", ""), *View.choices], help_text="the way the dog faces in the picture"
    )

    class Meta:
        ref_name = "Seen"


class PhotoSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    state = serializers.ChoiceField(Photo.State.choices)
    error_code = serializers.CharField(help_text="why it is not searchable, else empty")
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    full = serializers.SerializerMethodField(help_text="address of the picture; empty until ready")
    thumbnail = serializers.SerializerMethodField(help_text="address of a small one")
    seen = serializers.SerializerMethodField(help_text="by the live models; only of single dogs")

    class Meta:
        ref_name = "Photo"

    def get_full(self, photo: Photo) -> str:
        return self.address(photo, "full")

    def get_thumbnail(self, photo: Photo) -> str:
        return self.address(photo, "thumb")

    def address(self, photo: Photo, size: str) -> str:
        request: HttpRequest = self.context["request"]
        return request.build_absolute_uri(photo_address(photo, size)) if photo.image else ""

    @extend_schema_field(SeenSerializer(allow_null=True))
    def get_seen(self, photo: Photo) -> Any:
        return self.context.get("seen", {}).get(photo.pk)


class TraitSerializer(serializers.Serializer[Any]):
    """A trait that is known; one that is not here is unknown."""

    trait = serializers.ChoiceField(Trait.choices)
    answer = serializers.CharField(help_text="yes, no or selective; empty for a level")
    level = serializers.IntegerField(allow_null=True, help_text="1 to 5")
    set_at = serializers.DateTimeField()

    class Meta:
        ref_name = "TraitValue"


class DogSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    url = serializers.SerializerMethodField(help_text="its page")
    name = serializers.CharField()
    status = serializers.ChoiceField(Dog.Status.choices)
    shelter = ShelterName()
    breeds = BreedSerializer(many=True)
    mixed = serializers.BooleanField()
    sex = serializers.ChoiceField(Dog.Sex.choices)
    birth_date = serializers.DateField(allow_null=True)
    birth_precision = serializers.ChoiceField(Dog.BirthPrecision.choices)
    weight_kg = serializers.FloatField(allow_null=True)
    colours = serializers.ListField(child=serializers.CharField())
    neutered = serializers.BooleanField(allow_null=True)
    description = serializers.CharField()
    health = serializers.CharField(help_text="vaccinations, medicines: the shelter's words")
    tags = serializers.ListField(child=serializers.CharField())
    temperament = TraitSerializer(many=True)
    bonded_with = serializers.SerializerMethodField(help_text="slug of the dog it stays with")
    photos = serializers.SerializerMethodField()
    listed_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField()

    class Meta:
        ref_name = "Dog"

    def get_url(self, dog: Dog) -> str:
        return address(self.context, "dog", dog.slug)

    def get_bonded_with(self, dog: Dog) -> str | None:
        return dog.bonded_with.slug if dog.bonded_with else None

    @extend_schema_field(PhotoSerializer(many=True))
    def get_photos(self, dog: Dog) -> Any:
        return PhotoSerializer(dog.photos_told, many=True, context=self.context).data  # type: ignore[attr-defined]


def address(context: dict[str, Any], name: str, *args: Any) -> str:
    request: HttpRequest = context["request"]
    return request.build_absolute_uri(reverse(name, args=args))


def told(dogs: DogQuerySet, *, everything: bool = False) -> DogQuerySet:
    """With all that is told of them, in a constant number of queries; `everything`: photos that
    cannot be shown too."""
    photos = Photo.objects.all() if everything else Photo.objects.shown()
    return dogs.select_related("shelter", "bonded_with").prefetch_related(
        Prefetch("photos", queryset=photos, to_attr="photos_told"), "breeds", "temperament"
    )


def seen_in(photos: list[Photo]) -> dict[int, Any]:
    """What the live version saw in them, by primary key."""
    version = active_version()
    if version is None:
        return {}
    layout = version.spec["keypoints"]
    by_id = {photo.pk: photo for photo in photos}
    rows = Keypoints.objects.filter(version=version, photo__in=list(by_id))
    return {row.photo_id: seen(layout, row, by_id[row.photo_id]) for row in rows}


def seen(layout: Any, found: Any, picture: Any) -> dict[str, Any]:
    """Keypoints, posture and view of `found`; proportions as measured on the picture (`width`,
    `height` in pixels)."""
    return {
        "box": [round(float(value), 4) for value in found.box],
        "points": [
            {"name": name, "x": round(x, 4), "y": round(y, 4), "score": round(score, 3)}
            for name, (x, y, score) in zip(layout["names"], found.points, strict=True)
        ],
        "ratios": proportions(layout, found.points, picture.width, picture.height),
        "posture": found.posture,
        "view": found.view,
    }


def as_told(request: Request, dog: Dog) -> dict[str, Any]:
    """One dog with all there is to know of it."""
    own = Dog.objects.editable_by(request.user).filter(pk=dog.pk).exists()
    found = told(Dog.objects.filter(pk=dog.pk), everything=own).get()
    photos = found.photos_told  # type: ignore[attr-defined]
    context = {"request": request, "seen": seen_in(photos)}
    return dict(DogSerializer(found, context=context).data)


class TemperamentField(serializers.DictField):
    """Trait to answer, level or null (unknown)."""

    child = serializers.JSONField(allow_null=True)

    def to_internal_value(self, data: Any) -> dict[str, str | int | None]:
        values = super().to_internal_value(data)
        for trait, value in values.items():
            if value is None:
                continue
            if trait in SCALE_TRAITS:
                right = type(value) is int and value in SCALE
            else:
                right = trait in ANSWER_TRAITS and isinstance(value, str) and value in Answer
            if not right:
                raise serializers.ValidationError(
                    {trait: ["Use a trait's answer (yes, no, selective), a level 1 to 5, or null."]}
                )
        return values


@extend_schema_field({
    "type": "object",
    "properties": {
        **{t.value: {"type": "string", "enum": [*Answer.values, None], "nullable": True}
           for t in ANSWER_TRAITS},
        **{t.value: {"type": "integer", "minimum": 1, "maximum": 5, "nullable": True}
           for t in SCALE_TRAITS},
    },
    "additionalProperties": False,
})  # fmt: skip
class Temperament(TemperamentField):
    pass


class DogFields(serializers.Serializer[Any]):
    """What can be written of a dog; what is not sent stays as it is."""

    name = serializers.CharField(max_length=80)
    breeds = Slugs(Breed, required=False)
    mixed = serializers.BooleanField(required=False)
    sex = serializers.ChoiceField(Dog.Sex.choices, required=False)
    birth_date = serializers.DateField(required=False, allow_null=True)
    birth_precision = serializers.ChoiceField(Dog.BirthPrecision.choices, required=False)
    weight_kg = serializers.DecimalField(
        max_digits=5, decimal_places=2, min_value=Decimal("0.01"), max_value=120, required=False,
        allow_null=True, coerce_to_string=False,
    )  # fmt: skip
    colours = serializers.ListField(
        child=serializers.ChoiceField(Colour.choices), required=False, max_length=len(Colour)
    )
    neutered = serializers.BooleanField(required=False, allow_null=True)
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=DESCRIPTION_LETTERS
    )
    health = serializers.CharField(required=False, allow_blank=True, max_length=DESCRIPTION_LETTERS)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=MAX_TAG_LENGTH), required=False, max_length=MAX_TAGS
    )
    status = serializers.ChoiceField(Dog.Status.choices, required=False)
    temperament = Temperament(required=False)
    bonded_with = serializers.CharField(
        required=False, allow_null=True, max_length=100, help_text="slug of a dog of the shelter"
    )

    class Meta:
        ref_name = "DogFields"

    def validate_birth_date(self, value: date | None) -> date | None:
        today = timezone.localdate()
        if value and not (today.year - MAX_AGE_YEARS <= value.year and value <= today):
            raise serializers.ValidationError(
                f"A dog is born in the last {MAX_AGE_YEARS} years, and not after today."
            )
        return value

    def validate_breeds(self, slugs: list[str]) -> list[Breed]:
        rows = {breed.slug: breed for breed in Breed.objects.filter(slug__in=slugs)}
        return [rows[slug] for slug in dict.fromkeys(slugs)]


class NewDog(DogFields):
    shelter = serializers.CharField(max_length=140, help_text="slug of one of your shelters")

    class Meta:
        ref_name = "NewDog"


def write(request: Request, values: dict[str, Any], shelter: Shelter) -> dict[str, Any]:
    """What services take, of what was sent."""
    fields = {k: v for k, v in values.items() if k not in ("temperament", "shelter", "bonded_with")}
    if "bonded_with" in values:
        slug = values["bonded_with"]
        others = Dog.objects.filter(shelter=shelter)
        fields["bonded_with"] = get_object_or_404(others, slug=slug) if slug else None
    return fields


class Dogs(Call):
    permission_classes = [StaffWrites]
    pagination_class = NewestFirst

    @extend_schema(
        operation_id="dogs_list",
        parameters=[
            WishesSerializer,
            OpenApiParameter(
                "status",
                enum=Dog.Status.values,
                description="of your shelters' dogs; without it, dogs that can be adopted",
            ),
            OpenApiParameter("cursor", str, description="of `next` or `previous`"),
            OpenApiParameter("page_size", int, description="1 to 200"),
        ],
        responses=DogSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Dogs, newest first; with filters as on the pages."""
        refuse_unknown(request, (*NAMES, "status", "cursor", "page_size"))
        filters = read_wishes(request.query_params)
        status = request.query_params.get("status")
        if status is None:
            dogs = Dog.objects.adoptable()
        elif status not in Dog.Status.values:
            raise serializers.ValidationError({"status": ["There is no such status."]})
        else:
            dogs = within_token(request, Dog.objects.editable_by(request.user))
            dogs = dogs.filter(status=status)
        pages = self.pagination_class()
        rows = pages.paginate_queryset(told(filters.apply(dogs).distinct()), request, self)
        found = DogSerializer(rows, many=True, context={"request": request})
        return pages.get_paginated_response(found.data)

    @extend_schema(operation_id="dogs_create", request=NewDog, responses={201: DogSerializer})
    def post(self, request: Request) -> Response:
        """A new dog of one of your shelters: a draft, unless `status` says otherwise."""
        sent = NewDog(data=request.data)
        sent.is_valid(raise_exception=True)
        values = sent.validated_data
        shelters = Shelter.objects.staffed_by(request.user)
        shelter = within_token(request, shelters, "pk").filter(slug=values["shelter"]).first()
        if shelter is None:
            raise serializers.ValidationError({"shelter": ["This is none of your shelters."]})
        dog = services.create_dog(
            shelter=shelter,
            by=self.caller(),
            fields=write(request, values, shelter),
            temperament=values.get("temperament"),
        )
        response = Response(as_told(request, dog), status=201)
        response["Location"] = reverse("api:dog", args=[dog.slug])
        return response


class OneDog(Call):
    permission_classes = [StaffWrites]
    problems = (410, 412)

    @extend_schema(operation_id="dogs_read", responses=DogSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """A dog with all its photos and what was seen in them."""
        dog = Dog.objects.visible_to(request.user).filter(slug=slug).first()
        if dog is None:
            ended = [Dog.Status.ADOPTED, Dog.Status.WITHDRAWN]
            get_object_or_404(Dog, slug=slug, status__in=ended)
            return of_code("dog_gone")
        data = as_told(request, dog)
        response = Response(data)
        response["ETag"] = etag_of(data)
        return response

    @extend_schema(
        operation_id="dogs_update",
        request=DogFields(partial=True),
        responses=DogSerializer,
        parameters=[
            OpenApiParameter("If-Match", str, "header", description="the ETag that was read")
        ],
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Writes what is sent. With If-Match, only if nobody wrote meanwhile."""
        dog = editable(request, slug)
        refused = refuse_changed(request, as_told(request, dog))
        if refused:
            return refused
        sent = DogFields(data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        services.update_dog(
            dog=dog,
            by=self.caller(),
            fields=write(request, sent.validated_data, dog.shelter),
            temperament=sent.validated_data.get("temperament"),
        )
        data = as_told(request, dog)
        response = Response(data)
        response["ETag"] = etag_of(data)
        return response


def editable(request: Request, slug: str) -> Dog:
    """The caller's own dog; everybody else's is not there (404)."""
    own = within_token(request, Dog.objects.editable_by(request.user))
    return get_object_or_404(own.select_related("shelter"), slug=slug)


class Breeds(Call):
    @extend_schema(operation_id="breeds_list", responses=BreedSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All breeds by their English names."""
        return Response(BreedSerializer(Breed.objects.all(), many=True).data)


class Shelters(Call):
    @extend_schema(operation_id="shelters_list", responses=ShelterSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All shelters by name."""
        return Response(ShelterSerializer(Shelter.objects.all(), many=True).data)
