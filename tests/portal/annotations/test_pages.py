"""The pages on which staff mark points."""

import re

import pytest

from ml.skeleton import KEYPOINTS
from portal.annotations.models import Annotation
from portal.matching.models import Keypoints
from portal.shelters.services import create_shelter
from tests.portal.annotations.conftest import POINTS, sent
from tests.portal.answers import text

pytestmark = pytest.mark.django_db


@pytest.fixture
def photo(listed):
    return listed().photos.get()


def address(photo):
    return f"/staff/annotate/{photo.pk}/"


def value_of(html, name):
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', html)[0]
    return re.search(r'value="([^"]*)"', tag)[1]


def chosen(html, name):
    select = re.search(rf'<select name="{name}".*?</select>', html, re.DOTALL)[0]
    return re.search(r'value="([^"]*)" selected', select)[1]


def test_what_is_sent_is_in_the_row_and_the_next_photo_comes(page, photo, staff):
    answer = page.post(address(photo), sent(v_nose="1", v_neck="0"))
    assert (answer.status_code, answer["Location"]) == (302, "/staff/annotate/next/")
    row = Annotation.objects.get()
    assert (row.photo, row.by, row.posture, row.view, row.n_dogs) == (
        photo,
        staff,
        "lying",
        "back-right",
        2,
    )
    assert row.box == [0.1, 0.205, 0.9, 0.99]
    assert row.points[:4] == [[0, 0.5, 2], [0.01, 0.51, 2], [0.02, 0.52, 1], [0, 0, 0]]
    done = page.get(answer["Location"], follow=True)
    assert "You have seen every photo." in text(done)
    assert "1 of your shelter's 1 photo annotated" in text(done)


def test_what_one_said_before_is_there_again(page, photo, staff, annotate):
    annotate(photo, staff, points=[[0.123456, 0.5, 1], [0, 0, 0], *POINTS[2:]])
    html = page.get(address(photo)).content.decode()
    assert value_of(html, "x_left_eye") == "12.35"
    assert chosen(html, "v_left_eye") == "1"
    assert (value_of(html, "x_right_eye"), chosen(html, "v_right_eye")) == ("", "0")
    assert re.search(r'value="sitting" checked', html)
    assert re.search(r'value="front-left" checked', html)
    assert value_of(html, "top") == "20.0"


@pytest.fixture
def guessed(photo, version):
    """The live version is sure of one eye, and names its points as the product's does."""
    version.spec["keypoints"]["names"] = list(KEYPOINTS)
    version.save()
    points = [[0.25, 0.5, 0.9], *[[0.4, 0.4, 0.2]] * 20]
    Keypoints.objects.filter(photo=photo).update(points=points, box=[-0.01, 0.1, 0.8, 0.9])


def test_a_guess_is_shown_and_never_taken_over_by_itself(page, photo, guessed):
    html = page.get(address(photo)).content.decode()
    assert (value_of(html, "x_left_eye"), chosen(html, "v_left_eye")) == ("25.0", "")
    assert (value_of(html, "x_right_eye"), chosen(html, "v_right_eye")) == ("", "0")
    assert value_of(html, "left") == "0.0"
    answer = page.post(address(photo), sent(v_left_eye=""))
    assert answer.status_code == 422
    assert "Is the guess right?" in text(answer)
    assert not Annotation.objects.exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"x_nose": ""}, "Where is it?"),
        ({"x_nose": "101"}, "less than or equal to 100"),
        ({"y_nose": "nan"}, "Enter a number."),
        ({"v_nose": "3"}, "Select a valid choice."),
        ({f"v_{name}": "0" for name in KEYPOINTS}, "Mark at least one point"),
        ({"right": "5"}, "The frame is turned inside out"),
        ({"left": "10", "right": "10.001"}, "The frame is turned inside out"),
        ({"bottom": ""}, "This field is required."),
        ({"posture": ""}, "This field is required."),
        ({"view": "above"}, "Select a valid choice."),
        ({"n_dogs": "0"}, "greater than or equal to 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_missing_is_said_and_the_rest_kept(page, photo, changed, words):
    answer = page.post(address(photo), sent(**changed))
    assert answer.status_code == 422
    assert words in text(answer)
    assert value_of(answer.content.decode(), "x_left_hip") == "11"
    assert not Annotation.objects.exists()


def test_a_photo_left_out_is_remembered_and_can_be_taken_up_again(page, photo):
    answer = page.post(f"{address(photo)}skip/")
    assert answer["Location"] == "/staff/annotate/next/"
    assert Annotation.objects.get().skipped
    told = text(page.get(answer["Location"], follow=True))
    assert "0 of your shelter's 1 photo annotated · 1 left out by you" in told
    assert page.post(address(photo), sent()).status_code == 302
    assert not Annotation.objects.get().skipped


def test_ones_own_points_can_be_deleted_and_nobody_elses(page, photo, make_dog, annotate):
    from portal.accounts.models import User

    other = User.objects.create_user("other@example.org", "secret")
    annotate(photo, other)
    page.post(address(photo), sent())
    page.post(f"{address(photo)}delete/")
    assert Annotation.objects.get().by == other


def test_photos_of_other_shelters_are_not_there(page, listed):
    photo = listed(shelter=create_shelter(name="Other")).photos.get()
    assert page.get(address(photo)).status_code == 404
    for way in ("", "skip/", "delete/"):
        assert page.post(f"{address(photo)}{way}", sent()).status_code == 404
    assert not Annotation.objects.exists()


def test_without_photos_the_start_says_what_to_do(page):
    assert "List a dog with photos first." in text(page.get("/staff/annotate/"))


def test_a_page_asks_few_questions(page, listed, annotate, staff, django_assert_max_num_queries):
    for number in range(6):
        annotate(listed(f"Dog {number}").photos.get(), staff)
    with django_assert_max_num_queries(15):
        page.get("/staff/annotate/")
    with django_assert_max_num_queries(18):
        page.get(address(Annotation.objects.first().photo))
