"""Services of matching: versions, features, queries, rankings."""

from datetime import timedelta

import numpy as np
import pytest
from django.db import IntegrityError
from django.utils import timezone

from ml.errors import ImageRejected
from portal.dogs import services as dogs
from portal.dogs.models import Dog, Photo
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import queries, services
from portal.matching.filters import Filters
from portal.matching.models import (
    Embedding,
    Keypoints,
    Match,
    ModelVersion,
    Query,
    Ranking,
    Rejection,
)
from tests.histogram import spec
from tests.portal.answers import keys
from tests.portal.uploads import upload

pytestmark = pytest.mark.django_db

VECTOR = np.eye(1, 128, dtype="<f4").tobytes()
POINTS = [[0.5, 0.5, 0.9]]
BOX = [0.0, 0.0, 1.0, 1.0]
LIVE, MIRROR = spec(), spec("starter-mirror", "b")


@pytest.fixture
def version():
    services.register_specs(specs=[LIVE, MIRROR], default="starter")
    return ModelVersion.objects.active().get()


def mirror():
    return ModelVersion.objects.get(name="starter-mirror")


@pytest.fixture
def prepared(make_dog, media_files):
    """A dog with photos that have their pictures and await description."""

    def make(name="Bori", photos=1, **fields):
        dog = make_dog(name, photos=photos, **fields)
        for photo in dog.photos.all():
            assert services.store_pictures(
                photo=photo, image=f"{photo.pk}.jpg", thumbnail="t.webp", width=96, height=80
            )
        return dog

    return make


def describe(photo, version):
    return services.store_features(
        photo=photo, version=version, vector=VECTOR, points=POINTS, box=BOX
    )


def states():
    return dict(ModelVersion.objects.values_list("name", "state"))


def start(**parts):
    options = {"owner": None, "owner_key": "key", "filters": Filters(), "file": upload()}
    return services.start_query(**(options | parts))


# Versions


def test_the_default_goes_live_when_none_is(version):
    assert states() == {"starter": "active", "starter-mirror": "available"}
    services.register_specs(specs=[LIVE, MIRROR], default="starter-mirror")
    assert states() == {"starter": "active", "starter-mirror": "available"}
    assert ModelVersion.objects.count() == 2
    assert version.spec["name"] == "starter"


def test_new_models_are_built_when_the_live_ones_were_replaced(version):
    newer = spec("starter", "c")
    services.register_specs(specs=[newer], default="starter")
    building = ModelVersion.objects.get(state="building")
    assert building.fingerprint == newer.fingerprint
    assert Job.objects.get().subject == str(building.pk)
    services.register_specs(specs=[newer], default="starter")
    assert Job.objects.count() == 1


def test_a_reindex_without_a_name_describes_what_the_live_version_lacks(version):
    assert services.request_reindex(version_name=None, by=None) == version
    assert services.request_reindex(version_name="starter", by=None) == version
    job = Job.objects.get()
    assert (job.kind, job.subject, job.queue) == ("reindex", str(version.pk), "batch")
    assert states()["starter"] == "active"


def test_another_version_is_built_beside_the_live_one(version, staff):
    built = services.request_reindex(version_name="starter-mirror", by=staff)
    assert states() == {"starter": "active", "starter-mirror": "building"}
    for name in ("starter-mirror", None):
        with pytest.raises(services.VersionConflict) as caught:
            services.request_reindex(version_name=name, by=staff)
        assert caught.value.code == "reindex_running"
    services.cancel_reindex(version=built)
    assert states()["starter-mirror"] == "available"
    assert Job.objects.get().state == "cancelled"


def test_a_rebuild_is_a_new_build_and_a_cancelled_one_is_resumed(version):
    second = services.request_reindex(version_name="starter", by=None, rebuild=True)
    assert (second.build, second.fingerprint) == (2, version.fingerprint)
    services.cancel_reindex(version=second)
    again = services.request_reindex(version_name=None, by=None, rebuild=True)
    assert again.pk == second.pk
    services.activate_version(version=again)
    assert services.request_reindex(version_name=None, by=None, rebuild=True).build == 3


