"""Reindex: beside the live version, stoppable anywhere, whatever one photo does."""

import os

import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from portal.dogs import services as dogs
from portal.dogs.models import Photo
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.models import Embedding, ModelVersion, Rejection
from portal.matching.queries import missing_photos
from workers import pipeline, reindexing, runtime

pytestmark = pytest.mark.django_db

RED, SAND, BLACK = (200, 20, 20), (210, 180, 140), (15, 15, 15)
# Colour of the photos that this test's models cannot stand.
POISON = (250, 250, 10)


class Killed(BaseException):
    """The worker's end, as far as one process can play it."""


@pytest.fixture
def mirror(version):
    return ModelVersion.objects.get(name="starter-mirror")


@pytest.fixture
def indexed(version, list_dog, run):
    """Photos of these colours, described by the live version."""

    def make(*colours):
        for number, colour in enumerate(colours):
            list_dog(f"dog {number}", colour)
        run()
        assert not missing_photos(version).exists()
        return list(Photo.objects.order_by("pk"))

    return make


@pytest.fixture
def reindex(act):
    def ask(name="starter-mirror", rebuild=False):
        with act():
            return services.request_reindex(version_name=name, by=None, rebuild=rebuild)

    return ask


def poison(analyser, error, everything=False):
    """Lets the models fail whenever a poisonous photo is among those they are given."""
    look = analyser.analyse

    def analyse(images):
        for image in images:
            if everything or abs(int(image[50, 50, 0]) - POISON[0]) < 8:
                raise error
        return look(images)

    analyser.analyse = analyse


def reindex_job():
    return Job.objects.filter(kind="reindex").latest("created_at")


def test_a_reindex_builds_beside_the_live_version_and_then_goes_live(
    version, mirror, indexed, reindex, run, search
):
    indexed(RED, SAND, BLACK)
    reindex()
    mirror.refresh_from_db()
    version.refresh_from_db()
    assert (version.state, mirror.state) == ("active", "building")
    query = search(RED)
    run()
    mirror.refresh_from_db()
    version.refresh_from_db()
    assert (version.state, mirror.state) == ("retired", "active")
    assert Embedding.objects.filter(version=mirror).count() == 3
    assert Embedding.objects.filter(version=version).count() == 3
    job = reindex_job()
    assert (job.state, job.done, job.total) == ("done", 3, 3)
    assert query.rankings.get().matches.count() == 3


def test_search_is_answered_by_the_old_version_until_the_switch_and_after_a_rollback(
    version, mirror, analyser, indexed, reindex, run, search
):
    indexed(RED, SAND)
    look = analyser.analyse
    answers = []

    def analyse(images):
        if len(images) > 1 and not answers:
            answers.append(search(RED))
            pipeline.run(Job.objects.get(kind="answer_query").pk)
        return look(images)

    analyser.analyse = analyse
    reindex()
    run()
    during = answers[0].rankings.get()
    assert during.version == version
    assert during.matches.count() == 2
    services.activate_version(version=version)
    after = search(RED)
    run()
    assert after.rankings.get().version == version
    assert after.rankings.get().matches.count() == 2


def test_a_rebuild_of_the_live_models(version, indexed, reindex, run):
    indexed(RED, SAND)
    second = reindex("starter", rebuild=True)
    run()
    second.refresh_from_db()
    version.refresh_from_db()
    assert (second.build, second.state, version.state) == (2, "active", "retired")
    assert Embedding.objects.filter(version=second).count() == 2


def test_only_missing_photos_are_described(version, analyser, indexed, reindex, run):
    first, _, third = indexed(RED, SAND, BLACK)
    Embedding.objects.filter(photo__in=[first, third]).delete()
    before = analyser.seen
    reindex(None)
    run()
    assert analyser.seen - before == 2
    assert Embedding.objects.filter(version=version).count() == 3
    assert reindex_job().state == "done"


def test_a_photo_that_comes_during_the_build_is_in_it(
    version, mirror, analyser, indexed, reindex, run, list_dog
):
    indexed(RED, SAND)
    look = analyser.analyse

    def analyse(images):
        if len(images) == 2:
            list_dog("late", BLACK)
            pipeline.run(Job.objects.filter(kind="index_photo").latest("created_at").pk)
        return look(images)

    analyser.analyse = analyse
    reindex()
    run()
    mirror.refresh_from_db()
    assert mirror.state == "active"
    assert Embedding.objects.filter(version=mirror).count() == 3
    assert Embedding.objects.filter(version=version).count() == 3


def test_work_is_done_in_slices_that_let_others_pass(
    version, mirror, indexed, reindex, act, monkeypatch, outbox
):
    monkeypatch.setattr(reindexing, "BATCH", 2)
    monkeypatch.setattr(reindexing, "SLICE_SECONDS", 0)
    indexed(RED, SAND, BLACK, RED, SAND)
    reindex()
    progress = []
    while outbox:
        with act():
            pipeline.run(outbox.pop(0))
        progress.append((reindex_job().done, reindex_job().state))
    assert progress == [(2, "queued"), (4, "queued"), (5, "done")]
    mirror.refresh_from_db()
    assert mirror.state == "active"
    assert (reindex_job().done, reindex_job().total, reindex_job().attempts) == (5, 5, 1)


