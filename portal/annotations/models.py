"""What people say of a photo: where the dog's points are, what it does, which way it faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q

from portal.dogs.models import Photo
from portal.matching.models import Posture, View

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User

MOST_DOGS = 20


class AnnotationQuerySet(models.QuerySet["Annotation"]):
    def complete(self) -> AnnotationQuerySet:
        """Those that say something, photos left out not among them."""
        return self.filter(skipped=False)

    def newest(self) -> AnnotationQuerySet:
        """The truth of each photo: of several people's annotations the one written last. That
        somebody left the photo out takes nothing from it."""
        others = Annotation.objects.complete().filter(photo=OuterRef("photo"))
        later = Q(updated_at__gt=OuterRef("updated_at"))
        later |= Q(updated_at=OuterRef("updated_at"), pk__gt=OuterRef("pk"))
        return self.complete().exclude(Exists(others.filter(later)))

    def visible_to(self, user: User | AnonymousUser) -> AnnotationQuerySet:
        """Of photos of one's own shelters' dogs, whoever made them; an admin sees all."""
        return self.filter(photo__in=Photo.objects.editable_by(user))


class Annotation(models.Model):
    """One person's view of one photo.

    `points` is [[x, y, v], …] in the order of `ml.skeleton.KEYPOINTS`, x and y as fractions of the
    shown picture's width and height, v as COCO has it: 2 visible, 1 hidden and yet clear, 0 not to
    be placed, which is [0, 0, 0]. `box` is [x0, y0, x1, y1] of the most prominent dog in the same
    fractions, `n_dogs` how many there are. Who found nothing to annotate has `skipped` the photo,
    and the rest is empty. `by` is nobody once the account is gone.
    """

    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="annotations")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="annotations"
    )
    skipped = models.BooleanField(default=False)
    points = models.JSONField(null=True)
    box = models.JSONField(null=True)
    posture = models.CharField(max_length=10, choices=Posture, blank=True)
    view = models.CharField(max_length=12, choices=View, blank=True)
    n_dogs = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["photo", "by"], name="one_annotation_per_person"),
            models.CheckConstraint(
                condition=Q(
                    skipped=True,
                    points__isnull=True,
                    box__isnull=True,
                    posture="",
                    view="",
                    n_dogs=0,
                )
                | Q(
                    skipped=False,
                    points__isnull=False,
                    box__isnull=False,
                    posture__in=Posture.values,
                    view__in=View.values,
                    n_dogs__gte=1,
                    n_dogs__lte=MOST_DOGS,
                ),
                name="annotation_is_whole_or_skipped",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.photo_id} by {self.by_id}"

    @property
    def pixels(self) -> list[tuple[float, float, int]]:
        """The points with x and y in pixels of the picture; none of a photo left out."""
        width, height = self.photo.width, self.photo.height
        return [(x * width, y * height, v) for x, y, v in self.points or []]

    @property
    def frame(self) -> tuple[float, float, float, float]:
        """The box as x, y, width, height in pixels of the picture."""
        x0, y0, x1, y1 = self.box or (0, 0, 0, 0)
        width, height = self.photo.width, self.photo.height
        return x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height
