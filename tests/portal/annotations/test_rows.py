"""What rows may hold, what comes next, and who may say what."""

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from portal.accounts.models import User
from portal.annotations import services
from portal.annotations.agreement import agreement
from portal.annotations.models import Annotation
from portal.annotations.queries import least_sure, next_photo, progress
from portal.api.leaving import erase_account
from portal.dogs.models import Photo
from portal.dogs.services import delete_photo, set_status
from portal.shelters.services import add_member, create_shelter
from tests.portal.annotations.conftest import BOX, POINTS

pytestmark = pytest.mark.django_db


@pytest.fixture
def colleague(shelter):
    user = User.objects.create_user("colleague@example.org", "secret")
    add_member(shelter=shelter, user=user)
    return user


@pytest.fixture
def member(shelter, staff):
    add_member(shelter=shelter, user=staff)
    return staff


def test_one_person_has_one_view_of_a_photo(listed, staff, colleague, annotate):
    photo = listed().photos.get()
    first = annotate(photo, staff)
    again = annotate(photo, staff, posture="lying")
    assert again.pk == first.pk
    assert again.updated_at > first.updated_at
    annotate(photo, colleague)
    assert Annotation.objects.count() == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        Annotation.objects.create(photo=photo, by=staff, skipped=True)


@pytest.mark.parametrize(
    "changed",
    [
        {"points": None},
        {"box": None},
        {"posture": ""},
        {"posture": "flying"},
        {"view": "above"},
        {"n_dogs": 0},
        {"n_dogs": 21},
        {"skipped": True},
    ],
    ids=str,
)
def test_the_database_takes_whole_annotations_only(listed, staff, changed):
    whole = {"points": POINTS, "box": BOX, "posture": "sitting", "view": "left", "n_dogs": 1}
    photo = listed().photos.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Annotation.objects.create(photo=photo, by=staff, **(whole | changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"points": POINTS[:20]},
        {"points": [[0, 0, 0]] * 21},
        {"points": [*POINTS[:20], [1.2, 0.5, 2]]},
        {"points": [*POINTS[:20], [0.2, 0.5, 3]]},
        {"box": [0.5, 0.2, 0.4, 0.9]},
        {"box": [0.5, 0.2, 0.500001, 0.9]},
        {"box": [0.5, 0.2, 1.1, 0.9]},
        {"posture": "flying"},
        {"view": ""},
        {"n_dogs": 0},
    ],
    ids=lambda changed: "-".join(changed),
)
def test_what_makes_no_sense_is_refused(listed, staff, annotate, changed):
    with pytest.raises(services.AnnotationRefused) as refused:
        annotate(listed().photos.get(), staff, **changed)
    assert refused.value.code == "annotation_invalid"
    assert not Annotation.objects.exists()


def test_a_point_that_cannot_be_placed_has_no_place(listed, staff, annotate):
    points = [[0.25, 0.75, 0], *POINTS[1:]]
    assert annotate(listed().photos.get(), staff, points=points).points[0] == [0, 0, 0]


def test_a_photo_that_is_gone_says_so(listed, staff, annotate):
    photo = listed().photos.get()
    gone = Photo.objects.get()
    delete_photo(photo=photo)
    with pytest.raises(services.AnnotationRefused) as refused:
        annotate(gone, staff)
    assert refused.value.code == "photo_gone"


def test_the_doubtful_come_first_then_those_of_others_then_none(
    listed, member, colleague, annotate, scored
):
    sure, doubtful, middling = (photo for photo in listed(photos=3).photos.all())
    for photo, score in ((sure, 0.95), (doubtful, 0.35), (middling, 0.6)):
        scored(photo, score)
    assert next_photo(member) == doubtful
    annotate(doubtful, colleague)
    assert next_photo(member) == middling
    services.skip_photo(photo=middling, by=member)
    assert next_photo(member) == sure
    # Left out by one, it is as new to the other, and not yet anybody's.
    assert next_photo(colleague) == middling
    annotate(sure, member)
    assert next_photo(member) == doubtful
    annotate(doubtful, member)
    assert next_photo(member) is None
    services.delete_annotation(photo=sure, by=member)
    assert next_photo(member) == sure


def test_a_photo_without_points_comes_last(listed, version, scored):
    one, other = listed(photos=2).photos.all()
    scored(one, 0.99)
    other.keypoints.all().delete()
    assert least_sure([other.pk, one.pk], version) == one.pk
    assert least_sure([other.pk, one.pk], None) == other.pk
    scored(one, 0.1)
    assert least_sure([other.pk, one.pk], version) == one.pk


def test_few_photos_are_looked_at_however_many_there_are(
    listed, member, django_assert_num_queries, monkeypatch
):
    monkeypatch.setattr("portal.annotations.queries.LOOKED_AT", 2)
    photos = list(listed(photos=4).photos.order_by("-pk"))
    with django_assert_num_queries(4):
        assert next_photo(member) in photos[:2]


def test_progress_counts_photos_and_not_people(listed, member, colleague, annotate):
    one, two, _three = listed(photos=3).photos.all()
    elsewhere = listed("Other", shelter=create_shelter(name="Other")).photos.get()
    annotate(elsewhere, colleague)
    for who in (member, colleague):
        annotate(one, who)
    services.skip_photo(photo=two, by=member)
    told = progress(member)
    assert (told.photos, told.annotated, told.skipped, told.percent) == (3, 1, 1, 33)
    assert progress(colleague).skipped == 0


def test_photos_of_every_status_are_their_shelters_to_annotate(listed, member):
    dog = listed()
    for status in ("draft", "adopted", "withdrawn"):
        set_status(dog=dog, status=status, by=None)
        assert next_photo(member) == dog.photos.get()
    Photo.objects.update(image="")
    assert next_photo(member) is None


def test_an_annotation_goes_with_its_photo_and_stays_without_its_person(
    listed, member, annotate, on_commit
):
    first, second = listed(photos=2).photos.all()
    annotate(first, member)
    annotate(second, member)
    erase_account(user=member)
    assert [row.by for row in Annotation.objects.all()] == [None, None]
    with on_commit():
        delete_photo(photo=first)
    assert Annotation.objects.get().photo == second
    assert default_storage.exists(second.image.name)


def test_agreement_is_counted_over_pairs(listed, member, colleague, annotate):
    one, two, alone = listed(photos=3).photos.all()  # 96 × 80 pixels; the box is 76.8 × 64
    near, far = 0.04 * 76.8 / 96, 0.3 * 76.8 / 96
    moved = [[x, y, v] for x, y, v in POINTS]
    moved[0][0] += near
    moved[1][0] += far
    moved[2][2] = 1
    annotate(one, member)
    annotate(one, colleague, points=moved)
    annotate(two, member)
    annotate(two, colleague, posture="other", view="front")
    annotate(alone, member)
    services.skip_photo(photo=alone, by=colleague)
    told = agreement()
    assert (told.photos, told.pairs, told.points) == (2, 2, 41)
    assert told.near == told.around == pytest.approx(40 / 41)
    assert (told.posture, told.view) == (0.5, 0.5)
    assert agreement("nowhere").near is None