def test_a_name_nobody_knows(version):
    with pytest.raises(services.VersionConflict) as caught:
        services.request_reindex(version_name="huge", by=None)
    assert caught.value.code == "unknown_model"


def test_no_version_at_all():
    with pytest.raises(services.VersionConflict) as caught:
        services.request_reindex(version_name=None, by=None)
    assert caught.value.code == "no_active_version"


def test_switching_waits_for_every_photo(version, prepared):
    photo = prepared().photos.get()
    describe(photo, version)
    built = services.request_reindex(version_name="starter-mirror", by=None)
    with pytest.raises(services.VersionConflict) as caught:
        services.activate_version(version=built)
    assert caught.value.code == "photos_missing"
    assert states() == {"starter": "active", "starter-mirror": "building"}
    assert describe(photo, built)
    services.activate_version(version=built)
    assert states() == {"starter": "retired", "starter-mirror": "active"}
    services.activate_version(version=version)
    assert states() == {"starter": "active", "starter-mirror": "retired"}


def test_photos_not_prepared_yet_do_not_hold_a_switch_up(version, make_dog):
    make_dog(photos=1)
    services.activate_version(version=mirror())
    assert states()["starter-mirror"] == "active"


def test_the_states_of_photos_follow_the_switch(version, prepared):
    seen, unseen, broken = prepared(photos=3).photos.all()
    for photo in (seen, unseen, broken):
        describe(photo, version)
    describe(seen, built := services.request_reindex(version_name="starter-mirror", by=None))
    services.store_rejection(photo=unseen, version=built, code="no_dog_cat")
    services.store_rejection(photo=broken, version=built, code="failed")
    assert set(Photo.objects.values_list("state", flat=True)) == {"searchable"}
    services.activate_version(version=built)
    assert list(Photo.objects.order_by("pk").values_list("state", "error_code")) == [
        ("searchable", ""),
        ("no_dog", "no_dog_cat"),
        ("failed", "failed"),
    ]
    services.activate_version(version=version)
    assert set(Photo.objects.values_list("state", "error_code")) == {("searchable", "")}


# Features


def test_features_are_stored_once_and_make_a_photo_searchable(version, prepared):
    photo = prepared().photos.get()
    assert list(queries.missing_photos(version)) == [photo]
    assert describe(photo, version)
    assert describe(photo, version)
    assert Embedding.objects.get().vector == VECTOR
    assert Keypoints.objects.get().points == POINTS
    photo.refresh_from_db()
    assert photo.state == "searchable"
    assert not queries.missing_photos(version).exists()


def test_features_of_a_version_whose_time_is_over_are_not_stored(version, prepared):
    photo = prepared().photos.get()
    assert not describe(photo, mirror())
    assert not services.store_rejection(photo=photo, version=mirror(), code="no_dog")
    assert not Embedding.objects.exists()
    assert not Rejection.objects.exists()


def test_features_of_a_deleted_photo_are_not_stored(version, prepared):
    photo = prepared().photos.get()
    Photo.objects.all().delete()
    assert not describe(photo, version)


def test_a_rejection_is_an_answer_that_a_later_one_replaces(version, prepared):
    photo = prepared().photos.get()
    services.store_rejection(photo=photo, version=version, code="no_dog")
    services.store_rejection(photo=photo, version=version, code="no_dog_person")
    photo.refresh_from_db()
    assert (photo.state, photo.error_code) == ("no_dog", "no_dog_person")
    assert not queries.missing_photos(version).exists()
    describe(photo, version)
    photo.refresh_from_db()
    assert (photo.state, photo.error_code) == ("searchable", "")
    assert not Rejection.objects.exists()


