"""Exit status 0 when a worker of the queue beat lately: for the probe of a container."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.jobs.models import Job, WorkerHeartbeat

# Workers beat every few seconds; a batch of a reindex may hold one up for a while.
ALIVE = timedelta(seconds=60)


class Command(BaseCommand):
    help = "Exits with 0 when a worker of the queue said within a minute that it is alive."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--queue", required=True, choices=Job.Queue.values)

    def handle(self, *args: Any, **options: Any) -> None:
        queue = options["queue"]
        beat = WorkerHeartbeat.objects.recent(ALIVE).filter(queue=queue).first()
        if beat is None:
            raise CommandError(f"No worker of the queue {queue} was heard of for a minute.")
        self.stdout.write("ready" if beat.ready else "loading its models")
