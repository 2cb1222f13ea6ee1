"""A token for a program: `manage.py createtoken EMAIL NAME`."""

from __future__ import annotations

import argparse
import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal.accounts.models import User
from portal.api.models import ApiToken
from portal.api.services import create_token
from portal.shelters.models import Shelter


class Command(BaseCommand):
    help = (
        "Make an API token of an account and print it, this once. It reads what its account may; "
        "scopes allow more. Revoke it with DELETE /api/v1/tokens/ID/ in the browser's session."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("name", metavar="NAME", help="what it is for")
        parser.add_argument(
            "--scope", action="append", default=[], choices=ApiToken.Scope.values,
            help="may be repeated",
        )  # fmt: skip
        parser.add_argument("--shelter", metavar="SLUG", help="only for dogs of this shelter")
        parser.add_argument("--days", type=int, help="expires after so many days")
        parser.add_argument("--json", action="store_true", help="one JSON object as last line")

    def handle(self, *, email: str, name: str, **options: Any) -> None:
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            raise CommandError(f"There is no account of {email}. Create it first.")
        if ApiToken.Scope.ADMIN in options["scope"] and not user.is_admin:
            raise CommandError("Only an admin's token can have the scope admin.")
        shelter = None
        if options["shelter"]:
            shelter = Shelter.objects.staffed_by(user).filter(slug=options["shelter"]).first()
            if shelter is None:
                raise CommandError(f"{email} does not work for a shelter {options['shelter']}.")
        days = options["days"]
        token, secret = create_token(
            user=user,
            name=name[:80],
            scopes=options["scope"],
            shelter=shelter,
            expires_at=timezone.now() + timedelta(days=days) if days else None,
        )
        told = json.dumps({"id": token.pk, "token": secret})
        self.stdout.write(told if options["json"] else secret)
