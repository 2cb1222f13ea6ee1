"""Search by a photo, as an adopter would: `manage.py search PHOTO`."""

from __future__ import annotations

import argparse
import json
import secrets
import time
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError
from django.http import QueryDict

from ml.errors import ImageRejected
from portal.jobs.messages import sentence
from portal.matching import progress, services
from portal.matching.filters import Filters
from portal.matching.models import Query

POLL_SECONDS = 0.1


class Command(BaseCommand):
    help = (
        "Send a photo through the queue as an adopter's is, print the most similar dogs, and "
        "delete the photo with everything computed from it."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("photo", type=Path, metavar="PHOTO")
        parser.add_argument(
            "--filters", default="", help="as in a page's address: 'size=s&good_with_cats=yes'"
        )
        parser.add_argument("--k", type=int, default=5, help="dogs to print, at most 24")
        parser.add_argument("--wait", type=float, default=30.0, metavar="SECONDS")
        parser.add_argument("--json", action="store_true", help="one JSON object as last line")

    def handle(self, *, photo: Path, **options: Any) -> None:
        filters = Filters.from_params(QueryDict(options["filters"]))
        try:
            with photo.open("rb") as file:
                query = services.start_query(
                    file=File(file, photo.name),
                    owner=None,
                    owner_key=secrets.token_hex(20),
                    filters=filters,
                )
        except OSError as error:
            raise CommandError(f"{photo} can't be read: {error.strerror}.") from error
        except ImageRejected as error:
            raise CommandError(str(sentence(error.code))) from error
        try:
            self.answer(query, filters, options)
        finally:
            services.delete_query(query=query)

    def answer(self, query: Query, filters: Filters, options: dict[str, Any]) -> None:
        until = time.monotonic() + options["wait"]
        state = progress.of_query(query, filters)
        while state.is_open and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
            query.refresh_from_db()
            state = progress.of_query(query, filters)
        if state.is_open:
            raise CommandError(
                f"No answer within {options['wait']:g} seconds. Is a worker running?"
            )
        if state.error_code or state.ranking is None:
            raise CommandError(str(sentence(state.error_code)))
        matches = state.ranking.matches.adoptable().select_related("dog__shelter")
        found = [
            {
                "rank": match.rank,
                "score": match.score,
                "band": match.band,
                "dog": match.dog.slug,
                "name": match.dog.name,
                "shelter": match.dog.shelter.name,
            }
            for match in matches[: options["k"]]
        ]
        if options["json"]:
            told = {"candidates": state.ranking.candidates, "results": found}
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        for row in found:
            self.stdout.write(
                f"{row['rank']:3} {row['score']:4} {row['band']:7} {row['name']} ({row['shelter']})"
            )
        self.stdout.write(f"{state.ranking.candidates} dogs were compared.")
