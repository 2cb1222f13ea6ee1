"""Fill a new installation from a backup: `manage.py restore FILE`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.accounts import audit
from portal.api.backups import BackupRefused, restore_backup


class Command(BaseCommand):
    help = (
        "Fill a new, migrated installation from FILE, whole or not at all. Start web and workers "
        "afterwards. A backup of SQLite can go into PostgreSQL and the other way round."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *, file: Path, **options: Any) -> None:
        try:
            summary = restore_backup(file)
        except BackupRefused as refused:
            raise CommandError(str(refused)) from refused
        audit.note(action=audit.Action.RESTORED, by=None, about=file.name)
        rows = sum(summary.rows.values())
        self.stdout.write(f"Restored {rows} rows and {summary.files} files.")
