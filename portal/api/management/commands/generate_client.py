"""Write the Python client anew: `manage.py generate_client`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from portal.api.client import generate
from portal.api.schema import whole_schema

PLACE = Path(settings.BASE_DIR) / "static" / "client" / "pawkin.py"


class Command(BaseCommand):
    help = "Write the Python client (static/client/pawkin.py) from the schema."

    def handle(self, **options: Any) -> None:
        PLACE.parent.mkdir(exist_ok=True)
        PLACE.write_text(generate(whole_schema()))
        self.stdout.write(f"{PLACE.relative_to(settings.BASE_DIR)} is written.")
