"""From an upload to matches, with a colour histogram for the models."""

import io
import os

import numpy as np
import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from PIL import Image

from ml.errors import ModelMissing
from portal.dogs import services as dogs
from portal.dogs.models import Dog, Photo
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import Embedding, Keypoints, Match, ModelVersion, Query, Rejection
from tests.workers.conftest import file, picture
from workers import features, live_index, pictures, pipeline, runtime
from workers.live_index import LiveIndex

pytestmark = pytest.mark.django_db

RED, PINK, SAND, BLACK = (200, 20, 20), (212, 32, 32), (210, 180, 140), (15, 15, 15)
CAT, LANDSCAPE = (0, 255, 0), (0, 0, 255)


def names(ranking):
    return [match.dog.name for match in ranking.matches.select_related("dog")]


def test_a_listed_photo_becomes_searchable(version, list_dog, run, files):
    photo = list_dog("Bori", RED).photos.get()
    run()
    photo.refresh_from_db()
    assert (photo.state, photo.error_code, photo.upload.name) == ("searchable", "", "")
    assert (photo.width, photo.height) == (160, 120)
    assert files() == sorted([photo.image.name, photo.thumbnail.name])
    vector = features.as_vectors([Embedding.objects.get().vector])
    assert np.isclose(np.linalg.norm(vector), 1, atol=1e-3)
    keypoints = Keypoints.objects.get()
    assert keypoints.points[0] == [0.5, 0.25, 0.9]
    assert keypoints.box == [0, 0, 1, 1]
    assert Job.objects.get().state == "done"


def test_the_shown_picture_is_upright_small_enough_and_without_metadata(version, shelter, act, run):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    out = io.BytesIO()
    Image.new("RGB", (2000, 1000), SAND).save(out, "JPEG", exif=exif)
    with act():
        dog = dogs.create_dog(
            shelter=shelter, by=None, fields={"name": "Bori"}, photos=[file(out.getvalue())]
        )
    run()
    photo = dog.photos.get()
    assert (photo.width, photo.height) == (640, 1280)
    with photo.image.open() as opened, Image.open(opened) as shown:
        assert shown.size == (640, 1280)
        assert not shown.getexif()
        assert "exif" not in shown.info
    with photo.thumbnail.open() as opened, Image.open(opened) as thumbnail:
        assert max(thumbnail.size) == pictures.THUMBNAIL_SIDE


@pytest.mark.parametrize(("colour", "code"), [(CAT, "no_dog_cat"), (LANDSCAPE, "no_dog")])
def test_a_photo_without_a_dog_says_so_and_stays_for_its_page(version, list_dog, run, colour, code):
    photo = list_dog("Bori", colour).photos.get()
    run()
    photo.refresh_from_db()
    assert (photo.state, photo.error_code) == ("no_dog", code)
    assert photo.image
    assert not Embedding.objects.exists()
    assert Job.objects.get().state == "done"


def test_an_unreadable_photo_leaves_its_reason_and_no_file(version, list_dog, act, run, files):
    dog = list_dog("Bori")
    with act():
        dogs.add_photos(dog=dog, files=[file(picture(RED, (400, 300))[:900])])
    run()
    photo = dog.photos.get()
    assert (photo.state, photo.error_code) == ("unreadable", "truncated_image")
    assert files() == []


def test_a_photo_deleted_while_it_is_looked_at(version, analyser, list_dog, act, run, files):
    photo = list_dog("Bori", RED).photos.get()
    look = analyser.analyse

    def analyse(images):
        dogs.delete_photo(photo=Photo.objects.get(pk=photo.pk))
        return look(images)

    analyser.analyse = analyse
    run()
    assert files() == []
    assert not Embedding.objects.exists()


def test_a_version_switched_while_a_photo_is_looked_at(version, analyser, list_dog, run):
    photo = list_dog("Bori", RED).photos.get()
    mirror = ModelVersion.objects.get(name="starter-mirror")
    look = analyser.analyse

    def analyse(images):
        if analyser.seen == 0:
            services.activate_version(version=mirror)
        return look(images)

    analyser.analyse = analyse
    run()
    assert [row.version for row in Embedding.objects.all()] == [mirror]
    photo.refresh_from_db()
    assert photo.state == "searchable"


def test_a_search_finds_the_most_alike_dog_first(version, list_dog, search, run):
    for name, colour in [("sand", SAND), ("pink", PINK), ("black", BLACK), ("red", RED)]:
        list_dog(name, colour)
    query = search(RED)
    run()
    ranking = query.rankings.get()
    assert names(ranking)[:2] == ["red", "pink"]
    assert ranking.candidates == 4
    best, second, *_, last = ranking.matches.all()
    assert (best.score, best.band) == (100, "strong")
    assert best.similarity > 0.99
    assert best.similarity > second.similarity > last.similarity
    assert last.band == "none"
    query.refresh_from_db()
    assert (query.version, query.width, query.upload.name) == (version, 160, "")
    assert query.points[0] == [0.5, 0.25, 0.9]
    assert Job.objects.get(kind="answer_query").total == 4


