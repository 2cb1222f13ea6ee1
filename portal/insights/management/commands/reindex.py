"""Have photos described: `manage.py reindex`."""

from __future__ import annotations

import argparse
import json
import time
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal.insights.reindexing import progress
from portal.jobs.messages import sentence
from portal.jobs.models import Job, WorkerHeartbeat
from portal.jobs.services import enqueue
from portal.matching import services
from portal.matching.queries import active_version, missing_photos
from portal.shelters.models import Shelter

POLL_SECONDS = 0.5
NOBODY_WORKS = timedelta(seconds=30)


class Command(BaseCommand):
    help = (
        "Have photos described by the models: those that the live version lacks, all of them anew "
        "(--all), those of one shelter (--shelter), or all with other models (--model). The live "
        "version answers meanwhile."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--missing", action="store_true", help="the default")
        what.add_argument("--all", action="store_true", help="the live models, all photos anew")
        what.add_argument("--shelter", metavar="SLUG", help="missing photos of one shelter")
        what.add_argument("--model", metavar="NAME", help="all photos with these models")
        parser.add_argument("--wait", action="store_true", help="follow it to its end")
        parser.add_argument("--json", action="store_true", help="one JSON object as last line")

    def handle(self, **options: Any) -> None:
        if options["shelter"]:
            self.of_shelter(options["shelter"], options["json"])
            return
        try:
            version = services.request_reindex(
                version_name=options["model"], by=None, rebuild=options["all"]
            )
        except services.VersionConflict as conflict:
            raise CommandError(f"{sentence(conflict.code)} ({conflict.detail})") from conflict
        job = Job.objects.for_subject(Job.Kind.REINDEX, version.pk)[0]
        if options["wait"]:
            self.follow(job, options["json"])
        told = {"version": version.pk, "state": job.state, "done": job.done, "total": job.total}
        self.stdout.write(json.dumps(told) if options["json"] else f"{version}: {job.state}")
        if job.state == Job.State.FAILED:
            raise CommandError(str(sentence(job.error_code)))

    def of_shelter(self, slug: str, as_json: bool) -> None:
        shelter = Shelter.objects.filter(slug=slug).first()
        if shelter is None:
            raise CommandError(f"There is no shelter {slug}.")
        version = active_version()
        if version is None:
            raise CommandError(str(sentence("no_active_version")))
        photos = missing_photos(version).filter(dog__shelter=shelter).values_list("pk", flat=True)
        count = 0
        for pk in photos.iterator():
            enqueue(kind=Job.Kind.INDEX_PHOTO, subject=pk, queue=Job.Queue.BATCH)
            count += 1
        told = json.dumps({"shelter": slug, "photos": count})
        self.stdout.write(told if as_json else f"{count} photos of {shelter} are enqueued.")

    def follow(self, job: Job, as_json: bool) -> None:
        begun, shown = timezone.now(), ""
        while job.is_open:
            time.sleep(POLL_SECONDS)
            job.refresh_from_db()
            now = progress(job)
            line = f"{now.done} of {now.total} photos ({now.percent} %)"
            if now.rate:
                line += f", {now.rate:.0f} a second"
            if line != shown and not as_json:
                self.stdout.write(line)
                shown = line
            alive = WorkerHeartbeat.objects.filter(
                queue=Job.Queue.BATCH, beat_at__gte=timezone.now() - NOBODY_WORKS
            )
            if not alive.exists() and timezone.now() - begun > NOBODY_WORKS:
                raise CommandError("No worker answers. The reindex goes on when one runs.")
