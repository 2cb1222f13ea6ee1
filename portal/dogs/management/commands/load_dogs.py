"""Load a folder of dogs: `manage.py load_dogs DIR`."""

from __future__ import annotations

import argparse
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.crypto import get_random_string

from portal.accounts.services import set_up_user
from portal.dogs.imports import PHOTOS_PER_DOG, read_folder
from portal.dogs.loading import Loader
from portal.dogs.models import Photo
from portal.jobs.models import Job, WorkerHeartbeat
from portal.shelters.models import Shelter
from portal.shelters.services import add_member

# Letters and figures that nobody confuses when typing them from a screen.
READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
PROBLEMS_SHOWN = 50
NOBODY_WORKS = timedelta(seconds=30)


class Command(BaseCommand):
    help = (
        "Load a folder of dogs: a folder per dog, or loose photos of one dog each; facts from "
        f"dogs.csv where there is one. At most {PHOTOS_PER_DOG} photos of a dog are loaded. "
        "Loading the same folder again adds only what is new. Exits with 1 when no dog could be "
        "loaded."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument("--limit", type=int, metavar="N", help="load at most N dogs")
        parser.add_argument(
            "--demo",
            action="store_true",
            help="set up a staff, an adopter and an admin account and print their passwords",
        )
        parser.add_argument("--password", help="for the demo accounts, instead of random ones")
        parser.add_argument(
            "--no-index-wait",
            action="store_true",
            help="return when the dogs are stored, before the workers have made them searchable",
        )

    def handle(self, *, folder: Path, limit: int | None, **options: Any) -> None:
        try:
            reading = read_folder(folder, limit=limit)
        except (NotADirectoryError, ValueError) as error:
            raise CommandError(str(error)) from error
        loader = Loader(folder, problems=reading.problems)
        bar = Bar(self.stdout, "Loading dogs", len(reading.listings))
        for number, listing in enumerate(reading.listings, 1):
            loader.load(listing)
            bar.show(number)
        loader.bond(reading.listings)
        bar.end()
        self.report(loader)
        if options["demo"]:
            self.set_up_demo(loader, options["password"])
        if not loader.dogs:
            raise CommandError(f"No dog in {folder} could be loaded.")
        if not options["no_index_wait"]:
            self.wait(loader)

    def report(self, loader: Loader) -> None:
        problems = loader.problems
        for problem in problems[:PROBLEMS_SHOWN]:
            self.stderr.write(f"  {problem.where}: {problem.reason}")
        if len(problems) > PROBLEMS_SHOWN:
            self.stderr.write(f"  … and {len(problems) - PROBLEMS_SHOWN} more")
        there = len(loader.dogs) - loader.added
        self.stdout.write(
            f"{loader.added} dogs with {loader.photos} photos added, {there} were there already, "
            f"{len(problems)} things to look at."
        )

    def set_up_demo(self, loader: Loader, password: str | None) -> None:
        """Three accounts, and a note of them that only the owner of the data folder can read."""
        first = next(iter(loader.dogs.values()), None)
        shelter = first.shelter if first else Shelter.objects.first()
        lines = []
        for role, name in (("staff", "Minji"), ("adopter", "Junho"), ("admin", "Ara")):
            email = f"{role}@pawkin.example"
            secret = password or get_random_string(10, READABLE)
            user = set_up_user(
                email=email, password=secret, display_name=name, admin=role == "admin"
            )
            if role == "staff" and shelter:
                add_member(shelter=shelter, user=user)
            lines.append(f"{role:8} {email:24} {secret}")
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        note = settings.DATA_DIR / "demo-logins.txt"
        note.unlink(missing_ok=True)
        descriptor = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w") as file:
            file.write("\n".join(lines) + "\n")
        self.stdout.write("\n".join(lines))

    def wait(self, loader: Loader) -> None:
        """Follow the workers until every photo of these dogs is prepared, or nobody works."""
        photos = Photo.objects.filter(dog__in=[dog.pk for dog in loader.dogs.values()])
        total, begun = photos.count(), timezone.now()
        bar = Bar(self.stdout, "Making photos searchable", total)
        while waiting := photos.filter(state=Photo.State.WAITING).count():
            bar.show(total - waiting)
            time.sleep(1)
            alive = WorkerHeartbeat.objects.filter(
                queue=Job.Queue.BATCH, beat_at__gte=timezone.now() - NOBODY_WORKS
            )
            if not alive.exists() and timezone.now() - begun > NOBODY_WORKS:
                bar.end()
                self.stdout.write(
                    f"No worker answers. {waiting} photos wait and become searchable when one runs."
                )
                return
        bar.show(total)
        bar.end()
        for state in (Photo.State.NO_DOG, Photo.State.UNREADABLE, Photo.State.FAILED):
            if count := photos.filter(state=state).count():
                self.stdout.write(f"{count} photos: {state.label}")


class Bar:
    """One line that counts; on anything but a terminal a line now and then."""

    EVERY_SECONDS = 5.0

    def __init__(self, out: Any, title: str, total: int) -> None:
        self.out, self.title, self.total = out, title, total
        self.live = bool(getattr(out, "isatty", lambda: False)())
        self.begun = self.shown = time.monotonic()
        self.done = 0

    def show(self, done: int) -> None:
        self.done = done
        now = time.monotonic()
        if now - self.shown >= (0.1 if self.live else self.EVERY_SECONDS):
            self.shown = now
            self.write()

    def write(self) -> None:
        rate = self.done / max(time.monotonic() - self.begun, 0.001)
        text = f"{self.title}: {self.done} of {self.total}, {rate:.0f} a second"
        self.out.write(f"\r\033[K{text}" if self.live else text, ending="" if self.live else "\n")
        self.out.flush()

    def end(self) -> None:
        self.write()
        if self.live:
            self.out.write("")
