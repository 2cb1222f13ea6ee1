"""What the models computed and what was found with it.

Embeddings and keypoints are immutable rows keyed (photo, model version). An adopter's own photo
has its features on the Query row, apart from the dogs', and goes with it.
"""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.dogs.models import Dog, Photo

if TYPE_CHECKING:
    from django.http import HttpRequest


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def active(self) -> ModelVersionQuerySet:
        return self.filter(state=ModelVersion.State.ACTIVE)


class ModelVersion(models.Model):
    """One set of models (subject, embedder, keypoints) by which photos were described.

    `build` counts how often the same models were run over all photos anew.
    """

    class State(models.TextChoices):
        AVAILABLE = "available", _("available")
        BUILDING = "building", _("building")
        ACTIVE = "active", _("live")
        RETIRED = "retired", _("kept for rollback")

    name = models.CharField(max_length=60)
    title = models.CharField(max_length=120, blank=True)
    fingerprint = models.CharField(max_length=64)
    build = models.PositiveSmallIntegerField(default=1)
    spec = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.AVAILABLE)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, blank=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["fingerprint", "build"], name="one_row_per_build"),
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="active"), name="one_active_version"
            ),
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="building"), name="one_building_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} · {self.fingerprint[:8]} · {self.build}"


class Embedding(models.Model):
    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="embeddings")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="embeddings")
    vector = models.BinaryField(help_text="128 little-endian float32, length 1")
    breeds = models.JSONField(
        null=True, help_text="[[slug, probability], …], likeliest first; null where none were told"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["photo", "version"], name="one_embedding_per_version"),
        ]
        indexes = [models.Index(fields=["version", "id"])]

    def __str__(self) -> str:
        return f"embedding {self.pk}"


class Keypoints(models.Model):
    """Points of a listed photo: `points` is [[x, y, score], …], x and y as fractions of the shown
    picture's width and height, in the order of the version's spec; `box` is [x0, y0, x1, y1] in
    the same fractions."""

    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="keypoints")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="keypoints")
    points = models.JSONField()
    box = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "keypoints"
        constraints = [
            models.UniqueConstraint(fields=["photo", "version"], name="one_keypoints_per_version"),
        ]

    def __str__(self) -> str:
        return f"keypoints {self.pk}"


class Rejection(models.Model):
    """A photo in which a version's models found no dog: an answer too, so not pending."""

    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="rejections")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="rejections")
    code = models.CharField(max_length=40)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["photo", "version"], name="one_rejection_per_version"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.photo_id}"


def query_token() -> str:
    return secrets.token_urlsafe(24)


class QueryQuerySet(models.QuerySet["Query"]):
    def expired(self) -> QueryQuerySet:
        return self.filter(expires_at__lte=timezone.now())

    def owned_by(self, request: HttpRequest) -> QueryQuerySet:
        """Queries of this signed-in user or, for a visitor, of this browser session."""
        owned = Q(owner_key=request.session.session_key or "-")
        if request.user.is_authenticated:
            owned |= Q(owner=request.user)
        return self.filter(owned, expires_at__gt=timezone.now())

    def owned_by_key(self, key: str) -> QueryQuerySet:
        """Queries of a caller without account and session, who showed this key."""
        return self.filter(owner_key=key, expires_at__gt=timezone.now())


