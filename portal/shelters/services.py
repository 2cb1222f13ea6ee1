"""Writes on shelters and who works for them."""

from __future__ import annotations

from django.db import transaction
from django.utils.text import slugify

from portal.accounts.models import User
from portal.shelters.models import Membership, Shelter
from portal.shelters.places import place_of


@transaction.atomic
def create_shelter(
    *,
    name: str,
    city: str = "",
    address: str = "",
    phone: str = "",
    email: str = "",
    opening_hours: str = "",
) -> Shelter:
    """A new shelter; two of the same name get different address names. Where it lies is read from
    its address, to a few kilometres."""
    place = place_of(address) or place_of(city)
    return Shelter.objects.create(
        name=name,
        slug=free_slug(name),
        city=city,
        address=address,
        phone=phone,
        email=email,
        opening_hours=opening_hours,
        latitude=place.point.latitude if place else None,
        longitude=place.point.longitude if place else None,
    )


def add_member(*, shelter: Shelter, user: User) -> Membership:
    """Lets this user edit the shelter's dogs; unchanged when they already may."""
    membership, _ = Membership.objects.get_or_create(shelter=shelter, user=user)
    return membership


def free_slug(name: str) -> str:
    stem = slugify(name, allow_unicode=True)[:130].strip("-") or "shelter"
    slug, number = stem, 1
    while Shelter.objects.filter(slug=slug).exists():
        number += 1
        slug = f"{stem}-{number}"
    return slug
