"""Write everything that cannot be made anew into one file: `manage.py backup FILE`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.accounts import audit
from portal.api.backups import BackupRefused, check_backup, make_backup


class Command(BaseCommand):
    help = (
        "Write dogs, photos, accounts, enquiries, saved searches and the models in use into FILE, "
        "while everything runs. Adopters' photos and searches are never in it. Keep SECRET_KEY "
        "apart: without it the keys of feeds have to be entered again."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--check", action="store_true", help="read FILE, and write nothing")

    def handle(self, *, file: Path, check: bool, **options: Any) -> None:
        try:
            if check:
                manifest = check_backup(file)
                rows = sum(manifest["rows"].values())
                self.stdout.write(f"{file} of {manifest['made_at']} is whole: {rows} rows.")
                return
            summary = make_backup(file)
        except BackupRefused as refused:
            raise CommandError(str(refused)) from refused
        except OSError as error:
            raise CommandError(f"The backup could not be written: {error}") from error
        audit.note(action=audit.Action.BACKUP_MADE, by=None, about=file.name)
        rows = sum(summary.rows.values())
        self.stdout.write(f"{file}: {rows} rows, {summary.files} files.")
        if summary.missing:
            self.stdout.write(f"{summary.missing} files were deleted meanwhile and are left out.")