def test_pictures_take_the_uploads_place(make_dog, media_files, on_commit):
    photo = make_dog(photos=1).photos.get()
    assert len(media_files()) == 1
    with on_commit():
        assert services.store_pictures(
            photo=photo, image="a.jpg", thumbnail="b.webp", width=9, height=8
        )
    assert (photo.upload.name, photo.image.name, photo.width) == ("", "a.jpg", 9)
    assert media_files() == []
    assert not services.store_pictures(
        photo=photo, image="c.jpg", thumbnail="d.webp", width=9, height=8
    )


def test_a_refused_upload_leaves_its_reason_and_no_file(make_dog, media_files, on_commit):
    photo = make_dog(photos=1).photos.get()
    with on_commit():
        services.refuse_photo(photo=photo, code="truncated_image")
    photo.refresh_from_db()
    assert (photo.state, photo.error_code, photo.upload.name) == (
        "unreadable",
        "truncated_image",
        "",
    )
    assert media_files() == []


def test_a_failed_photo_keeps_its_upload_and_is_pending_no_more(version, make_dog, media_files):
    photo = make_dog(photos=1).photos.get()
    Job.objects.all().delete()
    Photo.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert queries.pending_photos() == [photo.pk]
    services.fail_photo(photo=photo, code="worker_lost")
    photo.refresh_from_db()
    assert (photo.state, photo.error_code) == ("failed", "worker_lost")
    assert photo.can_retry
    assert queries.pending_photos() == []


def test_pending_photos_are_old_enough_and_nobody_works_on_them(version, prepared, make_dog):
    described, lacking = prepared(photos=2).photos.all()
    describe(described, version)
    waiting = make_dog("Kong", photos=1).photos.get()
    Photo.objects.filter(pk=lacking.pk).update(state="searchable")
    assert queries.pending_photos() == []
    Photo.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert queries.pending_photos() == []
    Job.objects.filter(subject=waiting.pk).update(state="done")
    assert queries.pending_photos() == [waiting.pk]
    Job.objects.update(state="done")
    assert queries.pending_photos() == [lacking.pk, waiting.pk]


# Queries


def test_a_query_keeps_its_photo_private_until_it_expires(media_files, messages_sent, on_commit):
    with on_commit():
        query = start(filters=Filters(sex="male"))
    assert media_files() == [query.upload.name]
    assert [r.filters for r in query.rankings.all()] == [{"sex": "male"}]
    assert [name for name, _ in messages_sent] == ["workers.tasks.answer_query"]
    hours = (query.expires_at - timezone.now()) / timedelta(hours=1)
    assert 23.9 < hours <= 24


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "empty_file"), (b"<svg >", "unsupported_format"), (b"hello", "not_an_image")],
)
def test_a_file_that_is_no_photo_starts_nothing(media_files, data, code):
    with pytest.raises(ImageRejected) as caught:
        start(file=upload(data))
    assert caught.value.code == code
    assert media_files() == []
    assert not Query.objects.exists()
    assert not Job.objects.exists()


def test_a_deleted_query_leaves_nothing(media_files, on_commit):
    query, other = start(), start()
    ranking = services.rank(query=query, filters=Filters(sex="male"))
    Job.objects.create(kind="rank", subject=ranking.pk, queue="interactive")
    with on_commit():
        services.delete_query(query=query)
    assert media_files() == [other.upload.name]
    assert list(Query.objects.all()) == [other]
    assert [job.subject for job in Job.objects.all()] == [str(other.pk)]


def test_expired_queries_go_with_their_pictures(media_files, version, on_commit):
    old, new = start(), start()
    services.store_query_features(query=old, version=version, vector=VECTOR, points=POINTS, box=BOX)
    Query.objects.filter(pk=old.pk).update(expires_at=timezone.now())
    with on_commit():
        assert services.expire_queries() == 1
    assert list(Query.objects.all()) == [new]
    assert media_files() == [new.upload.name]
    assert services.expire_queries() == 0


def test_what_comes_after_deletion_is_not_stored(version):
    query = start()
    services.delete_query(query=Query.objects.get())
    assert not services.store_query_picture(query=query, image="a.jpg", width=1, height=1)
    assert not services.store_query_features(
        query=query, version=version, vector=VECTOR, points=POINTS, box=BOX
    )
    assert not Query.objects.exists()


