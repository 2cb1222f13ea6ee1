"""A worker at a feed: to its end, in slices, after a kill."""

import io
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from portal.dogs.models import Dog, Photo
from portal.feeds import services
from portal.feeds.models import Feed
from portal.jobs.models import Job
from portal.shelters.services import create_shelter
from tests.portal.feeds.servers import (
    Asm3Server,
    DataGoKrServer,
    RescueGroupsServer,
    animal,
    rescue,
    serving,
    stray,
)
from tests.workers.conftest import picture
from workers import feeds, pipeline

ROOT = Path(__file__).resolve().parent.parent.parent
TODAY = f"{timezone.localdate():%Y%m%d}"
# 5,000 of each kind take a few minutes: PAWKIN_FEED_DOGS=5000.
DOGS = int(os.environ.get("PAWKIN_FEED_DOGS", "0"))


@pytest.fixture
def shelter(db):
    return create_shelter(name="Hanbit")


@pytest.fixture
def serve(settings):
    open_now = []

    def start(answer):
        context = serving(answer)
        server = context.__enter__()
        open_now.append(context)
        settings.FEED_ALLOWED_HOSTS = [server.place]
        return server

    yield start
    for context in open_now:
        context.__exit__(None, None, None)


def asm3(shelter, server):
    return services.create_feed(
        shelter=shelter,
        kind="asm3",
        name="asm3",
        settings={"address": f"{server.address}/service", "username": "pawkin"},
        key="secret",
    )


def test_a_feed_becomes_dogs_with_photos_that_are_prepared(
    version, shelter, serve, run, outbox, act
):
    photos = {("1", "1"): picture((200, 40, 40)), ("1", "2"): b"no photo"}
    server = serve(
        Asm3Server([animal(1, WEBSITEIMAGECOUNT=3), animal(2), animal(4, ID=None)], photos=photos)
    )
    feed = asm3(shelter, server)
    with act():
        services.request_run(feed=feed)
    run()
    ran = feed.runs.get()
    assert (ran.state, ran.new, ran.rejected, ran.photos, ran.photos_refused) == (
        "done", 2, 1, 1, 2,
    )  # fmt: skip
    assert Photo.objects.get().state == Photo.State.SEARCHABLE
    assert Dog.objects.searchable().get().name == "Rex 1"
    assert {r.code for r in ran.rejections.all()} == {
        "row_without_id", "not_an_image", "feed_photo_refused",
    }  # fmt: skip


def test_long_feeds_are_read_in_slices(version, shelter, serve, run, act, monkeypatch):
    monkeypatch.setattr(feeds, "SLICE_SECONDS", 0.0)
    photos = {(str(n), "1"): picture((10 * n, 40, 40)) for n in range(1, 5)}
    server = serve(Asm3Server([animal(n, WEBSITEIMAGECOUNT=1) for n in range(1, 5)], photos=photos))
    feed = asm3(shelter, server)
    with act():
        services.request_run(feed=feed)
    run()
    assert Job.objects.get(kind="import_feed").state == Job.State.DONE
    assert feed.runs.get().photos == 4
    # The listing was read once, though the job was put back after each photo.
    assert [r.query["method"] for r in server.requests].count("json_adoptable_animals") == 1


def test_a_refused_key_ends_the_run_with_its_reason(shelter, serve, run, act, outbox):
    feed = asm3(shelter, serve(Asm3Server([], password="another")))
    with act():
        services.request_run(feed=feed)
    pipeline.run(outbox.pop())
    job = Job.objects.get(kind="import_feed")
    assert (job.state, job.error_code) == ("failed", "feed_key_refused")
    ran = feed.runs.get()
    assert (ran.state, ran.error_code) == ("failed", "feed_key_refused")


READ = """
import sys, django
from django.conf import settings
django.setup()
from portal.feeds.models import Feed
from portal.feeds import services
from portal.jobs import services as jobs
from portal.jobs.models import Job
from workers import pipeline
services.request_run(feed=Feed.objects.get())
while True:
    open_jobs = Job.objects.open()
    if not open_jobs.exists():
        break
    # What the sweeper does for a job whose worker is gone.
    open_jobs.filter(state="running").update(state="queued")
    job = open_jobs.get()
    job.attempts = 0
    job.save()
    pipeline.run(str(job.pk))
"""


@dataclass
class Many:
    """A server of one kind with so many dogs; `settings` and `key` of its feed."""

    kind: str
    answer: Any
    ids: list[str]
    settings: dict[str, Any]
    key: str

    def leave_out(self, gone: set[str]) -> None:
        """From now on the source no longer tells of these."""
        if self.kind == "datagokr":
            self.answer.rows = [r for r in self.answer.rows if r["desertionNo"] not in gone]
        elif self.kind == "asm3":
            self.answer.animals = [a for a in self.answer.animals if str(a["ID"]) not in gone]
        elif self.kind == "rescuegroups":
            self.answer.dogs = [dog for dog in self.answer.dogs if dog["id"] not in gone]
        else:
            self.answer.data = archive_of([name for name in self.ids if name not in gone])


