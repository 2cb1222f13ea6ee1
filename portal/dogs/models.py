"""Dogs, their photos and their temperament: the rows that decide what may be shown."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal.dogs.temperament import ANSWER_TRAITS, SCALE, SCALE_TRAITS, Answer, Trait
from portal.shelters.models import Shelter

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User


class Breed(models.Model):
    slug = models.SlugField(max_length=80, unique=True)
    name_en = models.CharField(max_length=80)
    name_ko = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["name_en"]

    def __str__(self) -> str:
        """Its name in the reader's language, where it has one there."""
        return self.name_ko if self.name_ko and get_language() == "ko" else self.name_en


class Colour(models.TextChoices):
    WHITE = "white", _("white")
    CREAM = "cream", _("cream")
    YELLOW = "yellow", _("yellow")
    BROWN = "brown", _("brown")
    RED = "red", _("red")
    GREY = "grey", _("grey")
    BLACK = "black", _("black")
    MERLE = "merle", _("merle")
    BRINDLE = "brindle", _("brindle")


class DogQuerySet(models.QuerySet["Dog"]):
    def adoptable(self) -> DogQuerySet:
        """Dogs that can be adopted today: the only ones a search may return."""
        return self.filter(status=Dog.Status.AVAILABLE)

    def editable_by(self, user: User | AnonymousUser) -> DogQuerySet:
        return self.filter(shelter__in=Shelter.objects.staffed_by(user))

    def visible_to(self, user: User | AnonymousUser) -> DogQuerySet:
        """Adoptable and on-hold dogs to all; every status to the staff of the dog's shelter."""
        public = Q(status__in=[Dog.Status.AVAILABLE, Dog.Status.ON_HOLD])
        if not user.is_authenticated:
            return self.filter(public)
        return self.filter(public | Q(shelter__in=Shelter.objects.staffed_by(user)))

    def in_shelters(self) -> DogQuerySet:
        """Dogs of public lists, those on hold or in their notice period included."""
        return self.filter(status__in=[Dog.Status.AVAILABLE, Dog.Status.ON_HOLD])

    def with_searchable_photo(self) -> DogQuerySet:
        """Dogs with at least one photo that was found fit for search."""
        has_photo = Photo.objects.filter(dog=models.OuterRef("pk"), state=Photo.State.SEARCHABLE)
        return self.filter(models.Exists(has_photo))

    def searchable(self) -> DogQuerySet:
        return self.adoptable().with_searchable_photo()


class Dog(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        AVAILABLE = "available", _("can be adopted")
        ON_HOLD = "on_hold", _("on hold")
        ADOPTED = "adopted", _("adopted")
        WITHDRAWN = "withdrawn", _("withdrawn")

    class Sex(models.TextChoices):
        MALE = "male", _("male")
        FEMALE = "female", _("female")
        UNKNOWN = "unknown", _("unknown")

    class BirthPrecision(models.TextChoices):
        DAY = "day", _("day")
        MONTH = "month", _("month")
        YEAR = "year", _("year")

    shelter = models.ForeignKey(Shelter, on_delete=models.PROTECT, related_name="dogs")
    slug = models.SlugField(max_length=100, unique=True, allow_unicode=True, editable=False)
    name = models.CharField(_("name"), max_length=80)
    breeds = models.ManyToManyField(Breed, blank=True, related_name="dogs")
    mixed = models.BooleanField(_("mixed breed"), default=True)
    sex = models.CharField(_("sex"), max_length=8, choices=Sex, default=Sex.UNKNOWN)
    birth_date = models.DateField(_("birth date"), null=True, blank=True)
    birth_precision = models.CharField(
        _("birth date is exact to the"),
        max_length=8,
        choices=BirthPrecision,
        default=BirthPrecision.YEAR,
    )
    weight_kg = models.DecimalField(
        _("weight (kg)"), max_digits=5, decimal_places=2, null=True, blank=True
    )
    colours = models.JSONField(_("colours"), default=list, blank=True)
    neutered = models.BooleanField(_("neutered"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.DRAFT)
    bonded_with = models.OneToOneField(
        "self",
        verbose_name=_("bonded with"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    description = models.TextField(_("description"), blank=True)
    health = models.TextField(
        _("health"),
        blank=True,
        db_default="",
        help_text="vaccinations, medicines, what needs care; staff's words",
    )
    tags = models.JSONField(_("tags"), default=list, blank=True)
    external_id = models.CharField(max_length=120, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    listed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = DogQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["status", "shelter"]),
            models.Index(fields=["status", "-listed_at"]),
            models.Index(fields=["updated_at"]),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(weight_kg__isnull=True) | Q(weight_kg__gt=0, weight_kg__lte=120),
                name="dog_weight_is_plausible",
            ),
            models.CheckConstraint(
                condition=Q(bonded_with__isnull=True) | ~Q(bonded_with=F("pk")),
                name="dog_is_not_bonded_with_itself",
            ),
            models.UniqueConstraint(
                fields=["shelter", "external_id"],
                condition=~Q(external_id=""),
                name="one_dog_per_external_id",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TemperamentValue(models.Model):
    """One known trait of one dog, with who set it and when. No row means unknown."""

    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="temperament")
    trait = models.CharField(max_length=24, choices=Trait)
    answer = models.CharField(max_length=10, choices=Answer, blank=True)
    level = models.PositiveSmallIntegerField(null=True, blank=True)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    set_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dog", "trait"], name="one_value_per_trait"),
            models.CheckConstraint(
                condition=Q(
                    trait__in=[t.value for t in ANSWER_TRAITS],
                    answer__in=[a.value for a in Answer],
                    level__isnull=True,
                )
                | Q(
                    trait__in=[t.value for t in SCALE_TRAITS],
                    answer="",
                    level__gte=SCALE.start,
                    level__lt=SCALE.stop,
                ),
                name="temperament_value_suits_its_trait",
            ),
        ]
        indexes = [models.Index(fields=["trait", "answer", "level", "dog"])]

    def __str__(self) -> str:
        return f"{self.trait}: {self.answer or self.level}"


class DogEvent(models.Model):
    """A change of a dog's status that others may want to hear of, written in its transaction.

    Ids can become visible out of order: readers ask which events they have not handled yet, never
    only for those after the last id.
    """

    class Kind(models.TextChoices):
        LISTED = "listed", _("listed for the first time")
        RELISTED = "relisted", _("listed again")
        ON_HOLD = "on_hold", _("on hold")
        ADOPTED = "adopted", _("adopted")
        WITHDRAWN = "withdrawn", _("withdrawn")

    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=10, choices=Kind)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.dog_id} {self.kind}"


