"""How long the server takes for the pages that adopters open, with thousands of dogs listed.

The dogs are copies of a few prepared ones, rows and vectors included, so that lists, filters and
searches have as much to do as with real ones. One visitor on one connection asks for each page
again and again; `/health/live`, which does nothing, is asked for in between as the measure of the
machine.
"""

import re
import time
from pathlib import Path

from benchmarks.end_to_end import search
from benchmarks.installation import Installation
from benchmarks.visitor import Visitor

FIRST_DOG = re.compile(r'<h3 class="card-title"><a href="([^"?]+)')


def fill(server: Installation, dogs: int) -> int:
    """Lists so many copies; how many dogs can be adopted then."""
    code = f"from benchmarks.crowd import copy_dogs; copy_dogs({dogs})"
    return int(server.manage("shell", "-c", code).split()[-1])


def measure(url: str, photo: Path, number: int) -> dict[str, list[float]]:
    """Seconds by page."""
    with Visitor(url) as visitor:
        form = visitor.get("/").form("/search/")
        results = visitor.submit(form, {}, [("photo", photo)]).path
        if search(url, photo).outcome != "matches":
            raise RuntimeError("the search found no dog")
        while 'class="likeness"' not in visitor.get(results).text:
            time.sleep(0.1)
        dog = FIRST_DOG.search(visitor.get("/dogs/").text)
        if dog is None:
            raise RuntimeError("no dog is listed")
        pages = {
            "nothing (/health/live)": "/health/live",
            "home": "/",
            "browse": "/dogs/",
            "browse, filtered": "/dogs/?good_with_cats=yes&size=m&unknown=no&near=seoul",
            "browse, page 100": "/dogs/?page=100",
            "a dog": dog[1],
            "results": results,
        }
        seconds: dict[str, list[float]] = {name: [] for name in pages}
        for _ in range(number):
            for name, path in pages.items():
                begun = time.perf_counter()
                page = visitor.get(path)
                seconds[name].append(time.perf_counter() - begun)
                if page.status != 200:
                    raise RuntimeError(f"{path} answered {page.status}")
        return seconds
