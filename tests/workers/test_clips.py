"""A clip from its bytes to what staff see, by the worker's own code; a histogram finds the dog."""

import io
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from portal.clips import services
from portal.clips.models import Clip
from portal.dogs.models import DogChange
from portal.files import FilesAway
from portal.jobs.models import Job
from portal.matching.models import Embedding, ModelVersion
from tests.films import film, plain
from workers import pipeline, tasks
from workers.keeper import keeper

pytestmark = pytest.mark.django_db

BROWN, GREEN = (150, 90, 60), (10, 250, 10)


@pytest.fixture
def dog(list_dog, version, run):
    dog = list_dog("Bori")
    run()
    return dog


@pytest.fixture
def take(dog, staff, act):
    def send(data):
        with act():
            return services.take_clip(dog=dog, by=staff, file=ContentFile(data, name="clip.webm"))

    return send


def rising(count=16, size=(96, 64)):
    """A dog that grows brighter."""
    return film([np.full((size[1], size[0], 3), 60 + 8 * n, np.uint8) for n in range(count)])


def test_a_clip_becomes_a_film_with_points(take, run, files, analyser):
    looked = analyser.seen
    clip = take(rising())
    assert files() == [clip.upload.name]
    assert clip.upload.name.startswith("clips/")
    run()
    clip.refresh_from_db()
    assert (clip.state, clip.error_code) == ("ready", "")
    assert analyser.seen - looked == 16
    assert clip.seconds == pytest.approx(2, abs=0.01)
    assert (clip.width, clip.height) == (96, 64)
    assert [frame["t"] for frame in clip.frames] == pytest.approx(np.arange(16) / 8, abs=0.01)
    assert clip.frames[0]["box"] == [0, 0, 1, 1]
    assert clip.frames[0]["points"][0] == [0.5, 0.25, 0.9]
    assert len(clip.speeds) == 15
    assert set(clip.speeds) == {0}
    assert (clip.level, clip.speed, clip.seen) == ("still", 0, 1)
    assert clip.layout["names"] == [f"point_{number}" for number in range(21)]
    assert clip.ended_at


def test_only_what_was_made_anew_stays(take, run, files):
    """The film's stills lie one after the other, and nothing of the upload is left."""
    clip = take(rising())
    run()
    clip.refresh_from_db()
    assert files() == sorted([clip.film.name, clip.poster.name])
    data = clip.film.read()
    assert clip.frames[0]["at"][0] == 0
    assert clip.frames[-1]["at"][1] == len(data)
    brightness = []
    for frame in clip.frames:
        start, end = frame["at"]
        with Image.open(io.BytesIO(data[start:end])) as still:
            assert still.format == "WEBP"
            assert still.size == (96, 64)
            assert not still.getexif()
            brightness.append(np.asarray(still).mean())
    assert brightness == pytest.approx([60 + 8 * n for n in range(16)], abs=6)
    with Image.open(clip.poster) as poster:
        assert poster.format == "JPEG"
        assert not poster.getexif()


def test_the_clearest_frame_is_the_poster(take, run, analyser, monkeypatch):
    follow = analyser.follow

    def sure_once(frames, told):
        seen = follow(frames, told)
        for place, one in enumerate(seen):
            one.keypoints[:, 2] = 0.9 if place == 5 else 0.4
        told = [
            replace(one, posture="sitting" if place < 9 else "lying")
            for place, one in enumerate(seen)
        ]
        return [None if place < 2 else one for place, one in enumerate(told)]

    monkeypatch.setattr(analyser, "follow", sure_once)
    clip = take(rising())
    run()
    clip.refresh_from_db()
    assert clip.shown == 5
    assert clip.frames[0]["box"] is clip.frames[0]["points"] is None
    assert [clip.frames[place]["posture"] for place in (0, 2, 9)] == ["", "sitting", "lying"]
    assert clip.postures == {"standing": 0, "sitting": 0.5, "lying": 0.5, "other": 0}
    assert clip.speeds[0] is None
    assert clip.seen == pytest.approx(14 / 16, abs=0.001)
    with Image.open(clip.poster) as poster:
        assert np.asarray(poster).mean() == pytest.approx(100, abs=6)


def test_nothing_is_written_of_the_dog(take, run, dog):
    """Not its temperament, not what searches look at."""
    before = list(DogChange.objects.values_list("pk", flat=True))
    take(rising())
    run()
    dog.refresh_from_db()
    assert not dog.temperament.exists()
    assert not dog.photos.exists()
    assert not Embedding.objects.exists()
    assert list(DogChange.objects.values_list("pk", flat=True)) == before


