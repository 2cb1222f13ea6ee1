"""From a dog's listing by staff to the moment its photo is searchable.

The clock runs from the POST of the new-dog form to the first page that shows the photo's state as
searchable, asked for every tenth of a second.
"""

import re
import time
from pathlib import Path

from benchmarks.visitor import Visitor

NEW_DOG = "/staff/dogs/new/"
GIVE_UP_SECONDS = 60
PAUSE_SECONDS = 0.1
STATE = re.compile(r'<li class="tile"[^>]*>.*?<p class="state [^>]*>([^<]+)</p>', re.DOTALL)


def log_in(visitor: Visitor, address: str, password: str) -> None:
    form = visitor.get("/login/").form("/login/")
    page = visitor.submit(form, {"login": address, "password": password})
    if page.path.startswith("/login/"):
        raise RuntimeError(f"{address} could not log in")


def list_dog(visitor: Visitor, name: str, photo: Path) -> tuple[float, str]:
    """Seconds until the photo has left the state of waiting, and the word for its state."""
    form = visitor.get(NEW_DOG).form(NEW_DOG)
    begun = time.perf_counter()
    page = visitor.submit(form, {"name": name, "action": "publish"}, [("photos", photo)])
    while True:
        elapsed = time.perf_counter() - begun
        found = STATE.search(page.text)
        if page.status != 200 or found is None:
            raise RuntimeError(f"the dog was not listed: {page.status} {page.path}")
        if found[1].strip() != "waiting":
            return elapsed, found[1].strip()
        if elapsed > GIVE_UP_SECONDS:
            return elapsed, "waiting"
        time.sleep(PAUSE_SECONDS)
        page = visitor.get(page.path)


def measure(url: str, login: tuple[str, str], photos: list[Path]) -> tuple[list[float], list[str]]:
    """Seconds of each photo that became searchable, and every outcome."""
    seconds, outcomes = [], []
    with Visitor(url) as visitor:
        log_in(visitor, *login)
        for number, photo in enumerate(photos):
            elapsed, outcome = list_dog(visitor, f"Bench {number}", photo)
            outcomes.append(outcome)
            if outcome == "searchable":
                seconds.append(elapsed)
    return seconds, outcomes
