#!/usr/bin/env python
"""Django's commands, on the embedded data folder unless the environment names a database."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    if "SECRET_KEY" not in os.environ:
        os.environ.setdefault("PAWKIN_EMBEDDED", "true")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
