"""Annotations for training: `manage.py export_annotations DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.annotations.agreement import agreement
from portal.annotations.coco import write_folder
from portal.annotations.models import Annotation
from portal.files import FilesAway
from portal.shelters.models import Shelter


class Command(BaseCommand):
    help = (
        "Write annotated photos to DIR: annotations.json (COCO) and images/, as `python -m ml "
        "train keypoints --extra DIR` and `python -m ml evaluate keypoints` read them. Of several "
        "people's annotations of one photo the newest is taken. With --agreement it tells how well "
        "people agree who annotated the same photos."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", nargs="?")
        parser.add_argument("--shelter", default="", metavar="SLUG", help="of one shelter's dogs")
        parser.add_argument("--agreement", action="store_true", help="tell how well people agree")

    def handle(self, *, folder: Path | None, shelter: str, **options: Any) -> None:
        if shelter and not Shelter.objects.filter(slug=shelter).exists():
            raise CommandError(f"There is no shelter {shelter}. Give the name in its address.")
        if folder is None and not options["agreement"]:
            raise CommandError("Give a folder to write to, or --agreement.")
        if folder is not None:
            self.export(folder, shelter)
        if options["agreement"]:
            self.tell_agreement(shelter)

    def export(self, folder: Path, shelter: str) -> None:
        annotations = Annotation.objects.all()
        if shelter:
            annotations = annotations.filter(photo__dog__shelter__slug=shelter)
        try:
            written, missing = write_folder(annotations, folder)
        except FilesAway as error:
            raise CommandError(
                "The bucket with the photos does not answer. Look at MEDIA_S3_*."
            ) from error
        except OSError as error:
            raise CommandError(f"{folder} cannot be written: {error}") from error
        if not written:
            raise CommandError("Nothing is annotated yet. Begin at /staff/annotate/.")
        self.stdout.write(f"{written} annotated photos in {folder}")
        if missing:
            self.stdout.write(f"{missing} left out: their files are gone")

    def tell_agreement(self, shelter: str) -> None:
        told = agreement(shelter)
        if not told.pairs:
            self.stdout.write("No photo was annotated by several people yet.")
            return
        self.stdout.write(f"{told.photos} photos annotated by several people, {told.pairs} pairs")
        self.stdout.write(f"{told.points} points visible to both")
        for name, value in (
            ("pck@0.05", told.near),
            ("pck@0.1", told.around),
            ("posture", told.posture),
            ("view", told.view),
        ):
            self.stdout.write(f"{name:9} {'-' if value is None else f'{value:.3f}'}")