def test_a_dog_comes_once_by_its_best_photo(version, list_dog, search, run):
    dog = list_dog("two coats", BLACK, RED)
    query = search(RED)
    run()
    match = query.rankings.get().matches.get()
    assert match.photo == dog.photos.get(position=1)


def test_a_search_before_there_are_dogs(version, search, run):
    query = search(RED)
    run()
    ranking = query.rankings.get()
    assert ranking.ranked_at is not None
    assert (ranking.candidates, names(ranking)) == (0, [])


def test_filters_limit_the_candidates(version, list_dog, search, run):
    list_dog("he", RED, sex="male")
    list_dog("she", SAND, sex="female")
    query = search(RED, filters=Filters(sex="female"))
    run()
    assert names(query.rankings.get()) == ["she"]
    assert query.rankings.get().candidates == 1


def test_other_filters_do_not_look_at_the_photo_again(
    version, analyser, list_dog, search, act, run
):
    list_dog("he", RED, sex="male")
    list_dog("she", SAND, sex="female")
    query = search(RED)
    run()
    seen = analyser.seen
    with act():
        ranking = services.rank(query=query, filters=Filters(sex="female"))
    run()
    assert names(ranking) == ["she"]
    assert analyser.seen == seen


@pytest.mark.parametrize("status", ["adopted", "on_hold", "withdrawn", "draft"])
def test_only_dogs_that_can_be_adopted_come_back(
    version, list_dog, search, act, run, staff, status
):
    stays, goes = list_dog("stays", SAND), list_dog("goes", RED)
    first = search(RED)
    run()
    ranking = first.rankings.get()
    assert names(ranking) == ["goes", "stays"]
    dogs.set_status(dog=goes, status=status, by=staff)
    assert [m.dog for m in ranking.matches.adoptable()] == [stays]
    second = search(RED)
    run()
    assert names(second.rankings.get()) == ["stays"]
    dogs.publish_dog(dog=goes)
    third = search(RED)
    run()
    assert names(third.rankings.get()) == ["goes", "stays"]


def test_a_dog_adopted_during_the_search_is_not_stored(
    version, list_dog, search, run, staff, monkeypatch
):
    stays, goes = list_dog("stays", SAND), list_dog("goes", RED)
    run()
    find = LiveIndex.search

    def search_index(self, *args):
        hits = find(self, *args)
        dogs.set_status(dog=goes, status="adopted", by=staff)
        return hits

    monkeypatch.setattr(LiveIndex, "search", search_index)
    query = search(RED)
    run()
    assert [m.dog for m in query.rankings.get().matches.all()] == [stays]


def test_a_deleted_photo_leaves_the_index(version, list_dog, search, run):
    dog, other = list_dog("two coats", BLACK, RED), list_dog("other", SAND)
    search(RED)
    run()
    dogs.delete_photo(photo=dog.photos.get(position=1))
    query = search(RED)
    run()
    matches = query.rankings.get().matches
    assert {m.dog for m in matches.all()} == {dog, other}
    assert matches.get(dog=dog).photo == dog.photos.get()


def test_a_new_photo_is_in_the_next_answer(version, list_dog, search, run):
    list_dog("sand", SAND)
    search(RED)
    run()
    list_dog("red", RED)
    query = search(RED)
    run()
    assert names(query.rankings.get()) == ["red", "sand"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (picture(CAT), "no_dog_cat"),
        (picture(LANDSCAPE), "no_dog"),
        (picture(RED, (400, 300))[:900], "truncated_image"),
    ],
)
def test_a_search_that_cannot_be_answered_says_why_and_keeps_nothing(
    version, search, run, files, data, code
):
    query = search(data=data)
    run()
    query.refresh_from_db()
    assert (query.error_code, query.image.name, query.upload.name) == (code, "", "")
    assert query.vector is None
    assert files() == []
    assert Job.objects.get().state == "done"


def test_a_search_deleted_while_it_is_answered(version, analyser, search, run, files, list_dog):
    list_dog("red", RED)
    run()
    listed = files()
    query = search(RED)
    look = analyser.analyse

    def analyse(images):
        services.delete_query(query=Query.objects.get(pk=query.pk))
        return look(images)

    analyser.analyse = analyse
    run()
    assert files() == listed
    assert not Match.objects.exists()


