"""Copies of listed dogs, rows and vectors included. Runs inside `manage.py shell`."""

from typing import Any

from django.db import transaction
from django.db.models import Model

from portal.dogs.models import Dog, Photo, TemperamentValue, random_name
from portal.dogs.services import free_slug
from portal.matching.models import Embedding, Keypoints

AT_ONCE = 200


def values_of(row: Model, **instead: Any) -> dict[str, Any]:
    """The row's columns without its key, some of them other."""
    columns = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    del columns["id"]
    return columns | instead


def copy_dogs(wanted: int) -> None:
    """Makes so many copies of the dogs that can be adopted and prints how many can be then."""
    related = ("photos__embeddings", "photos__keypoints", "temperament", "breeds")
    originals = list(Dog.objects.searchable().prefetch_related(*related))
    made = 0
    while made < wanted:
        with transaction.atomic():
            for _ in range(min(AT_ONCE, wanted - made)):
                copy_dog(originals[made % len(originals)])
                made += 1
    print(Dog.objects.adoptable().count())


def copy_dog(dog: Dog) -> None:
    instead = {"slug": free_slug(dog.name), "external_id": "", "bonded_with_id": None}
    twin = Dog.objects.create(**values_of(dog, **instead))
    twin.breeds.set(dog.breeds.all())
    TemperamentValue.objects.bulk_create(
        TemperamentValue(**values_of(value, dog_id=twin.pk)) for value in dog.temperament.all()
    )
    for photo in dog.photos.all():
        copy = Photo.objects.create(**values_of(photo, dog_id=twin.pk, name=random_name()))
        Embedding.objects.bulk_create(
            Embedding(**values_of(row, photo_id=copy.pk)) for row in photo.embeddings.all()
        )
        Keypoints.objects.bulk_create(
            Keypoints(**values_of(row, photo_id=copy.pk)) for row in photo.keypoints.all()
        )
