"""Delete what has had its time: `manage.py purge_expired`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand

from portal.api.purging import empty_journal, purge_expired


class Command(BaseCommand):
    help = (
        "Delete expired searches with their photos, old rankings, expired saved searches, answers "
        "kept for repeated calls, and old predictions. The scheduler does the same every minute."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object as last line")

    def handle(self, **options: Any) -> None:
        counts = purge_expired()
        empty_journal()
        if options["json"]:
            self.stdout.write(json.dumps(counts))
            return
        for name, count in counts.items():
            self.stdout.write(f"{count:6} {name.replace('_', ' ')}")
