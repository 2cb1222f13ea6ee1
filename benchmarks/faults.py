"""Uploads and searches while processes are killed and the broker is emptied: what was lost?

Callers behave as good clients do. A call that got no answer is repeated under the same
Idempotency-Key until it has one; a search is asked for until it is answered. What they were told is
then held against the rows and the files.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import random
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from benchmarks.installation import Installation

CALL_SECONDS = 60
GIVE_UP_SECONDS = 300
PAUSE_SECONDS = 0.2
# What a killed process leaves of a call is done anew after half a minute (portal/api/services.py).
AGAIN = frozenset({409, 429, 500, 502, 503, 504})
VICTIMS = ("interactive", "batch", "interactive", "web", "interactive", "scheduler")
# A broker that answers nobody for so long.
PAUSED_SECONDS = 5.0

ROWS = """
import json
from datetime import timedelta
from django.db.models import Count
from django.utils import timezone
from portal.dogs.models import Dog, Photo
from portal.jobs.models import Job
from portal.matching.models import Embedding, ModelVersion, Query
long_ago = timezone.now() - timedelta(minutes=3)
version = ModelVersion.objects.active().get()
described = dict(
    Embedding.objects.filter(version=version).values_list("photo").annotate(Count("pk"))
)
photos = Photo.objects.all()
sizes = [name for v in photos.values_list("variants", flat=True) for name in (v or {}).values()]
print(json.dumps({
    "photos": [
        [pk, dog, state, code, described.get(pk, 0)]
        for pk, dog, state, code in
        photos.values_list("pk", "dog__name", "state", "error_code")
    ],
    "dogs": list(Dog.objects.values_list("name", flat=True)),
    "open": [
        [str(job.pk), job.kind, max(filter(None, (job.sent_at, job.heartbeat_at))) < long_ago]
        for job in Job.objects.open()
    ],
    "attempts": dict(Job.objects.values_list("attempts").annotate(Count("pk"))),
    "files": sorted(filter(None, [
        *sizes,
        *photos.values_list("upload", flat=True),
        *photos.values_list("image", flat=True),
        *photos.values_list("thumbnail", flat=True),
        *Query.objects.values_list("upload", flat=True),
        *Query.objects.values_list("image", flat=True),
    ])),
}))
"""


@dataclass(frozen=True)
class Plan:
    """How much is sent and how much is broken; `seed` makes the order of faults the same."""

    uploads: int
    searches: int
    kills: int
    flushes: int
    pauses: int = 0
    at_once: int = 4
    victims: tuple[str, ...] = VICTIMS
    seed: int = 1


@dataclass
class Outcome:
    """`uploads` by what came of them, `searches` by their answers; lists name what went wrong."""

    uploads: Counter[str] = field(default_factory=Counter)
    searches: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    missing_files: list[str] = field(default_factory=list)
    orphans: int = 0
    attempts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    settled_seconds: float = 0.0
    slowest_search: float = 0.0

    @property
    def is_clean(self) -> bool:
        wrong = self.lost or self.doubled or self.stuck or self.missing_files
        broken = any(status.startswith("5") for status in self.repeated)
        answered = set(self.searches) <= {"done"} and set(self.uploads) <= {"searchable"}
        return not wrong and not broken and answered

    def told(self) -> dict[str, Any]:
        return {
            name: dict(value) if isinstance(value, Counter) else value
            for name, value in vars(self).items()
        }


class Caller:
    """One client with a token; repeats what got no answer."""

    def __init__(self, url: str, token: str, outcome: Outcome) -> None:
        self.host = urlsplit(url).netloc
        self.token, self.outcome = token, outcome

    def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        kind: str = "application/json",
        key: str = "",
        secret: str = "",
    ) -> tuple[int, Any]:
        """Status and content of the answer. Raises TimeoutError when none comes."""
        headers = {"Content-Type": kind}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if key:
            headers["Idempotency-Key"] = key
        if secret:
            headers["X-Search-Secret"] = secret
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            with contextlib.closing(
                http.client.HTTPConnection(self.host, timeout=CALL_SECONDS)
            ) as connection:
                try:
                    connection.request(method, path, body, headers)
                    answer = connection.getresponse()
                    text = answer.read()
                except (OSError, http.client.HTTPException):
                    reason = "no answer"
                else:
                    if answer.status not in AGAIN:
                        return answer.status, json.loads(text) if text else None
                    reason = str(answer.status)
            self.outcome.repeated[reason] += 1
            time.sleep(PAUSE_SECONDS)
        raise TimeoutError(f"{method} {path} was not answered")

    def list_dog(self, name: str, shelter: str, photo: bytes) -> bool:
        """A dog with one photo; True once both were accepted."""
        dog = json.dumps({"shelter": shelter, "name": name, "status": "available"}).encode()
        status, told = self.call("POST", "/api/v1/dogs/", body=dog, key=uuid.uuid4().hex)
        if status != 201:
            raise RuntimeError(f"a dog was refused: {status} {told}")
        body, kind = multipart("photos", photo)
        path = f"/api/v1/dogs/{told['slug']}/photos/"
        status, told = self.call("POST", path, body=body, kind=kind, key=uuid.uuid4().hex)
        if status != 201:
            raise RuntimeError(f"a photo was refused: {status} {told}")
        return True

    def search(self, photo: bytes) -> tuple[str, float]:
        """How a search ended ("done", or its code), and after how many seconds."""
        begun = time.monotonic()
        body, kind = multipart("image", photo)
        key = uuid.uuid4().hex
        status, told = self.call("POST", "/api/v1/searches/", body=body, kind=kind, key=key)
        if status != 202:
            raise RuntimeError(f"a search was refused: {status} {told}")
        path, secret = f"/api/v1/searches/{told['id']}/", told["secret"]
        while time.monotonic() < begun + GIVE_UP_SECONDS:
            status, told = self.call("GET", path, secret=secret)
            if status != 200:
                return f"http {status}", time.monotonic() - begun
            if told["state"] != "open":
                answer = "done" if told["state"] == "done" else told["error"]["code"]
                return answer, time.monotonic() - begun
            time.sleep(PAUSE_SECONDS)
        return "unanswered", time.monotonic() - begun


def multipart(name: str, photo: bytes) -> tuple[bytes, str]:
    """A body with one photo (RFC 7578), and its type."""
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="p.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode()
    kind = f"multipart/form-data; boundary={boundary}"
    return head + photo + f"\r\n--{boundary}--\r\n".encode(), kind


class Faults(threading.Thread):
    """Kills and empties at moments spread by chance over the work, told by `progress` (0 to 1)."""

    def __init__(
        self, server: Installation, plan: Plan, outcome: Outcome, progress: Callable[[], float]
    ) -> None:
        super().__init__(daemon=True)
        self.server, self.outcome, self.progress = server, outcome, progress
        self.chance = random.Random(plan.seed)
        acts: list[Callable[[], None]] = [
            *(self.killer(name) for name in whom(plan)),
            *([self.flush] * plan.flushes),
            *([self.pause] * plan.pauses),
        ]
        self.chance.shuffle(acts)
        # None in the last tenth: the end of the work is not the end of a fault.
        moments = sorted(self.chance.uniform(0.03, 0.9) for _ in acts)
        self.due = list(zip(moments, acts, strict=True))
        self.ended = threading.Event()

    def run(self) -> None:
        while self.due and not self.ended.is_set():
            moment, act = self.due[0]
            if self.progress() >= moment:
                self.due.pop(0)
                act()
            self.ended.wait(0.1)

    def killer(self, name: str) -> Callable[[], None]:
        def kill() -> None:
            """The process that works, or now and then the one above it as well."""
            try:
                above = self.server.program(name)
                below = above.children(recursive=True)
            except (LookupError, psutil.Error):
                # It is just being started again: killed often enough.
                self.outcome.faults[f"{name} was not there"] += 1
                return
            whole = not below or self.chance.random() < 0.5
            for process in [above, *below] if whole else [self.chance.choice(below)]:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            self.outcome.faults[f"killed {name}{'' if whole else ', a child'}"] += 1

        return kill

    def flush(self) -> None:
        self.server.broker().flushall()
        self.outcome.faults["broker emptied"] += 1

    def pause(self) -> None:
        process = self.server.program("redis")
        process.send_signal(signal.SIGSTOP)
        time.sleep(PAUSED_SECONDS)
        process.send_signal(signal.SIGCONT)
        self.outcome.faults[f"broker paused for {PAUSED_SECONDS:g} s"] += 1


def whom(plan: Plan) -> Iterator[str]:
    """The victims in turn, as many as are to be killed."""
    return itertools.islice(itertools.cycle(plan.victims), plan.kills)


def variants(photos: Sequence[Path], mark: str) -> Iterator[bytes]:
    """Photos without end, each another file: a number stands behind the picture's last byte."""
    for number in itertools.count():
        yield photos[number % len(photos)].read_bytes() + f"{mark}{number}".encode()


