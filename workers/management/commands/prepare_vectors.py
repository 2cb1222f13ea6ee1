"""Have pgvector ready before workers need it: `manage.py prepare_vectors`."""

from __future__ import annotations

import argparse
import json
import re
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.matching.models import ModelVersion
from portal.matching.services import CURRENT
from workers.pgvector_store import PgvectorMissing, PgVectors, drop_abandoned


class Command(BaseCommand):
    help = (
        "With VECTOR_STORE=pgvector: copy the vectors of the live version, and of the one that is "
        "being built, into their tables, build the graphs that searches follow, and drop tables "
        "of versions that are gone. Nobody is held up, and what is there already stays."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--memory",
            default="",
            metavar="SIZE",
            help="what PostgreSQL may take for a graph, as 1GB; about 1 kB a photo makes it fast "
            "(default: its maintenance_work_mem)",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object as last line")

    def handle(self, *, memory: str, **options: Any) -> None:
        if settings.VECTOR_STORE != "pgvector":
            raise CommandError("VECTOR_STORE is memory: there is nothing to prepare.")
        if memory and not re.fullmatch(r"[0-9]+(kB|MB|GB)", memory):
            raise CommandError(f"{memory} is no size: give one as 512MB or 2GB.")
        prepared = []
        try:
            for version in ModelVersion.objects.filter(state__in=CURRENT).order_by("pk"):
                begun = time.monotonic()
                store = PgVectors(version.pk)
                store.catch_up()
                store.build(memory)
                seconds = round(time.monotonic() - begun, 1)
                number = store.count()
                prepared.append({"version": version.pk, "rows": number, "seconds": seconds})
                if not options["json"]:
                    self.stdout.write(f"{version}: {number} vectors, {seconds:g} s")
        except PgvectorMissing as error:
            raise CommandError(str(error)) from error
        dropped = drop_abandoned()
        if options["json"]:
            self.stdout.write(json.dumps({"prepared": prepared, "dropped": dropped}))
        elif dropped:
            self.stdout.write(f"Dropped: {', '.join(dropped)}")