class Query(models.Model):
    """An adopter's photo, private to its owner, gone with everything computed from it at expiry."""

    class Purpose(models.TextChoices):
        SEARCH = "search", _("search")
        SIMILAR_DOG = "similar_dog", _("most similar dog")
        PREDICT = "predict", _("breeds")

    class Subject(models.TextChoices):
        DOG = "dog", _("dog")
        DOG_OR_PERSON = "dog_or_person", _("dog or person")
        PERSON = "person", _("person")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="queries",
    )
    purpose = models.CharField(max_length=12, choices=Purpose, default=Purpose.SEARCH)
    subject = models.CharField(max_length=16, choices=Subject, default=Subject.DOG)
    lost = models.BooleanField(
        default=False, help_text="somebody's own dog: compared with all dogs in shelters"
    )
    face = models.JSONField(
        null=True, help_text="a person's face as ratios by name: all that is kept of it"
    )
    owner_key = models.CharField(max_length=40, blank=True)
    upload = models.FileField(max_length=200, blank=True)
    image = models.FileField(max_length=200, blank=True)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    version = models.ForeignKey(
        ModelVersion, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    vector = models.BinaryField(null=True)
    points = models.JSONField(null=True)
    box = models.JSONField(null=True)
    breeds = models.JSONField(
        null=True, help_text="[[slug, probability], …], likeliest first; [] where none is told"
    )
    error_code = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    objects = QueryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "queries"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def mode(self) -> str:
        """What the photo is of: a dog somebody likes, their own face, their lost dog."""
        if self.subject == self.Subject.PERSON:
            return "face"
        return "lost" if self.lost else "like"

    @property
    def is_described(self) -> bool:
        """Whether a worker has seen what dogs are compared with."""
        return self.vector is not None or self.face is not None


class EndedQuery(models.Model):
    """That a query was there: a hash of its unguessable id and nothing else, so that whoever has
    its address hears that it has ended, and not that it never was."""

    digest = models.CharField(max_length=64, unique=True)
    ended_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return self.digest


class Ranking(models.Model):
    """The dogs most alike a query photo, or a listed dog, under one set of filters.

    `filters` is canonical (see portal.matching.filters), `filters_key` its hash; `up_to` is the
    largest embedding id that was in the index, so that a newer listing makes the ranking stale.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    query = models.ForeignKey(
        Query, on_delete=models.CASCADE, null=True, blank=True, related_name="rankings"
    )
    dog = models.ForeignKey(
        Dog, on_delete=models.CASCADE, null=True, blank=True, related_name="rankings"
    )
    filters = models.JSONField(default=dict)
    filters_key = models.CharField(max_length=64)
    version = models.ForeignKey(
        ModelVersion, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    candidates = models.PositiveIntegerField(default=0)
    up_to = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    ranked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(query__isnull=False, dog__isnull=True)
                | Q(query__isnull=True, dog__isnull=False),
                name="ranking_has_one_source",
            ),
            models.UniqueConstraint(
                fields=["query", "filters_key"],
                condition=Q(query__isnull=False),
                name="one_ranking_per_query_and_filters",
            ),
            models.UniqueConstraint(
                fields=["dog", "filters_key"],
                condition=Q(dog__isnull=False),
                name="one_ranking_per_dog_and_filters",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class MatchQuerySet(models.QuerySet["Match"]):
    def shown(self) -> MatchQuerySet:
        """Matches whose dog may still be shown to this ranking's reader: one that can be adopted
        now, or any in a shelter's public list where somebody looks for their own."""
        lost = Q(ranking__query__lost=True, dog__status=Dog.Status.ON_HOLD)
        return self.filter(Q(dog__status=Dog.Status.AVAILABLE) | lost)

    def adoptable(self) -> MatchQuerySet:
        """Matches whose dog can still be adopted now, whatever was true when they were stored."""
        return self.filter(dog__status=Dog.Status.AVAILABLE)


class Match(models.Model):
    ranking = models.ForeignKey(Ranking, on_delete=models.CASCADE, related_name="matches")
    rank = models.PositiveSmallIntegerField()
    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="+")
    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="+")
    similarity = models.FloatField(help_text="cosine of the two embeddings, -1 to 1")
    score = models.PositiveSmallIntegerField(help_text="likeness shown to people, 0 to 100")
    band = models.CharField(max_length=8, choices=[(b, b) for b in ("strong", "weak", "none")])

    objects = MatchQuerySet.as_manager()

    class Meta:
        ordering = ["rank"]
        constraints = [
            models.UniqueConstraint(fields=["ranking", "rank"], name="one_match_per_rank"),
            models.UniqueConstraint(fields=["ranking", "dog"], name="one_match_per_dog"),
        ]

    def __str__(self) -> str:
        return f"#{self.rank} {self.dog}"


class FavouriteQuerySet(models.QuerySet["Favourite"]):
    def owned_by(self, request: HttpRequest) -> FavouriteQuerySet:
        """Of this signed-in user or, for a visitor, of this browser session."""
        if request.user.is_authenticated:
            return self.filter(owner=request.user)
        return self.filter(owner=None, owner_key=request.session.session_key or "-")


