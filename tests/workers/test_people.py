"""A person's photo: only proportions stay of it, and dogs are compared by their faces."""

import numpy as np
import pytest

from ml.errors import NoFace, NoSubject
from ml.geometry import FACE_RATIOS
from ml.skeleton import KEYPOINTS
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import Keypoints, Query
from tests.ml.test_faces import FACE
from tests.workers.conftest import file, picture
from workers import people

GREY = (120, 120, 120)
NOT_SEEN = (0.0, 0.0, 0.0)


@pytest.fixture(autouse=True)
def fresh_faces(monkeypatch):
    monkeypatch.setattr(people, "faces", people.Faces())


@pytest.fixture
def a_face(monkeypatch, analyser):
    """Whoever is looked at is a person with this face; None: without one."""

    def use(points):
        class Finder:
            def find(self, image):
                if points is None:
                    raise NoFace
                return points

        monkeypatch.setattr(people, "finder", Finder)
        monkeypatch.setattr(analyser, "analyse", lambda images: [NoSubject("person")] * len(images))

    return use


@pytest.fixture
def ask(act, outbox):
    def begin(subject=Query.Subject.DOG_OR_PERSON):
        with act():
            return services.start_query(
                file=file(picture(GREY)), owner=None, owner_key="key", filters=Filters(),
                subject=subject,
            )  # fmt: skip

    return begin


def with_face(dog, version, points):
    """Gives a dog's photo these keypoints, in fractions of 100 × 100 pixels."""
    photo = dog.photos.get()
    photo.width = photo.height = 100
    photo.save()
    names = version.spec["keypoints"]["names"]
    rows = [[v / 100 for v in p[:2]] + [p[2]] for p in (points.get(n, NOT_SEEN) for n in names)]
    Keypoints.objects.filter(photo=photo).delete()
    Keypoints.objects.create(photo=photo, version=version, points=rows, box=[0, 0, 1, 1])


@pytest.fixture
def dogs(version, list_dog, run):
    """The same face, one with its ears far apart, and none to be seen."""
    version.spec["keypoints"]["names"] = list(KEYPOINTS)
    version.save()
    # Each part of a dog's face where half of the dogs have it smaller.
    scale = people.scale()
    middle = {name: scale.dog[name][20] for name in FACE_RATIOS}
    half = 10.0
    typical = {
        "left_eye": (50 + half, 30.0, 1.0),
        "right_eye": (50 - half, 30.0, 1.0),
        "nose": (50.0, 30 + 2 * half * middle["eye_to_nose"], 1.0),
        "left_mouth_corner": (50 + half * middle["mouth_width"], 0.0, 1.0),
        "right_mouth_corner": (50 - half * middle["mouth_width"], 0.0, 1.0),
        "left_ear_base": (50 + half * middle["ear_spacing"], 10.0, 1.0),
        "right_ear_base": (50 - half * middle["ear_spacing"], 10.0, 1.0),
    }
    mouth = typical["nose"][1] + 2 * half * middle["nose_to_mouth"]
    for side in ("left", "right"):
        x, _y, score = typical[f"{side}_mouth_corner"]
        typical[f"{side}_mouth_corner"] = (x, mouth, score)
    wide = {**typical, "left_ear_base": (99.0, 10.0, 1.0), "right_ear_base": (1.0, 10.0, 1.0)}
    made = {}
    for name, points in (("Typical", typical), ("Wide", wide), ("Hidden", {})):
        made[name] = list_dog(name, GREY)
        run()
        with_face(made[name], version, points)
    return made


def keys(*dogs):
    return np.array([dog.pk for dog in dogs])


def person_like(scale):
    """A person whose proportions are all in the middle."""
    return {name: scale.person[name][20] for name in FACE_RATIOS}


def test_only_proportions_stay_of_a_person(dogs, a_face, ask, run, files):
    a_face(FACE)
    before = files()
    query = ask()
    run()
    query.refresh_from_db()
    assert query.error_code == ""
    assert query.face == {
        "eye_to_nose": 0.6, "nose_to_mouth": 0.5, "mouth_width": 0.8, "ear_spacing": 2.5,
    }  # fmt: skip
    assert (query.vector, query.points, query.box) == (None, None, None)
    assert files() == before
    assert query.rankings.get().matches.count() == 2


def test_the_dog_built_alike_comes_first(dogs, version):
    found = people.alike(person_like(people.scale()), version, 5, keys(*dogs.values()))
    assert [hit.dog_id for hit in found] == [dogs["Typical"].pk, dogs["Wide"].pk]
    assert found[0].score >= 95
    assert found[0].band == "strong"
    assert found[1].score < 80
    only = people.alike(person_like(people.scale()), version, 5, keys(dogs["Wide"]))
    assert [hit.dog_id for hit in only] == [dogs["Wide"].pk]


def test_a_new_dog_is_found_by_its_face_at_once(dogs, version, list_dog, run):
    people.alike(person_like(people.scale()), version, 5, keys(*dogs.values()))
    late = list_dog("Late", GREY)
    run()
    first = Keypoints.objects.get(photo=dogs["Typical"].photos.get())
    points = {
        n: (100 * x, 100 * y, s)
        for n, (x, y, s) in zip(version.spec["keypoints"]["names"], first.points, strict=True)
    }
    with_face(late, version, points)
    found = people.alike(person_like(people.scale()), version, 5, keys(*dogs.values(), late))
    assert {hit.dog_id for hit in found[:2]} == {late.pk, dogs["Typical"].pk}


def test_without_consent_a_person_is_not_looked_at(dogs, a_face, ask, run):
    a_face(FACE)
    query = ask(Query.Subject.DOG)
    run()
    query.refresh_from_db()
    assert (query.error_code, query.face) == ("no_dog_person", None)


def test_no_face_is_said(dogs, a_face, ask, run, files):
    a_face(None)
    before = files()
    query = ask()
    run()
    query.refresh_from_db()
    assert query.error_code == "no_face"
    assert files() == before