WHOLE = rising()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (WHOLE[: len(WHOLE) // 2], "clip_damaged"),
        (WHOLE[:100] + bytes(5000), "clip_damaged"),
        (plain(BROWN, 180), "clip_too_long"),
        (plain(BROWN, 4), "clip_too_short"),
        (plain(BROWN, 12, (96, 48)), "clip_too_small"),
        (plain(GREEN, 12), "clip_no_dog"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused_leaves_a_code_and_no_file(take, run, files, job_of, data, code):
    clip = take(data)
    run()
    clip.refresh_from_db()
    assert (clip.state, clip.error_code) == ("failed", code)
    assert files() == []
    assert not clip.can_retry
    assert job_of(Job.Kind.WATCH_CLIP, clip.pk).state == "done"
    with pytest.raises(services.ClipRefused):
        services.retry_clip(clip=clip)


def test_what_is_larger_than_the_limit_was_when_it_came(take, run, files, settings):
    clip = take(WHOLE)
    settings.CLIP_MAX_BYTES = len(WHOLE) - 1
    run()
    clip.refresh_from_db()
    assert clip.error_code == "clip_too_large"
    assert files() == []


def break_down(*_):
    raise RuntimeError("a mistake of ours")


def too_much(*_):
    raise MemoryError


@pytest.mark.parametrize(
    ("fault", "code"), [(break_down, "clip_failed"), (too_much, "clip_too_heavy")]
)
def test_what_failed_here_can_be_tried_again_for_a_day(
    take, run, act, files, analyser, monkeypatch, fault, code
):
    follow = analyser.follow
    monkeypatch.setattr(analyser, "follow", fault)
    clip = take(rising())
    run()
    clip.refresh_from_db()
    assert (clip.state, clip.error_code) == ("failed", code)
    assert files() == [clip.upload.name]
    assert clip.can_retry
    monkeypatch.setattr(analyser, "follow", follow)
    with act():
        services.retry_clip(clip=clip)
    run()
    clip.refresh_from_db()
    assert (clip.state, clip.error_code) == ("ready", "")


def test_bytes_that_nobody_tried_again_go(take, run, act, files, analyser, monkeypatch):
    monkeypatch.setattr(analyser, "follow", break_down)
    clip = take(rising())
    run()
    with act():
        assert services.expire_uploads() == 0
    Clip.objects.update(ended_at=timezone.now() - timedelta(hours=25))
    with act():
        assert services.expire_uploads() == 1
    clip.refresh_from_db()
    assert files() == []
    assert (clip.state, clip.can_retry) == ("failed", False)


def test_a_clip_whose_file_is_gone_says_so(take, run):
    clip = take(rising())
    default_storage.delete(clip.upload.name)
    run()
    clip.refresh_from_db()
    assert (clip.state, clip.error_code) == ("failed", "clip_gone")


def test_a_worker_that_is_lost_three_times(take, run, outbox, version):
    clip = take(rising())
    job = Job.objects.get(kind=Job.Kind.WATCH_CLIP)
    job.state, job.attempts, job.worker = Job.State.RUNNING, 3, "batch@here"
    job.save()
    pipeline.reclaim("batch@here")
    clip.refresh_from_db()
    assert (clip.state, clip.error_code) == ("failed", "clip_failed")
    assert clip.can_retry


def test_without_models_a_clip_goes_on_waiting_and_is_taken_up_again(
    take, run, act, outbox, version
):
    ModelVersion.objects.update(state="retired")
    clip = take(rising())
    run()
    clip.refresh_from_db()
    assert clip.state == "waiting"
    ModelVersion.objects.filter(pk=version.pk).update(state="active")
    with act():
        tasks.index_missing()
    assert not outbox, "it may be on its way"
    Clip.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    with act():
        tasks.index_missing()
    run()
    clip.refresh_from_db()
    assert clip.state == "ready"
    with act():
        tasks.index_missing()
    assert not outbox


def test_a_clip_waits_for_a_bucket_that_is_away(take, outbox, act, monkeypatch):
    clip = take(rising())
    storage = type(default_storage._wrapped)
    [job] = outbox

    def away(*_args, **_kwargs):
        raise FilesAway("nobody answers")

    monkeypatch.setattr(keeper, "worker", "batch@here")
    with monkeypatch.context() as broken, act():
        broken.setattr(storage, "open", away)
        tasks.watch_clip(job)
    clip.refresh_from_db()
    assert (clip.state, clip.error_code) == ("waiting", "")
    assert Job.objects.get(pk=job).state == "queued"


def test_a_clip_deleted_meanwhile_leaves_nothing(take, run, act, files, analyser, monkeypatch):
    clip = take(rising())
    follow = analyser.follow

    def deleted_meanwhile(frames, told):
        services.delete_clip(clip=clip)
        return follow(frames, told)

    monkeypatch.setattr(analyser, "follow", deleted_meanwhile)
    run()
    assert not Clip.objects.exists()
    assert files() == []


def test_watching_twice_is_watching_once(take, run, act, outbox, files):
    clip = take(rising())
    run()
    kept = files()
    with act():
        pipeline.jobs.enqueue(kind=Job.Kind.WATCH_CLIP, subject=clip.pk, queue=Job.Queue.BATCH)
    run()
    assert files() == kept
