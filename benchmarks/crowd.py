"""Copies of listed dogs, rows and vectors included. Runs inside `manage.py shell`."""

from typing import Any

from django.db import transaction
from django.db.models import Model

from portal.dogs.models import Dog, Photo, TemperamentValue, random_name
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
    for start in range(0, wanted, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, wanted))
        with transaction.atomic():
            copy([originals[number % len(originals)] for number in numbers])
    print(Dog.objects.adoptable().count())


def copy(dogs: list[Dog]) -> None:
    twins = Dog.objects.bulk_create(
        Dog(
            **values_of(
                dog,
                slug=f"{dog.slug[:60]}-{random_name()[:10]}",
                external_id="",
                bonded_with_id=None,
            )
        )
        for dog in dogs
    )
    breeds = Dog.breeds.through
    breeds.objects.bulk_create(
        breeds(dog_id=twin.pk, breed_id=breed.pk)
        for dog, twin in zip(dogs, twins, strict=True)
        for breed in dog.breeds.all()
    )
    TemperamentValue.objects.bulk_create(
        TemperamentValue(**values_of(value, dog_id=twin.pk))
        for dog, twin in zip(dogs, twins, strict=True)
        for value in dog.temperament.all()
    )
    pairs = [
        (photo, twin) for dog, twin in zip(dogs, twins, strict=True) for photo in dog.photos.all()
    ]
    # Nobody is to make smaller pictures of copies.
    photos = Photo.objects.bulk_create(
        Photo(**values_of(photo, dog_id=twin.pk, name=random_name(), variants=photo.variants or {}))
        for photo, twin in pairs
    )
    described = list(zip(pairs, photos, strict=True))
    Embedding.objects.bulk_create(
        Embedding(**values_of(row, photo_id=twin.pk))
        for (photo, _), twin in described
        for row in photo.embeddings.all()
    )
    Keypoints.objects.bulk_create(
        Keypoints(**values_of(row, photo_id=twin.pk))
        for (photo, _), twin in described
        for row in photo.keypoints.all()
    )