def test_a_failed_query_keeps_no_file(media_files, on_commit):
    query = start()
    with on_commit():
        services.fail_query(query=query, code="no_dog")
    query.refresh_from_db()
    assert (query.error_code, query.upload.name, query.image.name) == ("no_dog", "", "")
    assert media_files() == []


# Rankings


@pytest.fixture
def searchable(prepared, version):
    def make(name="Bori", **fields):
        dog = prepared(name, **fields)
        for photo in dog.photos.all():
            describe(photo, version)
        return dog

    return make


def found(dog, similarity=0.9):
    return services.Found(dog.pk, dog.photos.first().pk, similarity, 87, "strong")


def store(ranking, version, *dogs, at=None):
    return services.store_matches(
        ranking=ranking,
        version=version,
        hits=[found(dog) for dog in dogs],
        candidates=len(dogs),
        up_to=Embedding.objects.order_by("pk").last().pk,
        ranked_at=at or timezone.now() - timedelta(seconds=10),
    )


def ranked(version, *dogs, at=None):
    query = start()
    Job.objects.update(state="done")
    ranking = query.rankings.get()
    assert store(ranking, version, *dogs, at=at)
    return query, ranking


def test_matches_are_kept_in_order_and_without_dogs_gone_meanwhile(version, searchable, staff):
    a, b, c, d = (searchable(name) for name in "abcd")
    dogs.set_status(dog=b, status="adopted", by=staff)
    dogs.delete_photo(photo=d.photos.get())
    hits = [found(c), found(b), services.Found(d.pk, 10**6, 0.5, 50, "weak"), found(a)]
    ranking = start().rankings.get()
    services.store_matches(
        ranking=ranking, version=version, hits=hits, candidates=4, up_to=9, ranked_at=timezone.now()
    )
    assert [(m.rank, m.dog.name) for m in ranking.matches.all()] == [(1, "c"), (2, "a")]
    assert (ranking.candidates, ranking.up_to) == (4, 9)


def test_a_stored_match_of_a_dog_adopted_later_is_not_shown(version, searchable, staff):
    dog = searchable()
    _, ranking = ranked(version, dog)
    assert ranking.matches.adoptable().count() == 1
    dogs.set_status(dog=dog, status="adopted", by=staff)
    assert ranking.matches.adoptable().count() == 0


def test_matches_of_a_version_no_longer_live_are_not_stored(version, searchable):
    dog = searchable()
    ranking = start().rankings.get()
    describe(dog.photos.get(), services.request_reindex(version_name="starter-mirror", by=None))
    services.activate_version(version=mirror())
    assert not store(ranking, version, dog)
    assert not Match.objects.exists()


def test_matches_for_a_deleted_query_are_not_stored(version, searchable):
    dog = searchable()
    query = start()
    ranking = query.rankings.get()
    services.delete_query(query=query)
    assert not store(ranking, version, dog)


def test_one_ranking_for_equal_wishes(version, make_dog):
    dog = make_dog()
    a = services.rank(dog=dog, filters=Filters(size=("s", "m")))
    assert services.rank(dog=dog, filters=Filters(size=("m", "s"))) == a
    assert services.rank(dog=dog, filters=Filters()) != a
    assert Job.objects.filter(kind="rank").count() == 2


def test_the_first_ranking_is_the_answers_own(version):
    query = start()
    services.rank(query=query, filters=Filters())
    assert not Job.objects.filter(kind="rank").exists()
    Job.objects.update(state="done")
    services.rank(query=query, filters=Filters(sex="male"))
    assert Job.objects.filter(kind="rank").count() == 1
    services.fail_query(query=query, code="no_dog")
    services.rank(query=query, filters=Filters(sex="female"))
    assert Job.objects.filter(kind="rank").count() == 1


