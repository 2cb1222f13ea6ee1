"""What versions of the models saw in listed photos: immutable rows keyed (photo, version)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.dogs.models import Dog, Photo


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


class Posture(models.TextChoices):
    """What the dog in a photo does; in the order and words of `ml.traits`."""

    STANDING = "standing", _("standing")
    SITTING = "sitting", _("sitting")
    LYING = "lying", _("lying")
    OTHER = "other", _("cannot be told")


class View(models.TextChoices):
    """The way the dog faces in the picture; in the words of `ml.traits`."""

    FRONT = "front", _("from the front")
    FRONT_LEFT = "front-left", _("half from the front, facing left")
    FRONT_RIGHT = "front-right", _("half from the front, facing right")
    LEFT = "left", _("from the side, facing left")
    RIGHT = "right", _("from the side, facing right")
    BACK = "back", _("from behind")
    BACK_LEFT = "back-left", _("half from behind, facing left")
    BACK_RIGHT = "back-right", _("half from behind, facing right")


class Embedding(models.Model):
    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="embeddings")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="embeddings")
    vector = models.BinaryField(help_text="128 little-endian float32, length 1")
    breeds = models.JSONField(
        null=True, help_text="[[slug, probability], …], likeliest first; null where none were told"
    )
    coat = models.BinaryField(
        null=True,
        help_text="colours of the coat, little-endian float32, see ml.coat; null: not seen",
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
    the same fractions. Posture and view are empty where the version tells none. `face` holds the
    face's ratios as {name: [value, confidence]}, and as `measure` the way they were measured in
    (ml.faces.MEASURE); null until they are measured."""

    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="keypoints")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="keypoints")
    points = models.JSONField()
    box = models.JSONField()
    posture = models.CharField(
        max_length=10, choices=Posture, blank=True, default="", db_default=""
    )
    view = models.CharField(max_length=12, choices=View, blank=True, default="", db_default="")
    face = models.JSONField(null=True)
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
