"""Searches that wait are taken up without a message each, and looked at together."""

import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching.models import Query
from workers import pictures, pipeline
from workers.keeper import keeper

pytestmark = pytest.mark.django_db

RED, SAND, BLACK, CAT = (200, 30, 30), (200, 170, 120), (20, 20, 20), (10, 240, 10)


@pytest.fixture
def dog(version, list_dog, run):
    found = list_dog("Bori", RED)
    run()
    return found


@pytest.fixture
def batches(analyser, monkeypatch):
    """How many photos each call of the networks had."""
    counts, whole = [], analyser.analyse

    def analyse(images):
        counts.append(len(images))
        return whole(images)

    monkeypatch.setattr(analyser, "analyse", analyse)
    return counts


@pytest.fixture(autouse=True)
def three(monkeypatch):
    monkeypatch.setattr(pipeline, "TOGETHER", 3)


@pytest.fixture
def first(act, outbox):
    """Delivers the oldest message and no other."""

    def deliver():
        with act():
            pipeline.run(outbox.pop(0))

    return deliver


def answered():
    return Query.objects.filter(rankings__matches__isnull=False).distinct().count()


def states():
    return sorted(Job.objects.filter(kind="answer_query").values_list("state", flat=True))


def test_one_message_has_all_searches_answered(dog, search, batches, first, outbox):
    for colour in (RED, SAND, BLACK, RED, SAND):
        search(colour)
    first()
    assert (answered(), states()) == (5, ["done"] * 5)
    assert batches == [1, 3, 1]
    while outbox:
        first()
    assert batches == [1, 3, 1]
    assert set(Job.objects.values_list("attempts", flat=True)) == {1}


def test_it_stops_when_its_time_is_up(dog, search, first, monkeypatch):
    monkeypatch.setattr(pipeline, "GOING_ON", 0)
    for _ in range(3):
        search(RED)
    first()
    assert states() == ["done", "queued", "queued"]


def test_a_listed_photo_lets_its_messages_come_one_by_one(dog, list_dog, search, first):
    list_dog("Duri", SAND)
    search(RED)
    first()
    assert states() == ["queued"]


def test_one_without_a_dog_is_told_so_and_the_others_are_answered(dog, search, batches, first):
    search(RED)
    others = [search(RED), search(CAT), search(SAND)]
    first()
    for query in others:
        query.refresh_from_db()
    assert [query.error_code for query in others] == ["", "no_dog_cat", ""]
    assert answered() == 3
    # The cat was looked at once more, alone.
    assert batches == [1, 3, 1]


def test_one_whose_file_is_gone_keeps_none_from_theirs(dog, search, batches, first):
    search(RED)
    lost = search(RED)
    search(SAND)
    search(BLACK)
    lost.upload.storage.delete(lost.upload.name)
    first()
    lost.refresh_from_db()
    assert lost.error_code == "file_missing"
    assert answered() == 3
    assert batches == [1, 2]


def test_what_fails_together_is_done_alone(dog, search, analyser, first, monkeypatch):
    whole = analyser.analyse

    def analyse(images):
        if len(images) > 1:
            raise RuntimeError("too many")
        return whole(images)

    monkeypatch.setattr(analyser, "analyse", analyse)
    for _ in range(4):
        search(RED)
    first()
    assert (answered(), states()) == (4, ["done"] * 4)


def test_what_takes_too_long_together_is_tried_with_each_alone(
    dog, search, analyser, first, outbox, monkeypatch
):
    whole, counts = analyser.analyse, []

    def analyse(images):
        counts.append(len(images))
        if len(images) > 1:
            raise SoftTimeLimitExceeded
        return whole(images)

    monkeypatch.setattr(analyser, "analyse", analyse)
    for _ in range(4):
        search(RED)
    first()
    assert states() == ["done", "queued", "queued", "queued"]
    assert keeper.jobs == []
    while outbox:
        first()
    assert (answered(), states()) == (4, ["done"] * 4)
    assert counts == [1, 3, 1, 1, 1]


def test_one_that_was_begun_before_comes_alone(dog, search, batches, first):
    for _ in range(4):
        search(RED)
    suspect, *_ = Job.objects.filter(kind="answer_query", state="queued").order_by("created_at")
    jobs.start(job_id=suspect.pk)
    Job.objects.filter(pk=suspect.pk).update(state="queued")
    began = jobs.start_waiting(kinds=pipeline.WAITED_FOR, queue="interactive", worker="w", most=3)
    assert [job.pk for job in began] == [suspect.pk]
    began = jobs.start_waiting(kinds=pipeline.WAITED_FOR, queue="interactive", worker="w", most=3)
    assert len(began) == 3
    assert {job.attempts for job in began} == {1}


def test_one_that_was_begun_before_does_not_come_with_others(dog, search):
    for _ in range(3):
        search(RED)
    *_, suspect = Job.objects.filter(kind="answer_query").order_by("created_at")
    Job.objects.filter(pk=suspect.pk).update(attempts=1)
    began = jobs.start_waiting(kinds=pipeline.WAITED_FOR, queue="interactive", worker="w", most=3)
    assert len(began) == 2
    assert suspect.pk not in {job.pk for job in began}


def test_all_wait_where_what_they_need_is_away(dog, search, first, monkeypatch):
    for _ in range(4):
        search(RED)
    whole, reads = pictures.read, []

    def read(photo):
        reads.append(photo)
        if len(reads) > 2:
            raise pictures.Postponed("the bucket is away")
        return whole(photo)

    monkeypatch.setattr(pictures, "read", read)
    first()
    assert states() == ["done", "queued", "queued", "queued"]
    waiting = Job.objects.filter(kind="answer_query", state="queued")
    assert set(waiting.values_list("attempts", flat=True)) == {0}
    assert keeper.jobs == []


def test_a_described_photo_is_not_looked_at_again(dog, search, batches, first, outbox):
    query = search(RED)
    first()
    query.rankings.update(ranked_at=None)
    job = Job.objects.get(kind="answer_query")
    Job.objects.filter(pk=job.pk).update(state="queued")
    outbox.append(str(job.pk))
    first()
    assert (states(), batches) == (["done"], [1])
    assert query.rankings.get().ranked_at is not None
