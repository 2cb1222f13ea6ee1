"""Searches, and what was found: an adopter's photo has its features here, apart from the dogs', and
goes with them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.dogs.models import Dog, Photo
from portal.matching.models.described import ModelVersion, Posture, View
from portal.matching.models.learnt import FusionWeights

if TYPE_CHECKING:
    from django.http import HttpRequest


class QueryQuerySet(models.QuerySet["Query"]):
    def expired(self) -> QueryQuerySet:
        return self.filter(expires_at__lte=timezone.now())

    def current(self) -> QueryQuerySet:
        return self.filter(expires_at__gt=timezone.now())

    def to_describe(self) -> QueryQuerySet:
        """Photos of dogs that no version has described yet."""
        return self.filter(version=None, error_code="").exclude(subject=Query.Subject.PERSON)

    def owned_by(self, request: HttpRequest) -> QueryQuerySet:
        """Queries of this signed-in user or, for a visitor, of this browser session."""
        owned = Q(owner_key=request.session.session_key or "-")
        if request.user.is_authenticated:
            owned |= Q(owner=request.user)
        return self.current().filter(owned)

    def owned_by_key(self, key: str) -> QueryQuerySet:
        """Queries of a caller without account and session, who showed this key."""
        return self.current().filter(owner_key=key)


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
    purpose = models.CharField(
        max_length=12, choices=Purpose, default=Purpose.SEARCH, db_default="search"
    )
    subject = models.CharField(
        max_length=16, choices=Subject, default=Subject.DOG, db_default="dog"
    )
    lost = models.BooleanField(
        default=False,
        db_default=False,
        help_text="somebody's own dog: compared with all dogs in shelters",
    )
    face = models.JSONField(
        null=True, help_text="a person's face as ratios by name: all that is kept of it"
    )
    consent = models.CharField(
        max_length=40, blank=True, db_default="", help_text="version of the words, of a face's"
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
    posture = models.CharField(
        max_length=10, choices=Posture, blank=True, default="", db_default=""
    )
    view = models.CharField(max_length=12, choices=View, blank=True, default="", db_default="")
    coat = models.BinaryField(null=True, help_text="as of Embedding")
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

    @property
    def mode(self) -> str:
        """Of the likeness, see `ml.fusion.MODES`: a dog that looks like this one, or this one."""
        return "lost" if self.query is not None and self.query.lost else "like"


class MatchQuerySet(models.QuerySet["Match"]):
    def shown(self) -> MatchQuerySet:
        """Matches whose dog may still be shown to this ranking's reader: one that can be adopted
        now, or any in a shelter's public list where somebody looks for their own."""
        lost = Q(ranking__query__lost=True, dog__status=Dog.Status.ON_HOLD)
        return self.filter(Q(dog__status=Dog.Status.AVAILABLE) | lost)

    def with_weights(self) -> MatchQuerySet:
        """Each with the learnt weights that count now as `learnt_weights`, None where the fixed
        ones do: the words on a card need them, and no list can afford another query."""
        active = FusionWeights.objects.active().values("weights")[:1]
        return self.annotate(learnt_weights=Subquery(active))

    def adoptable(self) -> MatchQuerySet:
        """Matches whose dog can still be adopted now, whatever was true when they were stored."""
        return self.filter(dog__status=Dog.Status.AVAILABLE)


class Match(models.Model):
    ranking = models.ForeignKey(Ranking, on_delete=models.CASCADE, related_name="matches")
    rank = models.PositiveSmallIntegerField()
    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="+")
    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="+")
    similarity = models.FloatField(help_text="of the whole likeness, as a cosine, -1 to 1")
    score = models.PositiveSmallIntegerField(help_text="likeness shown to people, 0 to 100")
    band = models.CharField(max_length=8, choices=[(b, b) for b in ("strong", "weak", "none")])
    parts = models.JSONField(
        null=True,
        help_text="what is alike, {part: 0 to 1}, parts as in ml.fusion; unknown ones absent",
    )

    objects = MatchQuerySet.as_manager()

    class Meta:
        ordering = ["rank"]
        constraints = [
            models.UniqueConstraint(fields=["ranking", "rank"], name="one_match_per_rank"),
            models.UniqueConstraint(fields=["ranking", "dog"], name="one_match_per_dog"),
        ]

    def __str__(self) -> str:
        return f"#{self.rank} {self.dog}"


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


class NotAlike(models.Model):
    """Somebody does not want to see a dog in one answer: to their photo (`query`), with which this
    goes, or to a listed dog (`source`), where it goes after a day."""

    query = models.ForeignKey(Query, on_delete=models.CASCADE, null=True, related_name="not_alike")
    source = models.ForeignKey(Dog, on_delete=models.CASCADE, null=True, related_name="+")
    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+"
    )
    owner_key = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        verbose_name_plural = "not alike"
        constraints = [
            models.CheckConstraint(
                condition=Q(query__isnull=False, source__isnull=True, owner__isnull=True)
                & Q(owner_key="")
                | Q(query__isnull=True, source__isnull=False)
                & (Q(owner__isnull=False) | ~Q(owner_key="")),
                name="not_alike_is_of_one_answer",
            ),
            models.UniqueConstraint(
                fields=["query", "dog"],
                condition=Q(query__isnull=False),
                name="not_alike_once_a_query",
            ),
            models.UniqueConstraint(
                fields=["source", "dog", "owner"],
                condition=Q(query__isnull=True, owner__isnull=False),
                name="not_alike_once_a_user",
            ),
            models.UniqueConstraint(
                fields=["source", "dog", "owner_key"],
                condition=Q(query__isnull=True, owner__isnull=True),
                name="not_alike_once_a_visitor",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dog} ≠"
