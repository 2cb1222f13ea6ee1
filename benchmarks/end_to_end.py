"""From a photo's upload to its matches on the page, through HTTP as the page itself does it.

The clock runs from the POST of the form to the arrival of the first HTML with matches, including
the page's own pauses between its questions; what a browser then takes to draw is not in it.
"""

import re
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from benchmarks.visitor import Form, Visitor

ANSWER = re.compile(r'<div class="answer[^>]*>')
POLL = re.compile(r'hx-get="([^"]+)"')
DELAY = re.compile(r"delay:(\d+)ms")
CODE = re.compile(r'data-code="(\w+)"')
GIVE_UP_SECONDS = 60


class Answer(NamedTuple):
    """`outcome` is "matches", "no match" or a code; `text` the HTML that told it."""

    seconds: float
    outcome: str
    text: str


def search(url: str, photo: Path) -> Answer:
    """Drop `photo` on the home page and wait for the answer."""
    with Visitor(url) as visitor:
        return drop(visitor, visitor.get("/").form("/search/"), photo)


def drop(visitor: Visitor, form: Form, photo: Path) -> Answer:
    """Send the home page's form with `photo` and wait for the answer."""
    begun = time.perf_counter()
    page = visitor.submit(form, {}, [("photo", photo)])
    while True:
        elapsed = time.perf_counter() - begun
        if 'class="likeness"' in page.text:
            return Answer(elapsed, "matches", page.text)
        code = CODE.search(page.text)
        if code:
            return Answer(elapsed, code[1], page.text)
        if page.status != 200:
            return Answer(elapsed, f"http {page.status}", page.text)
        answer = ANSWER.search(page.text)
        poll = answer and POLL.search(answer[0])
        if not answer or not poll:
            return Answer(elapsed, "no match", page.text)
        if elapsed > GIVE_UP_SECONDS:
            return Answer(elapsed, "no answer", page.text)
        delay = DELAY.search(answer[0])
        time.sleep(int(delay[1]) / 1000 if delay else 0)
        page = visitor.get(poll[1].replace("&amp;", "&"), by_script=True)


def measure(url: str, photos: list[Path]) -> tuple[list[float], Counter[str]]:
    """Seconds of each search that found matches, and how often each outcome was."""
    seconds, outcomes = [], Counter[str]()
    for photo in photos:
        answer = search(url, photo)
        outcomes[answer.outcome] += 1
        if answer.outcome == "matches":
            seconds.append(answer.seconds)
    return seconds, outcomes
