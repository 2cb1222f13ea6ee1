"""A job that needs more memory than a worker may take fails with its reason; the worker lives."""

import subprocess
import sys

import numpy as np
import pytest

from portal.jobs.models import Job
from workers import memory

LIMITED = """
import numpy as np
from workers import memory
memory.limit(200 * 2**20)
small = np.ones(50 * 2**20, np.uint8)
try:
    np.ones(400 * 2**20, np.uint8)
except MemoryError:
    print("refused", flush=True)
del small
np.ones(100 * 2**20, np.uint8)
print("and lives")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA is Linux's")
def test_a_process_is_held_to_its_limit():
    result = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True
    )
    assert result.stdout.split("\n")[:2] == ["refused", "and lives"]


def test_what_is_held_is_measured():
    before = memory.held()
    kept = np.ones(80 * 2**20, np.uint8)
    assert memory.held() - before > 60 * 2**20
    del kept
    assert memory.held_on_gpu() is None


def test_a_photo_too_heavy_fails_at_once_with_its_reason(
    version, list_dog, run, analyser, monkeypatch
):
    def heavy(_images):
        raise MemoryError

    monkeypatch.setattr(analyser, "analyse", heavy)
    photo = list_dog("Bori", (200, 20, 20)).photos.get()
    run()
    job = Job.objects.get(kind="index_photo", subject=photo.pk)
    assert (job.state, job.attempts, job.error_code) == ("failed", 1, "too_heavy")
    photo.refresh_from_db()
    assert (photo.state, photo.error_code) == ("failed", "too_heavy")
