"""Read a feed now: `manage.py import_feed ID`, or one that is described by the options."""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.feeds import services
from portal.feeds.models import Feed, FeedRun
from portal.jobs.messages import sentence
from portal.jobs.models import Job
from portal.shelters.models import Shelter

POLL_SECONDS = 0.5


class Command(BaseCommand):
    help = (
        "Have a feed read by the workers and wait for the end. Without ID, the feed of --shelter "
        "with --kind and --name is used, and made if there is none. Exits with 1 when it fails."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("feed", type=int, nargs="?", metavar="ID")
        parser.add_argument("--list", action="store_true", help="show the feeds and do nothing")
        parser.add_argument("--shelter", metavar="SLUG")
        parser.add_argument("--kind", choices=Feed.Kind.values)
        parser.add_argument("--name", default="command line")
        parser.add_argument(
            "--setting", action="append", default=[], metavar="NAME=VALUE", help="may be repeated"
        )
        parser.add_argument("--key-from-env", metavar="VARIABLE", help="where the key is")
        parser.add_argument("--no-wait", action="store_true", help="return when it is enqueued")
        parser.add_argument("--json", action="store_true", help="one JSON object as last line")

    def handle(self, *, feed: int | None, **options: Any) -> None:
        if options["list"]:
            for row in Feed.objects.select_related("shelter"):
                self.stdout.write(f"{row.pk:5} {row.kind:14} {row}")
            return
        found = self.by_id(feed) if feed is not None else self.described(options)
        job = services.request_run(feed=found)
        if options["no_wait"]:
            self.stdout.write(f"Feed {found.pk} is enqueued.")
            return
        self.follow(found, job, options["json"])

    def by_id(self, pk: int) -> Feed:
        found = Feed.objects.filter(pk=pk).first()
        if found is None:
            raise CommandError(
                f"There is no feed {pk}. `import_feed --list` shows those there are."
            )
        return found

    def described(self, options: dict[str, Any]) -> Feed:
        if not options["shelter"] or not options["kind"]:
            raise CommandError("Name a feed by its ID, or give --shelter and --kind.")
        shelter = Shelter.objects.filter(slug=options["shelter"]).first()
        if shelter is None:
            raise CommandError(f"There is no shelter {options['shelter']}. Create it first.")
        pairs = [setting.partition("=") for setting in options["setting"]]
        if any(not equals for _name, equals, _value in pairs):
            raise CommandError("Write settings as NAME=VALUE.")
        settings = {name: value for name, _equals, value in pairs}
        variable = options["key_from_env"]
        if variable and variable not in os.environ:
            raise CommandError(f"There is no {variable} in the environment.")
        key = os.environ[variable] if variable else ""
        found = Feed.objects.filter(shelter=shelter, name=options["name"]).first()
        if found is None:
            return services.create_feed(
                shelter=shelter, kind=options["kind"], name=options["name"], settings=settings,
                key=key,
            )  # fmt: skip
        if found.kind != options["kind"]:
            raise CommandError(f"“{found.name}” is of kind {found.kind}. Give another --name.")
        return services.update_feed(feed=found, settings=settings, key=key if variable else None)

    def follow(self, feed: Feed, job: Job, as_json: bool) -> None:
        shown = ""
        while True:
            job.refresh_from_db()
            line = f"{job.step or 'waiting'}: {job.done} of {job.total}"
            if line != shown and not as_json:
                self.stdout.write(line)
                shown = line
            if not job.is_open:
                break
            time.sleep(POLL_SECONDS)
        run = feed.runs.first()
        if as_json:
            self.stdout.write(json.dumps(told(job, run)))
        elif run is not None:
            self.stdout.write(
                f"{run.new} new, {run.changed} changed, {run.unchanged} unchanged, "
                f"{run.withdrawn} withdrawn, {run.rejected} rejected, {run.photos} photos."
            )
            for rejection in run.rejections.all()[:50]:
                self.stderr.write(f"  {rejection.where}: {rejection.reason}")
        if job.state != Job.State.DONE:
            raise CommandError(str(sentence(job.error_code)))


def told(job: Job, run: FeedRun | None) -> dict[str, Any]:
    counts = ("new", "changed", "unchanged", "withdrawn", "rejected", "photos", "photos_refused")
    return {
        "state": job.state,
        "error_code": job.error_code,
        **({name: getattr(run, name) for name in counts} if run else {}),
    }
