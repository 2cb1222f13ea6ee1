"""Reading the label files that evaluations take."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ml.errors import DataError, ImageRejected
from ml.images import Limits, load

# Data sets hold thumbnails: the limit for uploads does not apply.
_LIMITS = Limits(min_side=16)


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file that has these columns; raises DataError where it cannot be used."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in columns if name not in (reader.fieldnames or [])]
            if missing:
                raise DataError(f"{path.name} has no column {', '.join(missing)}. Add it.")
            rows = [dict(row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"The table {path} cannot be read.", str(error)) from error
    if not rows:
        raise DataError(f"{path.name} has no rows.")
    return rows


def load_images(folder: Path, names: Iterable[str], max_side: int) -> dict[str, np.ndarray]:
    """Pictures by name, as `read_images` gives them; raises DataError where none can be read."""
    found = dict(read_images(folder, names, max_side))
    if not found:
        raise DataError(f"None of the images in {folder} could be read. Check --images.")
    return found


def read_images(
    folder: Path, names: Iterable[str], max_side: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Name and picture, one at a time; unreadable ones are named and left out.

    Names are paths relative to `folder`. Raises DataError where that is no folder.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. Check --images.")
    for name in dict.fromkeys(names):
        try:
            yield name, load((folder / name).read_bytes(), _LIMITS, max_side)
        except OSError as error:
            print(f"skipped {name}: {error.strerror}", file=sys.stderr)
        except ImageRejected as error:
            print(f"skipped {name}: {error.message}", file=sys.stderr)


def print_result(result: Mapping[str, object]) -> None:
    """The last line of an evaluation: one JSON object, figures to five places."""
    rounded = {k: round(v, 5) if isinstance(v, float) else v for k, v in result.items()}
    print(json.dumps(rounded, ensure_ascii=False))
