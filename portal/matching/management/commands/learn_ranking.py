"""Learn what makes two dogs alike from feedback: `manage.py learn_ranking`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.matching import services


class Command(BaseCommand):
    help = (
        "Learn the weights of a likeness's parts from what people preferred, and judge them on "
        "the newest fifth of it, which is held back. Prints both agreements."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--activate",
            action="store_true",
            help="use them from the next search on, if they beat the fixed weights",
        )
        parser.add_argument(
            "--fixed", action="store_true", help="learn nothing; go back to the fixed weights"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object as last line")

    def handle(self, *, activate: bool, fixed: bool, **options: Any) -> None:
        if fixed:
            services.use_fixed_weights()
            self.stdout.write("Searches use the fixed weights now.")
            return
        try:
            row = services.learn_weights()
            if activate:
                services.activate_weights(weights=row)
        except services.LearningRefused as refused:
            raise CommandError(str(refused)) from refused
        if options["json"]:
            names = ("pairs", "held_back", "agreement", "agreement_fixed", "margin", "is_active")
            told = {name: getattr(row, name) for name in names}
            self.stdout.write(json.dumps({**told, "weights": row.weights}))
            return
        self.stdout.write(
            f"{row.pairs} pairs; on {row.held_back} held back: {row.agreement:.3f} learnt, "
            f"{row.agreement_fixed:.3f} fixed, ± {row.margin:.3f}."
        )
        words = "In use." if row.is_active else "Better." if row.is_better else "No better."
        self.stdout.write(words)