class DogChange(models.Model):
    """Who changed what of a dog, for its shelter's staff only. `by` nobody: a feed or a program.

    `field` is a field of Dog, a trait, or one of `MORE`; `before` and `after` are its values as
    JSON, null where there was none.
    """

    # What is no field: its first row, and its photos, of which the values are counts.
    MORE = ("created", "photos", "photo_order", "photo_cropped")

    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="changes")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    at = models.DateTimeField(auto_now_add=True)
    field = models.CharField(max_length=24)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["dog", "-id"])]

    def __str__(self) -> str:
        return f"{self.dog_id} {self.field}"


def random_name() -> str:
    """An unguessable file stem: file names never come from the uploader."""
    return secrets.token_hex(16)


class PhotoQuerySet(models.QuerySet["Photo"]):
    def adoptable(self) -> PhotoQuerySet:
        return self.filter(dog__status=Dog.Status.AVAILABLE)

    def editable_by(self, user: User | AnonymousUser) -> PhotoQuerySet:
        return self.filter(dog__in=Dog.objects.editable_by(user))

    def visible_to(self, user: User | AnonymousUser) -> PhotoQuerySet:
        return self.filter(dog__in=Dog.objects.visible_to(user))

    def shown(self) -> PhotoQuerySet:
        """Photos with a picture to show: prepared, whether or not a dog was found in them."""
        return self.exclude(image="")


class Photo(models.Model):
    """A photo of a listed dog.

    `upload` holds the bytes as they came, in private storage, only until a worker has decoded
    them; `image` and `thumbnail` are the re-encoded, upright, metadata-free pictures people see.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SEARCHABLE = "searchable", _("searchable")
        NO_DOG = "no_dog", _("no dog found")
        UNREADABLE = "unreadable", _("unreadable")
        FAILED = "failed", _("failed")

    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="photos")
    position = models.PositiveSmallIntegerField(default=0)
    name = models.CharField(max_length=32, unique=True, default=random_name, editable=False)
    sha256 = models.CharField(max_length=64, editable=False)
    upload = models.FileField(max_length=200, blank=True, editable=False)
    image = models.FileField(max_length=200, blank=True, editable=False)
    thumbnail = models.FileField(max_length=200, blank=True, editable=False)
    variants = models.JSONField(
        null=True,
        editable=False,
        help_text="stored names of the picture in other sizes and formats, by size; null until a "
        "worker has turned to it, {} where it goes without",
    )
    crop = models.JSONField(
        null=True,
        editable=False,
        help_text="[x0, y0, x1, y1] as fractions: what a worker is to cut out of it",
    )
    width = models.PositiveIntegerField(default=0, editable=False)
    height = models.PositiveIntegerField(default=0, editable=False)
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    error_code = models.CharField(max_length=40, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PhotoQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["dog", "sha256"], name="one_copy_of_a_photo_per_dog"),
        ]
        indexes = [
            models.Index(fields=["state"]),
            # Asked for a few times a minute, and nearly always empty.
            models.Index(
                fields=["id"], condition=Q(variants__isnull=True), name="photos_without_variants"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dog} #{self.position}"

    @property
    def files(self) -> list[str]:
        """Stored names of all its files."""
        variants = (self.variants or {}).values()
        names = [self.upload.name, self.image.name, self.thumbnail.name, *variants]
        return [name for name in names if name]

    @property
    def can_retry(self) -> bool:
        """Whether trying again is of use: it was not found fit, and its file is still there."""
        settled = self.state in (self.State.FAILED, self.State.NO_DOG)
        return settled and bool(self.upload or self.image)


class PartialUpload(models.Model):
    """A photo on its way in pieces, so that a lost connection costs one piece and no photo.

    Each piece is a file of its own, in order; `dog` is the one it is for, if that exists already.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, null=True, related_name="+")
    name = models.CharField(max_length=200)
    length = models.PositiveIntegerField()
    received = models.PositiveIntegerField(default=0)
    pieces = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(received__lte=F("length"), length__gt=0),
                name="upload_is_no_longer_than_said",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.received}/{self.length}"

    @property
    def is_complete(self) -> bool:
        return self.received == self.length
