"""Questions about a dog to its shelter, and the answers."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import OuterRef, Prefetch, Q, Subquery
from django.utils.translation import gettext_lazy as _

from portal.dogs.models import Dog, Photo
from portal.shelters.models import Shelter

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User


class EnquiryQuerySet(models.QuerySet["Enquiry"]):
    def confirmed(self) -> EnquiryQuerySet:
        """Of people whose address is proved: shelters see no others."""
        return self.filter(confirmed_at__isnull=False)

    def for_staff(self, user: User | AnonymousUser) -> EnquiryQuerySet:
        return self.confirmed().filter(shelter__in=Shelter.objects.staffed_by(user))

    def visible_to(self, user: User | AnonymousUser) -> EnquiryQuerySet:
        """One's own, and those that one's shelters got."""
        if not user.is_authenticated:
            return self.none()
        mine = Q(user=user)
        return self.filter(
            mine | Q(confirmed_at__isnull=False, shelter__in=Shelter.objects.staffed_by(user))
        )

    def for_rows(self) -> EnquiryQuerySet:
        """The same with what a row of a list shows: dog, its photos, shelter, `last_words`."""
        photos = Prefetch("dog__photos", Photo.objects.shown(), to_attr="shown_photos")
        latest = Message.objects.filter(enquiry=OuterRef("pk")).order_by("-pk")
        with_words = self.annotate(last_words=Subquery(latest.values("text")[:1]))
        return with_words.select_related("dog", "shelter").prefetch_related(photos)


class Enquiry(models.Model):
    """One person about one dog. The shelter is the dog's at the time of asking."""

    class State(models.TextChoices):
        NEW = "new", _("new")
        READ = "read", _("read")
        ANSWERED = "answered", _("answered")
        CLOSED = "closed", _("closed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="enquiries")
    shelter = models.ForeignKey(Shelter, on_delete=models.CASCADE, related_name="enquiries")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="enquiries"
    )
    name = models.CharField(max_length=80)
    email = models.EmailField()
    language = models.CharField(max_length=8, default="en")
    state = models.CharField(max_length=10, choices=State, default=State.NEW)
    confirmed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = EnquiryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "enquiries"
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["shelter", "state", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.name}: {self.dog}"


class Message(models.Model):
    enquiry = models.ForeignKey(Enquiry, on_delete=models.CASCADE, related_name="messages")
    from_shelter = models.BooleanField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    text = models.TextField(max_length=4000)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.text[:40]
