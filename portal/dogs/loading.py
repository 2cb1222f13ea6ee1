"""Dogs that a folder tells of, made into rows; see `portal.dogs.imports` for the reading."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.files import File
from django.utils.text import slugify

from portal.accounts.models import User
from portal.dogs import services
from portal.dogs.imports import Listing, Problem
from portal.dogs.models import Breed, Dog
from portal.jobs.messages import sentence
from portal.jobs.models import Job
from portal.shelters.models import Shelter
from portal.shelters.services import create_shelter

# The shelters of the drawn dogs, and of folders that name none. Their telephone numbers belong to
# nobody.
DEMO_SHELTERS: tuple[dict[str, str], ...] = (
    {
        "name": "Hanbit Shelter",
        "city": "Seoul",
        "address": "12 Riverside Road",
        "phone": "02-000-0101",
        "opening_hours": "Tue–Sun 10:00–17:00",
    },
    {
        "name": "Namsan Animal Haven",
        "city": "Seoul",
        "address": "3 Pine Hill",
        "phone": "02-000-0102",
        "opening_hours": "Wed–Sun 11:00–18:00",
    },
    {
        "name": "Haeun Dog Shelter",
        "city": "Suwon",
        "address": "48 Lake Street",
        "phone": "031-000-0103",
        "opening_hours": "Mon–Sat 10:00–16:00",
    },
)


@dataclass
class Loader:
    """Makes rows of one folder's listings; a dog that is there already is left as it is."""

    folder: Path
    by: User | None = None
    problems: list[Problem] = field(default_factory=list)
    dogs: dict[str, Dog] = field(default_factory=dict)
    added: int = 0
    photos: int = 0

    def __post_init__(self) -> None:
        self.shelters = {s.name.lower(): s for s in Shelter.objects.all()}
        self.breeds = {breed.slug: breed for breed in Breed.objects.all()}
        self.spread: Iterator[dict[str, str]] = itertools.cycle(DEMO_SHELTERS)
        prefix = f"{self.folder.resolve().name}/"
        self.known = {d.external_id: d for d in Dog.objects.filter(external_id__startswith=prefix)}

    def load(self, listing: Listing) -> None:
        """One dog with its photos in its own transaction; what is wrong goes to `problems`."""
        external_id = self.external_id(listing)
        # Also for a dog already there, so that a dog added later does not move the others.
        demo = next(self.spread)
        if external_id in self.known:
            self.dogs[listing.key] = self.known[external_id]
            return
        fields: dict[str, Any] = {
            **listing.fields,
            "external_id": external_id,
            "breeds": [self.breed(name) for name in listing.breeds],
        }
        if listing.status not in (Dog.Status.DRAFT, Dog.Status.AVAILABLE):
            fields["status"] = listing.status
        shelter = self.shelter({"name": listing.shelter} if listing.shelter else demo)
        dog = self.create(listing, shelter, fields)
        if dog is not None:
            self.added += 1
            self.dogs[listing.key] = dog

    def create(self, listing: Listing, shelter: Shelter, fields: dict[str, Any]) -> Dog | None:
        paths = {path.name: path for path in listing.photos}
        while paths:
            try:
                with ExitStack() as stack:
                    opened = [
                        File(stack.enter_context(path.open("rb")), name)
                        for name, path in paths.items()
                    ]
                    dog = services.create_dog(
                        shelter=shelter,
                        by=self.by,
                        fields=fields,
                        photos=opened,
                        temperament=listing.temperament,
                        publish=listing.status == Dog.Status.AVAILABLE,
                        queue=Job.Queue.BATCH,
                    )
                self.photos += len(paths)
                return dog
            except services.PhotosRefused as error:
                for refusal in error.refusals:
                    path = paths.pop(refusal.file_name)
                    where = str(path.relative_to(self.folder))
                    self.problems.append(Problem(where, str(sentence(refusal.code))))
        self.problems.append(Problem(listing.where, "none of this dog's photos can be used"))
        return None

    def bond(self, listings: list[Listing]) -> None:
        """Bonds the pairs the listings tell of, once all of them are loaded."""
        for listing in listings:
            dog, name = self.dogs.get(listing.key), listing.bonded_with
            if dog is None or not name:
                continue
            other = self.dogs.get(str(Path(name)))
            if other is None:
                self.problems.append(Problem(listing.where, f"bonded_with: `{name}` is not loaded"))
            elif other.bonded_with_id not in (None, dog.pk) or dog.bonded_with_id:
                if dog.bonded_with_id != other.pk:
                    reason = f"bonded_with: one of the two is bonded with another dog than `{name}`"
                    self.problems.append(Problem(listing.where, reason))
            else:
                try:
                    services.bond_dogs(dog=dog, other=other)
                except services.DogConflict as error:
                    self.problems.append(Problem(listing.where, str(sentence(error.code))))

    def external_id(self, listing: Listing) -> str:
        path = f"{self.folder.resolve().name}/{listing.key}"
        if len(path) <= 120:
            return path
        return f"{path[:79]}#{hashlib.sha256(path.encode()).hexdigest()[:40]}"

    def shelter(self, facts: dict[str, str]) -> Shelter:
        name = facts["name"]
        if name.lower() not in self.shelters:
            known = next((s for s in DEMO_SHELTERS if s["name"].lower() == name.lower()), facts)
            self.shelters[name.lower()] = create_shelter(**known)
        return self.shelters[name.lower()]

    def breed(self, name: str) -> Breed:
        slug = slugify(name, allow_unicode=True)[:80] or "unnamed"
        if slug not in self.breeds:
            self.breeds[slug], _ = Breed.objects.get_or_create(
                slug=slug, defaults={"name_en": name[:80]}
            )
        return self.breeds[slug]