def measure(server: Installation, photos: Sequence[Path], plan: Plan) -> Outcome:
    """Runs the plan against a running installation and says what became of everything."""
    outcome = Outcome()
    token = new_token(server)
    shelter = first_shelter(server)
    done = itertools.count()
    finished = 0
    whole = plan.uploads + plan.searches
    lock = threading.Lock()
    sent: list[str] = []

    def progress() -> float:
        return finished / whole

    def tick() -> None:
        nonlocal finished
        finished = next(done) + 1

    def upload(job: tuple[int, bytes]) -> None:
        number, photo = job
        name = f"Fault {plan.seed}-{number}"
        Caller(server.url, token, outcome).list_dog(name, shelter, photo)
        with lock:
            sent.append(name)
        tick()

    def search(photo: bytes) -> None:
        answer, seconds = Caller(server.url, "", outcome).search(photo)
        with lock:
            outcome.searches[answer] += 1
            outcome.slowest_search = max(outcome.slowest_search, seconds)
        tick()

    begun = time.monotonic()
    faults = Faults(server, plan, outcome, progress)
    faults.start()
    uploads = zip(range(plan.uploads), variants(photos, "u"), strict=False)
    searches = itertools.islice(variants(photos, "s"), plan.searches)
    with (
        ThreadPoolExecutor(plan.at_once) as uploaders,
        ThreadPoolExecutor(plan.at_once) as searchers,
    ):
        work = [uploaders.submit(upload, job) for job in uploads]
        work += [searchers.submit(search, photo) for photo in searches]
        for one in work:
            one.result()
    faults.ended.set()
    faults.join()
    outcome.seconds = time.monotonic() - begun
    rows = settled(server, outcome, sent)
    judge(rows, sent, outcome)
    count_files(server, outcome)
    return outcome


