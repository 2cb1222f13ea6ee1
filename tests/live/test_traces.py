"""After an adopter's photo is deleted, nothing of it is found: file, row, vector, log, broker."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import end_to_end
from benchmarks.content import images
from benchmarks.installation import Installation
from benchmarks.visitor import Visitor
from tests.stack import eventually, patience

LOOK = """
import json
from portal.matching.models import Match, Query
query = Query.objects.order_by("-created_at").first()
match = Match.objects.filter(ranking__query=query).exclude(parts=None).first()
print(json.dumps({
    "id": str(query.pk), "hex": query.pk.hex, "image": query.image.name,
    "points": json.dumps(query.points)[:60], "vector": bytes(query.vector).hex(),
    "box": json.dumps(query.box), "coat": bytes(query.coat or b"").hex(),
    "parts": json.dumps(match.parts) if match else "", "breeds": json.dumps(query.breeds),
}))
"""
EXPIRE = """
from datetime import timedelta
from django.utils import timezone
from portal.matching.models import Query
Query.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
"""


@pytest.fixture
def photo(drawn_dogs: Path, tmp_path: Path) -> Path:
    """A drawn dog's photo that nobody else has, told by its own noise."""
    with Image.open(images(drawn_dogs)[0]) as image:
        pixels = np.array(image.convert("RGB"))
    noise = np.random.default_rng(time.time_ns()).integers(-9, 9, pixels.shape)
    path = tmp_path / "my-own-dog-at-home.jpg"
    Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(path, quality=92)
    return path


def traces_of(stack: Installation, photo: Path) -> dict[str, bytes]:
    """What the newest search could be known by, as bytes."""
    told = json.loads(stack.manage("shell", "-v", "0", "-c", LOOK).splitlines()[-1])
    sent = photo.read_bytes()
    found = {
        "its id": told["id"].encode(),
        "its id as a column has it": told["hex"].encode(),
        "its picture's name": Path(told["image"]).stem.encode(),
        "its points": told["points"].encode(),
        "its vector": bytes.fromhex(told["vector"])[:64],
        "its box": told["box"].encode(),
        "its coat": bytes.fromhex(told["coat"])[:64],
        "what was alike": told["parts"].encode(),
        "its likely breeds": told["breeds"].encode(),
        "the photo's own bytes": sent[len(sent) // 2 : len(sent) // 2 + 64],
        "the picture's own bytes": (stack.data / "media" / told["image"]).read_bytes()[-400:-300],
    }
    # What this version did not tell, or tells of every dog alike, is no trace.
    return {name: trace for name, trace in found.items() if len(trace) > 15}


def places(stack: Installation) -> Iterator[tuple[str, bytes]]:
    """Everything that the installation has written, in its data folder and in that for temporary
    files, and all that its broker holds, which is its cache as well.

    It is at work meanwhile: what goes while this looks is no trace.
    """
    for folder in (stack.data, Path(stack.environment["TMPDIR"])):
        for path in sorted(folder.rglob("*")):
            with suppress(FileNotFoundError):
                if path.is_file():
                    yield str(path.relative_to(folder)), path.read_bytes()
    broker = stack.broker()
    for key in broker.scan_iter():
        kind = broker.type(key).decode()
        if kind == "none":
            continue
        value = {
            "string": broker.get,
            "list": lambda key: broker.lrange(key, 0, -1),
            "hash": broker.hgetall,
            "set": broker.smembers,
            "zset": lambda key: broker.zrange(key, 0, -1),
        }[kind](key)
        yield f"broker: {key.decode()}", key + repr(value).encode()


def found(stack: Installation, traces: dict[str, bytes]) -> set[tuple[str, str]]:
    return {
        (name, place)
        for place, content in places(stack)
        for name, trace in traces.items()
        if trace in content
    }


def gone(stack: Installation, traces: dict[str, bytes]) -> bool:
    stack.manage("purge_expired")
    return not found(stack, traces)


def test_nothing_is_left_once_it_was_deleted(live_stack: Installation, photo: Path) -> None:
    with Visitor(live_stack.url) as visitor:
        home = visitor.get("/")
        page = visitor.submit(home.form("/search/"), {}, [("photo", photo)])
        address = page.path.partition("?")[0]
        eventually(
            lambda: 'class="likeness"' in visitor.get(address).text,
            within=10 * patience(),
            what="an answer",
        )
        traces = traces_of(live_stack, photo)
        known = {name for name, _place in found(live_stack, traces)}
        # The server has closed it meanwhile.
        visitor.connection.close()
        assert known >= {
            "its id as a column has it", "its vector", "its box", "what was alike", "its coat",
            "the picture's own bytes",
        }  # fmt: skip
        # What its owner did in the answer leaves nothing of the photo either.
        answer = visitor.get(address)
        opened = re.search(r'href="(/dogs/[^"?]+/\?match=\d+[^"]*)"', answer.text)
        assert opened
        assert visitor.get(opened[1].replace("&amp;", "&")).status == 200
        visitor.submit(answer.form(f"{address}hide/"), {})
        assert visitor.get(address).status == 200
        visitor.submit(visitor.get(address).form(f"{address}delete/"), {})
        assert visitor.get(address).status == 404
    eventually(
        lambda: gone(live_stack, traces), within=20 * patience(), what=f"no trace of {traces}"
    )


def test_nothing_is_left_once_its_time_is_over(live_stack: Installation, photo: Path) -> None:
    assert end_to_end.search(live_stack.url, photo).outcome == "matches"
    traces = traces_of(live_stack, photo)
    assert found(live_stack, traces)
    live_stack.manage("shell", "-v", "0", "-c", EXPIRE)
    eventually(
        lambda: gone(live_stack, traces), within=20 * patience(), what=f"no trace of {traces}"
    )
