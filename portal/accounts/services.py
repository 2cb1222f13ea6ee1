"""Writes on accounts."""

from __future__ import annotations

from django.db import transaction

from portal.accounts.models import User


@transaction.atomic
def set_up_user(*, email: str, password: str, display_name: str = "", admin: bool = False) -> User:
    """The account of this address with this password, made if there is none."""
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        create = User.objects.create_superuser if admin else User.objects.create_user
        return create(email, password, display_name=display_name)
    user.set_password(password)
    user.save(update_fields=["password"])
    return user