def settled(server: Installation, outcome: Outcome, sent: Sequence[str]) -> dict[str, Any]:
    """The rows once no photo waits and no job is open, or as they are after five minutes. Smaller
    pictures, which are made behind all other work, are not waited for."""
    begun = time.monotonic()
    wanted = set(sent)
    while True:
        rows = read_rows(server)
        waiting = [
            dog for _, dog, state, *_ in rows["photos"] if dog in wanted and state == "waiting"
        ]
        at_work = [pk for pk, kind, _ in rows["open"] if kind != "make_variants"]
        outcome.settled_seconds = time.monotonic() - begun
        if not waiting and not at_work:
            return rows
        if outcome.settled_seconds > GIVE_UP_SECONDS:
            outcome.stuck = [*waiting, *at_work]
            return rows
        time.sleep(2)


def judge(rows: dict[str, Any], sent: Sequence[str], outcome: Outcome) -> None:
    """Holds what callers were told against the rows."""
    dogs = Counter(rows["dogs"])
    photos: dict[str, list[tuple[str, str, int]]] = {}
    for _pk, dog, state, code, described in rows["photos"]:
        photos.setdefault(dog, []).append((state, code, described))
    for name in sent:
        own = photos.get(name, [])
        if not dogs[name] or not own:
            outcome.lost.append(name)
        elif dogs[name] > 1 or len(own) > 1 or own[0][2] > 1:
            outcome.doubled.append(name)
        else:
            [(state, code, described)] = own
            if state == "searchable" and described != 1:
                outcome.lost.append(f"{name}: {described} descriptions")
            outcome.uploads[state if state == "searchable" else f"{state}: {code}"] += 1
    outcome.stuck += [pk for pk, _kind, silent in rows["open"] if silent]
    outcome.attempts = {str(key): value for key, value in rows["attempts"].items()}


def count_files(server: Installation, outcome: Outcome) -> None:
    """Files that no row names (a killed process left them, and they go within a day), and rows
    whose file is not there (which must not be)."""
    media = server.data / "media"
    # Listed before and looked for after the rows are read: work goes on meanwhile.
    there = {str(path.relative_to(media)) for path in media.rglob("*") if path.is_file()}
    named = set(read_rows(server)["files"])
    outcome.missing_files = sorted(name for name in named if not (media / name).exists())
    outcome.orphans = len(there - named)


def read_rows(server: Installation) -> dict[str, Any]:
    told = server.manage("shell", "-v", "0", "-c", ROWS).strip().splitlines()[-1]
    return dict(json.loads(told))


def new_token(server: Installation) -> str:
    address, _password = server.logins()["staff"]
    options = ("--scope", "write", "--scope", "search")
    return server.manage("createtoken", address, "faults", *options).strip().splitlines()[-1]


def first_shelter(server: Installation) -> str:
    code = (
        "from portal.shelters.models import Membership; "
        "print(Membership.objects.select_related('shelter').first().shelter.slug)"
    )
    return server.manage("shell", "-v", "0", "-c", code).strip().splitlines()[-1]
