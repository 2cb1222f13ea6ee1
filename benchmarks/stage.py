"""The product with dogs listed, for benchmarks of many visitors and of all photos."""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import content
from benchmarks.installation import Installation

PREPARE_SECONDS = 3600
# Beyond so many, copies do (benchmarks/crowd.py).
ORIGINALS = 400
# Nobody's rate is measured here.
RATES = {
    "RATE_UPLOADS": "100000/min",
    "RATE_CHANGES": "100000/min",
    "API_RATE_VISITORS": "100000/min",
    "API_RATE_USERS": "100000/min",
    "API_RATE_SEARCHES": "100000/min",
}


class Stage(NamedTuple):
    """`listed` photos, a dog each, went through the queue in `seconds` with the loading's rest."""

    server: Installation
    dogs: content.Content
    listed: int
    seconds: float


@contextmanager
def opened(options: argparse.Namespace, searches: int) -> Iterator[Stage]:
    """With `options.dogs` dogs, ORIGINALS at most, and so many photos to search with."""
    with tempfile.TemporaryDirectory(prefix="pawkin-bench-") as name:
        folder = Path(name)
        dogs = content.prepare(
            folder,
            photos=options.photos,
            dogs=min(ORIGINALS, options.dogs),
            searches=searches,
        )
        data = folder / "data"
        with Installation(data, "--port", "0", "--photos", str(dogs.listed), **RATES) as server:
            begun = time.monotonic()
            listed = server.wait_until_prepared(PREPARE_SECONDS)
            yield Stage(server, dogs, listed, time.monotonic() - begun)