class Favourite(models.Model):
    """A dog that somebody wants to find again; one that was adopted since is shown as gone."""

    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="favourites")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="favourites"
    )
    owner_key = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = FavouriteQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["dog", "owner"],
                condition=Q(owner__isnull=False),
                name="one_favourite_per_user_and_dog",
            ),
            models.UniqueConstraint(
                fields=["dog", "owner_key"],
                condition=Q(owner__isnull=True),
                name="one_favourite_per_session_and_dog",
            ),
            models.CheckConstraint(
                condition=Q(owner__isnull=False) | ~Q(owner_key=""), name="favourite_has_an_owner"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dog} ♥"


class SavedSearchQuerySet(models.QuerySet["SavedSearch"]):
    def current(self) -> SavedSearchQuerySet:
        return self.filter(expires_at__gt=timezone.now())

    def active(self) -> SavedSearchQuerySet:
        """Confirmed by who owns the address, and not expired."""
        return self.current().filter(confirmed_at__isnull=False)


class SavedSearch(models.Model):
    """Somebody who wants to hear of new dogs like one: like a listed dog, or like a photo.

    An adopter's photo and all that was computed from it live a day. To hear of dogs like it for
    longer, its owner agrees that the description (128 numbers, no photo) is kept; which words they
    agreed to, and when, is in the row. It goes when they unsubscribe, and after 90 days.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="saved_searches"
    )
    email = models.EmailField()
    language = models.CharField(max_length=8, default="en")
    filters = models.JSONField(default=dict)
    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, null=True, related_name="+")
    vector = models.BinaryField(null=True)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, null=True, related_name="+")
    consent = models.CharField(max_length=40, blank=True, help_text="version of the words")
    consented_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True, help_text="when the last e-mail went")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    objects = SavedSearchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "saved searches"
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(dog__isnull=False, vector__isnull=True, version__isnull=True)
                | Q(dog__isnull=True, vector__isnull=False, version__isnull=False) & ~Q(consent=""),
                name="saved_search_is_like_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Alert(models.Model):
    """A new dog that somebody is to hear of, once."""

    search = models.ForeignKey(SavedSearch, on_delete=models.CASCADE, related_name="alerts")
    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="+")
    score = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-score"]
        constraints = [
            models.UniqueConstraint(fields=["search", "dog"], name="one_alert_per_dog"),
        ]

    def __str__(self) -> str:
        return f"{self.search_id}: {self.dog}"


class Click(models.Model):
    """Somebody opened a dog from an answer, counted once a match. Who it was is nowhere: the match,
    and with it the way back to a photo, goes within a day, and the numbers stay."""

    match = models.OneToOneField(Match, on_delete=models.SET_NULL, null=True, related_name="click")
    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="+")
    rank = models.PositiveSmallIntegerField()
    score = models.PositiveSmallIntegerField()
    band = models.CharField(max_length=8)
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"#{self.rank} {self.dog}"


class DuplicateHint(models.Model):
    """Two dogs whose photos look so much the same that they may be one dog, listed twice.

    `dog` is the one listed first. Once somebody has decided, the pair is not shown again.
    """

    class State(models.TextChoices):
        OPEN = "open", _("not decided")
        DIFFERENT = "different", _("different dogs")
        SAME = "same", _("the same dog")

    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="+")
    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="+")
    other_photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="+")
    similarity = models.FloatField(help_text="cosine of the two embeddings, -1 to 1")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    found_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-similarity", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["dog", "other"], name="one_hint_per_pair"),
            models.CheckConstraint(condition=Q(dog__lt=models.F("other")), name="hint_is_ordered"),
        ]
        indexes = [models.Index(fields=["state", "-similarity"])]

    def __str__(self) -> str:
        return f"{self.dog_id} = {self.other_id}? {self.similarity:.2f}"


class Retention(models.Model):
    """How long things of people are kept, where an admin chose a time shorter than the settings'.

    One row at most. The settings QUERY_LIFETIME_HOURS, SAVED_SEARCH_DAYS and PREDICTIONS_KEPT_DAYS
    are what the installation promises: the longest that may be chosen.
    """

    query_hours = models.PositiveSmallIntegerField()
    saved_search_days = models.PositiveSmallIntegerField()
    predictions_days = models.PositiveSmallIntegerField()
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "retention"
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="one_retention"),
            models.CheckConstraint(
                condition=Q(query_hours__gte=1, saved_search_days__gte=1, predictions_days__gte=1),
                name="retention_is_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.query_hours} h, {self.saved_search_days} d, {self.predictions_days} d"