@dataclass
class Archive:
    data: bytes

    def __call__(self, request):
        return 200, {}, self.data


def archive_of(names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("dogs.csv", "dog,weight_kg\n" + "".join(f"{n},5\n" for n in names))
        for number, name in enumerate(names):
            file.writestr(f"{name}/1.jpg", b"no photo %d" % number)
    return out.getvalue()


def many(kind, count):
    numbers = range(1, count + 1)
    if kind == "datagokr":
        rows = [stray(n, happenDt=TODAY, noticeEdt="20260101") for n in numbers]
        ids = [row["desertionNo"] for row in rows]
        return Many(kind, DataGoKrServer(rows), ids, {"reaches_back_days": "5"}, "a%2Bb%2Fc==")
    if kind == "asm3":
        animals = [animal(n) for n in numbers]
        settings = {"username": "pawkin"}
        return Many(kind, Asm3Server(animals), [str(n) for n in numbers], settings, "secret")
    if kind == "rescuegroups":
        dogs = [rescue(n) | {"relationships": {}, "included": []} for n in numbers]
        return Many(kind, RescueGroupsServer(dogs), [str(n) for n in numbers], {}, "rg-key")
    names = [f"dog{n}" for n in numbers]
    return Many(kind, Archive(archive_of(names)), names, {}, "")


PATHS = {"datagokr": "/", "asm3": "/service", "rescuegroups": "/v5", "csvzip": "/dogs.zip"}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("kind", "count"), [("datagokr", 5000), ("asm3", 1000), ("rescuegroups", 1000), ("csvzip", 300)]
)
def test_read_twice_with_kills_in_between_is_one_listing(kind, count, tmp_path):
    """Real processes on a database file, killed (SIGKILL) while they read, at dogs chosen by
    chance; one that comes through; then everything once more, and then less."""
    chance = random.Random(5)
    count = DOGS or count
    source = many(kind, count)
    environment = {
        **os.environ,
        "PAWKIN_EMBEDDED": "true",
        "PAWKIN_DATA": str(tmp_path / "data"),
        "SECRET_KEY": "tests only",
        "REDIS_URL": "memory://",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PYTHONPATH": str(ROOT),
        "LOG_LEVEL": "CRITICAL",
    }
    (tmp_path / "data").mkdir()

    def python(code, **kwargs):
        return subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=ROOT, **kwargs)

    def ask(code):
        lines = "import django; django.setup()\n" + code
        done = subprocess.run(
            [sys.executable, "-c", lines], env=environment, cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    with serving(source.answer) as server:
        environment["FEED_ALLOWED_HOSTS"] = server.place
        settings = {"address": server.address + PATHS[kind], **source.settings}
        ask("from django.core.management import call_command; call_command('migrate', verbosity=0)")
        ask(
            "from portal.shelters.services import create_shelter\n"
            "from portal.feeds.services import create_feed\n"
            f"create_feed(shelter=create_shelter(name='Hanbit'), kind={kind!r}, name='x', "
            f"settings={settings!r}, key={source.key!r})"
        )
        database = sqlite3.connect(next((tmp_path / "data").glob("*.sqlite3")), timeout=30)

        def stored():
            return database.execute("SELECT COUNT(*) FROM dogs_dog").fetchone()[0]

        kills = 0
        for target in sorted(chance.sample(range(count), 3)):
            process = python(READ)
            while process.poll() is None and stored() <= target:
                time.sleep(0.005)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                kills += 1
            process.wait()
        assert kills >= 2
        process = python(READ, stderr=subprocess.PIPE, text=True)
        assert process.wait(timeout=300) == 0, process.stderr.read()
        told = (
            "from portal.dogs.models import Dog\n"
            "from portal.feeds.models import FeedEntry, FeedRun\n"
            "r = FeedRun.objects.first()\n"
            "print(Dog.objects.count(), Dog.objects.adoptable().count(), "
            "FeedEntry.objects.count(), r.new, r.unchanged, r.changed, r.withdrawn, r.state)"
        )
        assert ask(told).split() == [*[str(count)] * 4, "0", "0", "0", "done"]
        begun = time.monotonic()
        assert python(READ).wait(timeout=300) == 0
        again = time.monotonic() - begun
        assert ask(told).split() == [*[str(count)] * 3, "0", str(count), "0", "0", "done"]
        sys.stdout.write(f"{count} dogs of {kind}, {kills} kills; again in {again:.1f} s\n")
        gone = set(chance.sample(source.ids, count // 10))
        source.leave_out(gone)
        assert python(READ).wait(timeout=300) == 0
        left = ask(
            "from portal.dogs.models import Dog\n"
            "print(*Dog.objects.adoptable().values_list('feed_entry__external_id', flat=True))"
        )
        assert set(left.split()) == set(source.ids) - gone


def test_feeds_of_a_deleted_kind_end(shelter, act, outbox):
    feed = services.create_feed(shelter=shelter, kind="petfinder", name="x")
    with act():
        services.request_run(feed=feed)
    pipeline.run(outbox.pop())
    assert Job.objects.get().error_code == "feed_kind_unknown"
    Feed.objects.all().delete()
