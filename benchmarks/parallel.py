"""Many `similar-dog` calls at once, as a site with several visitors makes them."""

import json
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

AT_ONCE = 10
GIVE_UP_SECONDS = 60


def ask(url: str, photo: Path) -> tuple[float, str]:
    """Seconds from the call to its answer, and "matches" or the problem's code."""
    boundary = uuid.uuid4().hex
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="imageId"\r\n\r\n1\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode()
    body += photo.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(
        f"{url}/api/v1/similar-dog",
        body,
        {"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    begun = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=GIVE_UP_SECONDS) as answer:
            outcome = "matches" if json.load(answer).get("dogImageId") else "no id"
    except urllib.error.HTTPError as error:
        outcome = json.load(error).get("code", str(error.code))
    except OSError as error:
        outcome = type(error).__name__
    return time.perf_counter() - begun, outcome


def measure(url: str, photos: list[Path]) -> tuple[list[float], Counter[str]]:
    """Seconds of each call that found a dog, ten at once, and how often each outcome was."""
    seconds, outcomes = [], Counter[str]()
    for first in range(0, len(photos), AT_ONCE):
        part = photos[first : first + AT_ONCE]
        with ThreadPoolExecutor(len(part)) as pool:
            answers = list(pool.map(lambda photo: ask(url, photo), part))
        outcomes.update(outcome for _, outcome in answers)
        seconds += [passed for passed, outcome in answers if outcome == "matches"]
    return seconds, outcomes