def test_cancelling_stops_at_the_next_batch_and_keeps_what_is_done(
    version, mirror, analyser, indexed, reindex, run, monkeypatch
):
    monkeypatch.setattr(reindexing, "BATCH", 2)
    indexed(RED, SAND, BLACK, RED, SAND)
    look = analyser.analyse

    def analyse(images):
        services.cancel_reindex(version=ModelVersion.objects.get(pk=mirror.pk))
        return look(images)

    analyser.analyse = analyse
    reindex()
    run()
    mirror.refresh_from_db()
    assert mirror.state == "available"
    assert reindex_job().state == "cancelled"
    assert not Embedding.objects.filter(version=mirror).exists()
    analyser.analyse = look
    reindex()
    run()
    mirror.refresh_from_db()
    assert mirror.state == "active"


def test_one_bad_photo_costs_itself_only(version, mirror, analyser, indexed, reindex, run):
    photos = indexed(RED, SAND, POISON, BLACK)
    poison(analyser, RuntimeError("cannot look at this"))
    reindex()
    run()
    mirror.refresh_from_db()
    assert mirror.state == "active"
    assert [r.photo for r in Rejection.objects.filter(version=mirror)] == [photos[2]]
    states = list(Photo.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["searchable", "searchable", "failed", "searchable"]
    services.activate_version(version=version)
    assert set(Photo.objects.values_list("state", flat=True)) == {"searchable"}


def test_models_that_fail_at_every_photo_fail_the_job_and_no_photo(
    version, mirror, analyser, indexed, reindex, run
):
    indexed(RED, SAND, BLACK, RED)
    poison(analyser, RuntimeError("out of memory"), everything=True)
    reindex()
    run()
    mirror.refresh_from_db()
    assert mirror.state == "building"
    assert (reindex_job().state, reindex_job().error_code) == ("failed", "failed_inside")
    assert not Rejection.objects.exists()
    assert set(Photo.objects.values_list("state", flat=True)) == {"searchable"}


def test_a_reindex_that_runs_out_of_time_goes_on(
    version, mirror, analyser, indexed, reindex, run, monkeypatch
):
    indexed(RED, SAND)
    late = [SoftTimeLimitExceeded()]

    def load(spec):
        if late:
            raise late.pop()
        return analyser

    monkeypatch.setattr(runtime, "load_analyser", load)
    reindex()
    run()
    mirror.refresh_from_db()
    assert mirror.state == "active"
    assert reindex_job().attempts == 2


def test_photos_that_end_the_worker_are_found_and_left_out(
    version, mirror, analyser, indexed, reindex, outbox, act
):
    photos = indexed(RED, POISON, SAND, POISON, BLACK)
    poison(analyser, Killed())
    reindex()
    deaths = 0
    while outbox:
        with act():
            try:
                pipeline.run(outbox.pop(0))
            except Killed:
                deaths += 1
                jobs.reclaim(worker="")
        assert deaths < 10
    mirror.refresh_from_db()
    assert mirror.state == "active"
    assert deaths == 4
    rejected = Rejection.objects.filter(version=mirror).order_by("photo")
    assert [r.photo for r in rejected] == [photos[1], photos[3]]
    assert Embedding.objects.filter(version=mirror).count() == 3
    assert (reindex_job().state, reindex_job().done) == ("done", 5)


def test_a_picture_that_is_gone_is_refused(version, mirror, indexed, reindex, run, media):
    photo, _ = indexed(RED, SAND)
    os.remove(media / photo.image.name)
    reindex()
    run()
    mirror.refresh_from_db()
    assert mirror.state == "active"
    assert Rejection.objects.get(version=mirror).code == "file_missing"


def test_a_photo_deleted_meanwhile_does_not_hold_the_build_up(
    version, mirror, analyser, indexed, reindex, run
):
    first, _ = indexed(RED, SAND)
    look = analyser.analyse

    def analyse(images):
        if len(images) == 2:
            dogs.delete_photo(photo=Photo.objects.get(pk=first.pk))
        return look(images)

    analyser.analyse = analyse
    reindex()
    run()
    mirror.refresh_from_db()
    assert mirror.state == "active"
    assert Embedding.objects.filter(version=mirror).count() == 1


def test_a_reindex_of_no_photos(version, mirror, reindex, run):
    reindex()
    run()
    mirror.refresh_from_db()
    assert mirror.state == "active"


def test_a_job_about_a_version_that_is_not_wanted_any_more(version, mirror, indexed, reindex, run):
    indexed(RED)
    reindex()
    ModelVersion.objects.filter(pk=mirror.pk).update(state="available")
    run()
    assert reindex_job().state == "done"
    assert not Embedding.objects.filter(version=mirror).exists()
