"""A new shelter: `manage.py createshelter NAME`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.forms import ValidationError

from portal.accounts.models import User
from portal.shelters.services import add_member, create_shelter


class Command(BaseCommand):
    help = "Create a shelter and let the accounts given with --staff edit its dogs."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME")
        for option in ("--city", "--address", "--phone", "--email", "--opening-hours"):
            parser.add_argument(option, default="")
        parser.add_argument(
            "--staff", action="append", default=[], metavar="EMAIL", help="may be repeated"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object as last line")

    def handle(self, *, name: str, staff: list[str], **options: Any) -> None:
        if not name.strip() or len(name) > 120:
            raise CommandError("Give the shelter a name of at most 120 letters.")
        if options["email"]:
            try:
                validate_email(options["email"])
            except ValidationError as error:
                raise CommandError(f"{options['email']} is no e-mail address.") from error
        users = {email: User.objects.filter(email__iexact=email).first() for email in staff}
        unknown = [email for email, user in users.items() if user is None]
        if unknown:
            raise CommandError(f"There is no account of {', '.join(unknown)}. Create it first.")
        fields = ("city", "address", "phone", "email", "opening_hours")
        shelter = create_shelter(name=name.strip(), **{field: options[field] for field in fields})
        for user in users.values():
            if user is not None:
                add_member(shelter=shelter, user=user)
        if options["json"]:
            self.stdout.write(json.dumps({"slug": shelter.slug, "staff": list(users)}))
        else:
            self.stdout.write(f"{shelter.name} is created. Its address name: {shelter.slug}")