def test_a_fresh_ranking_is_not_ranked_again(version, searchable):
    query, ranking = ranked(version, searchable(), at=timezone.now())
    assert services.rank(query=query, filters=Filters()) == ranking
    assert not Job.objects.filter(kind="rank").exists()


def change_status(dog, staff):
    dogs.set_status(dog=dog, status="on_hold", by=staff)


def change_temperament(dog, staff):
    dogs.set_temperament(dog=dog, trait="energy", value=2, by=staff)


@pytest.mark.parametrize("change", [change_status, change_temperament])
def test_a_changed_dog_makes_rankings_stale(version, searchable, staff, change):
    dog = searchable()
    Dog.objects.update(updated_at=timezone.now() - timedelta(hours=1))
    _, ranking = ranked(version, dog)
    assert queries.ranking_is_fresh(ranking)
    change(dog, staff)
    assert not queries.ranking_is_fresh(ranking)


def test_a_new_photo_or_version_makes_rankings_stale(version, searchable, prepared):
    dog = searchable()
    later = prepared("Kong")
    Dog.objects.update(updated_at=timezone.now() - timedelta(hours=1))
    _, ranking = ranked(version, dog)
    assert queries.ranking_is_fresh(ranking)
    describe(later.photos.get(), version)
    assert not queries.ranking_is_fresh(ranking)
    store(ranking, version, dog)
    assert queries.ranking_is_fresh(ranking)
    services.activate_version(version=built_mirror())
    assert not queries.ranking_is_fresh(ranking)


def built_mirror():
    built = services.request_reindex(version_name="starter-mirror", by=None)
    for photo in Photo.objects.all():
        describe(photo, built)
    return built


def test_a_ranking_that_has_just_failed_is_not_tried_at_each_request(version, searchable):
    query, _ = ranked(version, searchable(), at=timezone.now() - timedelta(hours=1))
    ranking = services.rank(query=query, filters=Filters())
    job = jobs.start(job_id=Job.objects.get(kind="rank").pk)
    jobs.fail(job=job, code="failed_inside")
    services.rank(query=query, filters=Filters())
    assert Job.objects.filter(kind="rank").count() == 1
    Job.objects.update(finished_at=timezone.now() - timedelta(minutes=1))
    assert services.rank(query=query, filters=Filters()) == ranking
    assert Job.objects.filter(kind="rank").count() == 2


def test_rankings_of_listed_dogs_are_kept_for_a_day(version, make_dog):
    old, new, unranked = (services.rank(dog=make_dog(name), filters=Filters()) for name in "abc")
    query = start().rankings.get()
    two_days = timezone.now() - timedelta(days=2)
    Ranking.objects.exclude(pk=unranked.pk).update(created_at=two_days, ranked_at=two_days)
    Ranking.objects.filter(pk=new.pk).update(ranked_at=timezone.now())
    services.expire_rankings()
    assert set(Ranking.objects.all()) == {new, unranked, query}
    assert not Ranking.objects.filter(pk=old.pk).exists()


def test_candidates_can_be_adopted_and_have_a_searchable_photo(version, searchable, prepared):
    a, b = searchable("a", sex="male"), searchable("b", sex="female")
    searchable("draft", publish=False)
    prepared("not described")
    assert keys(queries.candidates(Filters())) == {a.pk, b.pk}
    assert keys(queries.candidates(Filters(sex="female"))) == {b.pk}


def test_asking_for_a_fresh_ranking_takes_few_queries(
    version, searchable, django_assert_num_queries
):
    query, _ = ranked(version, *(searchable(name) for name in "abc"), at=timezone.now())
    Ranking.objects.update(ranked_at=timezone.now() - timedelta(seconds=5))
    Dog.objects.update(updated_at=timezone.now() - timedelta(hours=1))
    with django_assert_num_queries(5):
        services.rank(query=query, filters=Filters())


def test_a_ranking_has_one_source(version):
    with pytest.raises(IntegrityError):
        Ranking.objects.create(filters_key="x")
