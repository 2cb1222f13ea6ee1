"""One target in a process of its own: `python -m tests.fuzz.run NAME …`, where the rest are
libFuzzer's options and the folder of inputs. The parent is `tests.fuzz`.

Where atheris cannot be installed (it has wheels for Linux on x86-64 only), inputs are changed by
chance alone, with the same options and the same words at the end.
"""

from __future__ import annotations

import hashlib
import importlib.util
import resource
import sys
import time
import traceback
from pathlib import Path
from random import Random

from tests.fuzz.bounds import start_django
from tests.fuzz.mutation import changed
from tests.fuzz.targets import say, target

# The modules whose lines guide the fuzzer, by name.
WATCHED = {
    "images": ["ml.images", "PIL", "pillow_heif"],
    "films": ["ml.clips", "ml.containers"],
    "annotations": ["portal.annotations", "django.forms"],
    "filters": ["portal.matching.filters", "portal.api.wishes", "portal.shelters.places"],
    "headers": ["portal.dogs.resumable"],
    "tables": ["portal.feeds", "portal.dogs.imports", "zipfile", "csv"],
}
FEEDS = ["portal.feeds", "json.decoder"]


def guided(name: str, options: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=WATCHED.get(name, FEEDS)):
        start_django()
        module = target(name)
    write_seeds(name, options[-1])

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        def change(told: bytes) -> bytes:
            return bytes(atheris.Mutate(told[:most] or b"\n", most))

        return bytes(module.mutated(data, Random(seed), change)[:most])

    atheris.Setup([sys.argv[0], *options], module.one, custom_mutator=mutated)
    atheris.Fuzz()


def by_chance(name: str, options: list[str]) -> None:
    start_django()
    module = target(name)
    write_seeds(name, options[-1])
    told = dict(option.lstrip("-").split("=", 1) for option in options[:-1])
    cases, seconds = int(told["runs"]), int(told["max_total_time"]) or 10**9
    random = Random()
    inputs = [path.read_bytes() for path in sorted(Path(options[-1]).iterdir())]
    begun, number = time.monotonic(), 0
    while number < cases and time.monotonic() - begun < seconds:
        number += 1
        data = random.choice(inputs)
        for _ in range(random.choice((1, 2, 4))):
            data = module.mutated(data, random, lambda told: changed(told, random))
        try:
            module.one(data)
        except Exception:
            traceback.print_exc()
            place = f"{told['artifact_prefix']}crash-{hashlib.sha1(data).hexdigest()}"
            Path(place).write_bytes(data)
            sys.exit(77)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    say(f"stat::number_of_executed_units: {number}\nstat::peak_rss_mb: {peak}")


def write_seeds(name: str, folder: str) -> None:
    for number, data in enumerate(target(name).seeds()):
        Path(folder, f"seed-{number}").write_bytes(data)


if __name__ == "__main__":
    run = guided if importlib.util.find_spec("atheris") else by_chance
    run(sys.argv[1], sys.argv[2:])
