"""From records to rows: once, again, changed, by hand, gone; and what staff decide."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError
from django.utils import timezone

from portal.dogs.models import Breed, Dog, DogEvent
from portal.dogs.services import set_status, set_temperament, update_dog
from portal.feeds import services
from portal.feeds.errors import FeedError
from portal.feeds.models import FeedEntry, FeedPhoto, FeedRun, TemperamentSuggestion
from portal.feeds.records import Page, Record, Rejected
from tests.portal.uploads import jpeg

pytestmark = pytest.mark.django_db


@pytest.fixture
def feed(shelter):
    return services.create_feed(shelter=shelter, kind="asm3", name="Own", key="hush")


def record(number, **changes):
    told = {
        "external_id": str(number),
        "name": f"Dog {number}",
        "fields": {"weight_kg": Decimal("4.50"), "sex": "male", "colours": ["white"]},
        "temperament": {"energy": 3},
        **changes,
    }
    return Record(**told)


def whole(feed, *records, rejected=()):
    """A whole reading of these records."""
    run = services.open_run(feed=feed, incremental=False)
    page = Page(tuple(records), tuple(rejected), total=len(records), complete=True)
    services.apply_page(run=run, page=page, at=run.cursor)
    services.finish_run(run=run)
    run.refresh_from_db()
    return run


def counts(run):
    return run.new, run.changed, run.unchanged, run.withdrawn


def test_the_same_listing_twice_is_one_listing(feed):
    records = [record(n) for n in range(30)]
    assert counts(whole(feed, *records)) == (30, 0, 0, 0)
    updated = list(Dog.objects.order_by("pk").values_list("pk", "updated_at"))
    assert counts(whole(feed, *records)) == (0, 0, 30, 0)
    assert list(Dog.objects.order_by("pk").values_list("pk", "updated_at")) == updated
    dog = Dog.objects.get(name="Dog 3")
    assert (dog.status, dog.weight_kg, dog.shelter) == ("available", Decimal("4.50"), feed.shelter)
    assert DogEvent.objects.filter(kind="listed").count() == 30


def test_what_changed_is_written_and_what_was_edited_by_hand_stays(feed, staff):
    whole(feed, record(1), record(2))
    edited = Dog.objects.get(name="Dog 2")
    update_dog(dog=edited, by=staff, fields={"weight_kg": Decimal("6.00"), "sex": "female"})
    set_temperament(dog=edited, trait="energy", value=5, by=staff)
    fields = {"weight_kg": Decimal("5.00"), "sex": "male", "colours": ["black"]}
    changed = [record(n, fields=fields, temperament={"energy": 1}) for n in (1, 2)]
    assert counts(whole(feed, *changed)) == (0, 2, 0, 0)
    first = Dog.objects.get(name="Dog 1")
    assert (first.weight_kg, first.colours) == (Decimal("5.00"), ["black"])
    assert first.temperament.get().level == 1
    edited.refresh_from_db()
    assert (edited.weight_kg, edited.sex, edited.colours) == (Decimal("6.00"), "female", ["black"])
    assert edited.temperament.get().level == 5


def test_breeds_that_are_not_known_stay_as_words(feed):
    breed = Breed.objects.first()
    whole(
        feed, record(1, breeds=(breed.slug, "no-such"), breed_text="Moon Hound", colour_text="얼룩")
    )
    assert list(Dog.objects.get().breeds.all()) == [breed]
    entry = FeedEntry.objects.get()
    assert (entry.breed_text, entry.colour_text) == ("Moon Hound", "얼룩")


def test_a_dog_gone_from_its_feed_is_withdrawn_and_comes_back(feed, make_dog):
    own = make_dog("Listed by hand")
    whole(feed, record(1), record(2))
    run = whole(feed, record(1))
    assert counts(run) == (0, 0, 1, 1)
    gone = Dog.objects.get(name="Dog 2")
    assert gone.status == "withdrawn"
    assert Dog.objects.adoptable().filter(pk=gone.pk).count() == 0
    own.refresh_from_db()
    assert own.status == "available"
    assert counts(whole(feed, record(1))) == (0, 0, 1, 0)
    assert counts(whole(feed, record(1), record(2))) == (0, 1, 1, 0)
    gone.refresh_from_db()
    assert gone.status == "available"


def test_a_reading_of_changes_withdraws_nobody(feed):
    services.update_feed(feed=feed, settings={"whole_every_hours": 24})
    whole(feed, record(1), record(2))
    run = services.open_run(feed=feed, incremental=True)
    assert run.since is not None
    services.apply_page(run=run, page=Page((record(1),), complete=True), at=None)
    services.finish_run(run=run)
    assert Dog.objects.adoptable().count() == 2


def test_a_source_that_lost_most_of_its_dogs_is_not_believed(feed):
    records = [record(n) for n in range(30)]
    whole(feed, *records)
    with pytest.raises(FeedError) as caught:
        whole(feed, *records[:10])
    assert caught.value.code == "feed_suspicious"
    assert Dog.objects.adoptable().count() == 30
    services.fail_run(run=feed.runs.first(), code=caught.value.code)
    services.update_feed(feed=feed, may_withdraw_many=True)
    assert whole(feed, *records[:10]).withdrawn == 20
    feed.refresh_from_db()
    assert not feed.may_withdraw_many


def test_what_staff_decided_of_a_status_stays_until_the_source_tells_an_end(feed, staff):
    whole(feed, record(1))
    dog = Dog.objects.get()
    set_status(dog=dog, status="on_hold", by=staff)
    whole(feed, record(1, name="Renamed"))
    dog.refresh_from_db()
    assert (dog.name, dog.status) == ("Renamed", "on_hold")
    whole(feed, record(1, status="adopted"))
    dog.refresh_from_db()
    assert dog.status == "adopted"


def test_an_end_of_a_dog_that_never_was_makes_none(feed):
    assert counts(whole(feed, record(1, status="adopted"))) == (0, 0, 1, 0)
    assert not Dog.objects.exists()


def test_a_dog_is_listed_when_its_notice_has_run_out(feed, staff):
    soon = timezone.now() + timedelta(hours=1)
    waiting = [record(n, status="on_hold", adoptable_from=soon) for n in (1, 2)]
    whole(feed, *waiting)
    assert services.publish_after_notice() == 0
    assert not Dog.objects.adoptable().exists()
    FeedEntry.objects.update(adoptable_from=timezone.now() - timedelta(minutes=1))
    set_status(dog=Dog.objects.get(name="Dog 2"), status="withdrawn", by=staff)
    assert services.publish_after_notice() == 1
    assert Dog.objects.adoptable().get().name == "Dog 1"
    # The feed says the same as before: it stays listed.
    assert counts(whole(feed, *waiting)) == (0, 0, 2, 0)
    assert Dog.objects.adoptable().count() == 1


def test_pairs_are_bonded_in_whatever_order_they_come(feed):
    whole(feed, record(1, bonded_with="2"), record(2), record(3, bonded_with="9"))
    first, second, third = Dog.objects.order_by("name")
    assert (first.bonded_with, second.bonded_with) == (second, first)
    assert third.bonded_with is None


def test_rows_that_cannot_be_used_are_told(feed):
    run = whole(feed, record(1), rejected=[Rejected("7", "row_without_name", "No name.")])
    assert run.rejected == 1
    assert str(run.rejections.get()) == "7: row_without_name"


def test_photos_are_fetched_once_and_follow_the_source(feed, media_files, on_commit):
    whole(feed, record(1, photos=("a", "b", "c")))
    run = services.open_run(feed=feed, incremental=False)
    assert [row.reference for row in services.next_photos(feed, 9)] == ["a", "b", "c"]
    first, second, third = services.next_photos(feed, 9)
    same = jpeg()
    services.store_photo(run=run, row=first, data=same)
    services.store_photo(run=run, row=second, data=same)
    services.store_photo(run=run, row=third, data=b"no photo")
    assert services.next_photos(feed, 9) == []
    dog = Dog.objects.get()
    assert dog.photos.count() == 1
    assert FeedPhoto.objects.get(reference="c").error_code == "not_an_image"
    run.refresh_from_db()
    assert (run.photos, run.photos_refused) == (2, 1)
    services.fail_run(run=run, code="feed_unreachable")
    assert len(media_files()) == 1
    with on_commit():
        whole(feed, record(1, photos=("d",)))
    assert dog.photos.count() == 0
    assert media_files() == []
    assert [row.reference for row in services.next_photos(feed, 9)] == ["d"]


def test_suggestions_wait_for_staff(feed, staff):
    read = {"good_with_cats": ("no", "not good with cats"), "energy": (5, "very active")}
    whole(feed, record(1, temperament={}, suggestions=read))
    dog = Dog.objects.get()
    assert not dog.temperament.exists()
    cats = TemperamentSuggestion.objects.get(trait="good_with_cats")
    assert cats.words == "not good with cats"
    services.take_suggestion(suggestion=cats, by=staff)
    services.dismiss_suggestion(
        suggestion=TemperamentSuggestion.objects.get(trait="energy"), by=staff
    )
    value = dog.temperament.get()
    assert (value.trait, value.answer, value.set_by) == ("good_with_cats", "no", staff)
    whole(feed, record(1, temperament={}, suggestions=read, name="Changed"))
    states = set(TemperamentSuggestion.objects.values_list("state", flat=True))
    assert states == {"taken", "dismissed"}


def test_one_run_of_a_feed_at_a_time(feed):
    run = services.open_run(feed=feed, incremental=False)
    assert services.open_run(feed=feed, incremental=False) == run
    with pytest.raises(IntegrityError):
        FeedRun.objects.create(feed=feed)


def test_a_stopped_page_goes_on_where_it_was(feed, monkeypatch):
    records = [record(n) for n in range(60)]
    page = Page(tuple(records), cursor=2, total=60)
    run = services.open_run(feed=feed, incremental=False)
    apply, calls = services._apply, []

    def stop_in_the_middle(run, part):
        calls.append(len(part))
        if len(calls) == 2:
            raise KeyboardInterrupt
        apply(run, part)

    monkeypatch.setattr(services, "_apply", stop_in_the_middle)
    with pytest.raises(KeyboardInterrupt):
        services.apply_page(run=run, page=page, at=1)
    monkeypatch.setattr(services, "_apply", apply)
    again = services.open_run(feed=feed, incremental=False)
    assert (again.cursor, again.offset) == (1, services.AT_ONCE)
    services.apply_page(run=again, page=page, at=1)
    again.refresh_from_db()
    assert (again.new, again.unchanged, again.cursor, again.offset) == (60, 0, 2, 0)


def test_due_feeds_are_enqueued_once(feed, messages_sent, on_commit):
    services.update_feed(feed=feed, every_hours=6)
    assert services.start_due_feeds() == 0
    feed.next_run_at = timezone.now()
    feed.save()
    with on_commit():
        assert services.start_due_feeds() == 1
    assert services.start_due_feeds() == 0
    assert [name for name, _ in messages_sent] == ["workers.tasks.import_feed"]


def test_the_key_is_not_in_the_row(feed):
    feed.refresh_from_db()
    assert feed.key
    assert "hush" not in feed.key


def test_a_record_differs_only_where_it_differs():
    one = record(1)
    assert services.digest_of(one) == services.digest_of(record(1))
    assert services.digest_of(one) != services.digest_of(replace(one, photos=("a",)))
    assert services.digest_of(one) != services.digest_of(replace(one, status="on_hold"))
