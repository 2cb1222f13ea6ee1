"""The whole likeness puts the shortlist in order; without weights nothing more is read."""

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ml.fusion import EXTRA, fixed
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import Embedding, FusionWeights, Match, Query
from workers import fusing, looks, pipeline

pytestmark = pytest.mark.django_db

GREY = (120, 120, 120)
WHITE, BLACK = np.eye(12, dtype="<f4")[[5, 0]]


def weigh(**weights):
    """Makes learnt weights active that the database takes for better."""
    row = {**dict.fromkeys(EXTRA, 0.0), **weights}
    FusionWeights.objects.all().delete()
    return FusionWeights.objects.create(
        weights={"like": row, "lost": dict.fromkeys(EXTRA, 0.0)},
        pairs=200,
        held_back=50,
        agreement=0.9,
        agreement_fixed=0.5,
        margin=0.05,
        is_active=True,
    )


def wear(dog, coat):
    Embedding.objects.filter(photo__dog=dog).update(coat=coat.tobytes())


def names(source):
    """Of a query's or a dog's answer, best first."""
    return [match.dog.name for match in source.rankings.get().matches.order_by("rank")]


@pytest.fixture
def three(version, list_dog, run):
    """Dogs ever less like a grey one, of which only the middle one is white."""
    dogs = [list_dog(name, colour) for name, colour in (
        ("Near", (121, 120, 120)), ("Middle", (123, 120, 120)), ("Far", (190, 120, 60)),
    )]  # fmt: skip
    run()
    for dog, coat in zip(dogs, (BLACK, WHITE, WHITE), strict=True):
        wear(dog, coat)
    return dogs


def ask(search, run, coat=WHITE):
    """A search whose photo shows a dog of this coat."""
    query = search(GREY)
    run()
    Query.objects.filter(pk=query.pk).update(coat=coat.tobytes())
    query.refresh_from_db()
    ranking = query.rankings.get()
    ranking.ranked_at = None
    ranking.save()
    services.rank(query=query, filters=Filters())
    return query


def test_another_part_changes_the_order(three, search, run, act):
    weigh()
    with act():
        query = ask(search, run)
    run()
    assert names(query) == ["Near", "Middle", "Far"]
    weigh(colour=0.3)
    with act():
        ask_again(query)
    run()
    assert names(query) == ["Middle", "Near", "Far"]
    best = query.rankings.get().matches.get(rank=1)
    assert best.parts["colour"] == 1
    assert set(best.parts) == {"appearance", "colour"}
    second = query.rankings.get().matches.get(rank=2)
    assert second.parts["appearance"] == best.parts["appearance"] == 1
    assert second.similarity < 0.95 < best.similarity
    assert second.score == round(100 * second.similarity)


def ask_again(query):
    query.rankings.update(ranked_at=None)
    services.rank(query=query, filters=Filters())


def test_a_lost_dog_has_weights_of_its_own(three, search, run, act):
    weigh(colour=0.3)
    with act():
        query = ask(search, run)
        Query.objects.filter(pk=query.pk).update(lost=True)
    run()
    assert names(query) == ["Near", "Middle", "Far"]


def test_a_listed_dog_is_compared_by_all_its_photos(three, list_dog, run, act):
    weigh(colour=0.3)
    source = list_dog("Source", GREY, (125, 120, 120))
    run()
    wear(source, WHITE)
    with act():
        services.rank(dog=source, filters=Filters())
    run()
    assert names(source) == ["Middle", "Near", "Far"]


def test_without_weights_the_shortlist_is_not_read(three, search, run, monkeypatch):
    weigh()
    monkeypatch.setattr(pipeline.runtime, "looks", None)
    query = search(GREY)
    run()
    assert names(query) == ["Near", "Middle", "Far"]
    assert not Match.objects.exclude(parts=None).exists()


def test_the_index_is_asked_for_a_shortlist_and_few_are_kept(three, search, run, monkeypatch):
    monkeypatch.setattr(pipeline, "K", 1)
    weigh(colour=0.3)
    query = search(GREY)
    run()
    assert len(names(query)) == 1
    monkeypatch.setattr(fusing, "SHORTLIST", 2)
    assert query.rankings.get().candidates == 3


def test_a_shortlist_costs_two_questions_and_the_next_one_none(three, version):
    photos = [dog.photos.get().pk for dog in three]
    listed = pipeline.runtime.looks(version)
    with CaptureQueriesContext(connection) as asked:
        known = listed.of([photos[2], photos[0]])
    assert len(asked) == 2
    assert known.coats[0].tolist() == WHITE.tolist()
    assert known.coats[1].tolist() == BLACK.tolist()
    with CaptureQueriesContext(connection) as asked:
        again = listed.of([photos[0], photos[2]])
    assert not asked.captured_queries
    assert again.coats[0].tolist() == BLACK.tolist()
    np.testing.assert_array_equal(again.body[0], known.body[1])
    assert again.breeds == known.breeds[::-1]


def test_what_has_no_rows_is_known_by_nothing_and_asked_for_again(three, version):
    listed = pipeline.runtime.looks(version)
    known = listed.of([10**9, three[0].photos.get().pk])
    assert np.isnan(known.coats[0]).all()
    assert not known.body[0].any()
    assert (known.breeds[0], known.views[0]) == (None, "")
    assert not np.isnan(known.coats[1]).any()
    with CaptureQueriesContext(connection) as asked:
        listed.of([10**9])
    assert len(asked) == 2


def test_what_was_asked_for_longest_ago_is_read_anew(three, version, monkeypatch):
    monkeypatch.setattr(looks, "KEPT_PHOTOS", 2)
    first, second, third = (dog.photos.get().pk for dog in three)
    listed = pipeline.runtime.looks(version)
    listed.of([first, second], built=False)
    listed.of([first], built=False)
    listed.of([third], built=False)
    with CaptureQueriesContext(connection) as asked:
        listed.of([first, third], built=False)
        assert not asked.captured_queries
        listed.of([second], built=False)
    assert len(asked) == 1


def test_weights_of_other_parts_are_as_none(three, search, run):
    FusionWeights.objects.filter(pk=weigh(colour=0.3).pk).update(weights={"like": {"smell": 1}})
    query = search(GREY)
    run()
    used = fixed().weights["like"]["colour"]
    assert used > 0
    assert query.rankings.get().matches.filter(parts__isnull=False).count() == 3