def test_a_version_switched_during_a_search(version, analyser, list_dog, search, run):
    list_dog("red", RED)
    run()
    mirror = services.request_reindex(version_name="starter-mirror", by=None)
    photo = Photo.objects.get()
    row = Embedding.objects.get()
    services.store_features(photo=photo, version=mirror, vector=row.vector, points=[], box=[])
    query = search(RED)
    look = analyser.analyse
    seen = []

    def analyse(images):
        if not seen:
            services.activate_version(version=mirror)
        seen.append(1)
        return look(images)

    analyser.analyse = analyse
    run()
    query.refresh_from_db()
    ranking = query.rankings.get()
    assert (query.version, ranking.version) == (mirror, mirror)
    assert names(ranking) == ["red"]


def test_more_like_this_dog(version, list_dog, act, run):
    dog = list_dog("two coats", BLACK, RED)
    for name, colour in [("sand", SAND), ("pink", PINK), ("black", BLACK)]:
        list_dog(name, colour)
    run()
    with act():
        ranking = services.rank(dog=dog, filters=Filters())
    run()
    assert names(ranking) == ["black", "pink", "sand"]
    ranking.refresh_from_db()
    assert ranking.candidates == 3


def test_like_a_dog_without_a_searchable_photo(version, list_dog, act, run):
    list_dog("red", RED)
    dog = list_dog("no photo")
    with act():
        ranking = services.rank(dog=dog, filters=Filters())
    run()
    ranking.refresh_from_db()
    assert ranking.ranked_at is not None
    assert names(ranking) == []


def test_rows_that_became_visible_out_of_order_are_caught_up(version, list_dog, run, monkeypatch):
    monkeypatch.setattr(live_index, "PATIENCE", 0)
    for number in range(3):
        list_dog(str(number), RED)
    run()
    rows = list(Embedding.objects.order_by("pk"))
    late = rows[0]
    Embedding.objects.filter(pk=late.pk).delete()
    index = LiveIndex(version.pk)
    index.catch_up()
    assert (len(index), index.up_to) == (2, rows[2].pk)
    late.save(force_insert=True)
    index.catch_up()
    assert len(index) == 3
    # One comes and one goes: the number is the same.
    Embedding.objects.filter(pk=rows[1].pk).delete()
    index.catch_up()
    rows[1].save(force_insert=True)
    Embedding.objects.filter(pk=rows[0].pk).delete()
    index.catch_up()
    allowed = index.allowed(Dog.objects.all())
    assert len(allowed) == 3
    hits = index.search(features.as_vectors([rows[1].vector]), 5, allowed)
    assert {hit.id for hit in hits} == {rows[1].photo_id, rows[2].photo_id}


def test_all_rows_are_counted_a_twentieth_of_the_time_at_most(
    version, list_dog, run, monkeypatch, django_assert_num_queries
):
    """New rows are read before every search all the same."""
    list_dog("a", RED)
    run()
    index = LiveIndex(version.pk)
    clock = [0.0]
    monkeypatch.setattr(live_index.time, "monotonic", lambda: clock[0])
    complete = LiveIndex._is_complete

    def slow(self):
        clock[0] += 2
        return complete(self)

    monkeypatch.setattr(LiveIndex, "_is_complete", slow)
    index.catch_up()
    clock[0] += 39
    with django_assert_num_queries(1):
        index.catch_up()
    list_dog("b", RED)
    run()
    index.catch_up()
    assert len(index) == 2
    clock[0] += 2
    with django_assert_num_queries(2):
        index.catch_up()


def test_a_deleted_photo_is_noticed_before_the_next_count(version, list_dog, run, monkeypatch):
    dog, other = list_dog("two coats", BLACK, RED), list_dog("other", SAND)
    run()
    index = LiveIndex(version.pk)
    index.catch_up()
    monkeypatch.setattr(index, "_is_complete", lambda: True)
    red = Embedding.objects.get(photo__position=1)
    vector = features.as_vectors([red.vector])
    dogs.delete_photo(photo=red.photo)
    hits = index.search(vector, 5, index.allowed(Dog.objects.all()))
    assert {(hit.group, hit.id) for hit in hits} == {
        (dog.pk, dog.photos.get().pk),
        (other.pk, other.photos.get().pk),
    }
    assert len(index) == 2


def test_what_a_filter_let_pass_is_read_again_when_a_dog_has_changed(
    version, list_dog, run, staff, django_assert_num_queries
):
    dog, other = list_dog("one", RED), list_dog("other", SAND)
    run()
    index = LiveIndex(version.pk)
    index.catch_up()
    everybody = Dog.objects.adoptable()
    assert set(index.allowed(everybody).dogs()) == {dog.pk, other.pk}
    with django_assert_num_queries(1):
        index.allowed(everybody)
    assert set(index.allowed(everybody.filter(name="one")).dogs()) == {dog.pk}
    dogs.set_status(dog=other, status="adopted", by=staff)
    assert set(index.allowed(everybody).dogs()) == {dog.pk}
    late = list_dog("late", BLACK)
    run()
    index.catch_up()
    assert set(index.allowed(everybody).dogs()) == {dog.pk, late.pk}
    assert len(index.allowed(Dog.objects.filter(pk__in=[]))) == 0


def test_an_index_of_another_version_is_apart(version, list_dog, run):
    list_dog("a", RED)
    run()
    mirror = LiveIndex(ModelVersion.objects.get(name="starter-mirror").pk)
    mirror.catch_up()
    assert len(mirror) == 0


# Failures


def broken(error):
    def analyse(images):
        raise error

    return analyse


def test_a_photo_that_fails_three_times_is_failed_and_can_be_tried_again(
    version, analyser, list_dog, act, run
):
    photo = list_dog("Bori", RED).photos.get()
    look = analyser.analyse
    analyser.analyse = broken(RuntimeError("no memory"))
    run()
    photo.refresh_from_db()
    assert (photo.state, photo.error_code) == ("failed", "failed_inside")
    job = Job.objects.get()
    assert (job.state, job.attempts) == ("failed", 3)
    assert "no memory" in job.error_detail
    analyser.analyse = look
    with act():
        dogs.retry_photo(photo=photo)
    run()
    photo.refresh_from_db()
    assert photo.state == "searchable"
    assert not Rejection.objects.exists()


def test_a_passing_failure_is_not_noticed(version, analyser, search, run):
    query = search(RED)
    look = analyser.analyse
    errors = [RuntimeError("once"), RuntimeError("twice")]
    analyser.analyse = lambda images: broken(errors.pop())(images) if errors else look(images)
    run()
    query.refresh_from_db()
    assert query.error_code == ""
    assert Job.objects.get().attempts == 3


def test_a_search_that_takes_too_long_says_so(version, analyser, search, run, files):
    query = search(RED)
    analyser.analyse = broken(SoftTimeLimitExceeded())
    run()
    query.refresh_from_db()
    assert query.error_code == "timed_out"
    assert files() == []


def test_without_models_a_photo_goes_on_waiting(version, list_dog, search, run, monkeypatch):
    def load(spec):
        raise ModelMissing("gone")

    monkeypatch.setattr(runtime, "load_analyser", load)
    photo, query = list_dog("Bori", RED).photos.get(), search(RED)
    run()
    photo.refresh_from_db()
    query.refresh_from_db()
    assert photo.state == "waiting"
    assert query.error_code == "no_active_version"
    assert {job.error_code for job in Job.objects.all()} == {"unknown_model"}


def test_before_any_version_a_photo_waits(analyser, list_dog, run):
    photo = list_dog("Bori", RED).photos.get()
    run()
    photo.refresh_from_db()
    assert photo.state == "waiting"
    assert Job.objects.get().error_code == "no_active_version"


@pytest.mark.parametrize("value", [np.nan, 0.0, 3.0])
def test_a_vector_no_index_takes_is_not_stored(version, analyser, list_dog, run, value):
    look = analyser.analyse

    def analyse(images):
        seen = look(images)
        seen[0].vector[:] = value
        return seen

    analyser.analyse = analyse
    list_dog("Bori", RED)
    run()
    assert not Embedding.objects.exists()
    assert Photo.objects.get().state == "failed"


def test_a_picture_that_is_gone(version, list_dog, act, run, media):
    photo = list_dog("Bori", RED).photos.get()
    os.remove(media / photo.upload.name)
    run()
    photo.refresh_from_db()
    assert (photo.state, photo.error_code) == ("failed", "file_missing")


def test_the_sweeper_settles_what_lost_three_workers(version, list_dog, search, act, files):
    photo, query = list_dog("Bori", RED).photos.get(), search(RED)
    for job in Job.objects.all():
        for _ in range(2):
            jobs.put_back(job=jobs.start(job_id=job.pk), got_on=False)
        jobs.start(job_id=job.pk, worker="interactive@here")
    with act():
        pipeline.reclaim("interactive@elsewhere")
        assert not Job.objects.filter(state="failed").exists()
        pipeline.reclaim("interactive@here")
    photo.refresh_from_db()
    query.refresh_from_db()
    assert (photo.state, photo.error_code) == ("failed", "worker_lost")
    assert query.error_code == "worker_lost"
    assert files() == [photo.upload.name]


def test_a_message_delivered_twice_does_its_work_once(version, analyser, list_dog, act, outbox):
    list_dog("Bori", RED)
    job_id = outbox.pop()
    with act():
        pipeline.run(job_id)
        pipeline.run(job_id)
    assert analyser.seen == 1
    assert Embedding.objects.count() == 1
