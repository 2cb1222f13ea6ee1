"""A person's photo: only proportions stay of it, and dogs are compared by their faces."""

import numpy as np
import pytest

from ml.errors import FaceUnclear, NoFace, NoSubject
from ml.faces import MEASURE
from ml.geometry import FACE_RATIOS
from ml.mesh import Front
from ml.skeleton import KEYPOINTS
from portal.dogs import services as dogs_services
from portal.dogs.temperament import Answer, Trait
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import Keypoints, Query
from portal.matching.queries import unmeasured_faces
from portal.matching.survey import wishes
from tests.workers.conftest import file, picture
from workers import faces, people, tasks

GREY = (120, 120, 120)
NOT_SEEN = (0.0, 0.0, 0.0)


@pytest.fixture(autouse=True)
def fresh_faces(monkeypatch):
    monkeypatch.setattr(people, "faces", people.Faces())


@pytest.fixture
def a_face(monkeypatch, analyser):
    """Whoever is looked at is a person with this face (468, 3); an error: what is said of it."""

    def use(face):
        class Finder:
            def find(self, image):
                if isinstance(face, Exception):
                    raise face
                return face

        monkeypatch.setattr(people, "finder", Finder)
        monkeypatch.setattr(analyser, "analyse", lambda images: [NoSubject("person")] * len(images))

    return use


@pytest.fixture
def ask(act, outbox):
    def begin(subject=Query.Subject.DOG_OR_PERSON, filters=None):
        with act():
            return services.start_query(
                file=file(picture(GREY)), owner=None, owner_key="key",
                filters=filters or Filters(), subject=subject,
            )  # fmt: skip

    return begin


def in_rows(version, points):
    """Keypoints as rows hold them, of points by name in a picture of 100 × 100 pixels."""
    names = version.spec["keypoints"]["names"]
    return [[v / 100 for v in p[:2]] + [p[2]] for p in (points.get(n, NOT_SEEN) for n in names)]


def with_face(photo, version, points, **fields):
    """Gives a dog's photo these keypoints, its face not measured yet unless one is given."""
    photo.width = photo.height = 100
    photo.save()
    Keypoints.objects.filter(photo=photo).delete()
    return Keypoints.objects.create(
        photo=photo, version=version, points=in_rows(version, points), box=[0, 0, 1, 1], **fields
    )


def dog_face(ratios):
    """Points of a dog's face from the front, with these ratios as far as they agree."""
    half, eyes = 10.0, 40.0
    nose = eyes + 2 * half * ratios["eye_to_nose"]
    mouth = nose + 2 * half * ratios["nose_to_mouth"]
    ears = eyes - 2 * half * ratios["ear_height"]
    points = {"nose": (50.0, nose, 1.0)}
    for side, sign in (("left", 1), ("right", -1)):
        points[f"{side}_eye"] = (50 + sign * half, eyes, 1.0)
        points[f"{side}_mouth_corner"] = (50 + sign * half * ratios["mouth_width"], mouth, 1.0)
        points[f"{side}_ear_base"] = (50 + sign * half * ratios["ear_spacing"], ears, 1.0)
    return points


@pytest.fixture
def typical():
    """Each part where half of the dogs have it smaller."""
    return dog_face({name: people.scale().dog[name][20] for name in FACE_RATIOS})


@pytest.fixture
def wide(typical):
    ears = {f"{side}_ear_base": (x, 30.0, 1.0) for side, x in (("left", 99.0), ("right", 1.0))}
    return {**typical, **ears}


@pytest.fixture
def dogs(version, list_dog, run, typical, wide):
    """The usual face, one with its ears far apart, and none to be seen."""
    version.spec["keypoints"]["names"] = list(KEYPOINTS)
    version.save()
    made = {}
    for name, points in (("Typical", typical), ("Wide", wide), ("Hidden", {})):
        made[name] = list_dog(name, GREY)
        run()
        with_face(made[name].photos.get(), version, points)
    return made


def keys(*dogs):
    return np.array([dog.pk for dog in dogs])


def usual():
    """A person whose proportions are all in the middle."""
    return {name: people.scale().person[name][20] for name in FACE_RATIOS}


def test_only_proportions_stay_of_a_person(dogs, a_face, ask, run, files):
    a_face(Front.load().points)
    before = files()
    query = ask()
    run()
    query.refresh_from_db()
    assert query.error_code == ""
    assert set(query.face) == set(FACE_RATIOS)
    assert all(isinstance(value, float) for value in query.face.values())
    assert (query.vector, query.points, query.box) == (None, None, None)
    assert files() == before
    assert query.rankings.get().matches.count() == 2


def test_the_dog_built_alike_comes_first(dogs, version):
    found = people.alike(usual(), version, 5, keys(*dogs.values()))
    assert [hit.dog_id for hit in found] == [dogs["Typical"].pk, dogs["Wide"].pk]
    assert found[0].score >= 80
    assert found[0].band == "strong"
    assert found[1].score < found[0].score - 15
    only = people.alike(usual(), version, 5, keys(dogs["Wide"]))
    assert [hit.dog_id for hit in only] == [dogs["Wide"].pk]
    assert people.alike(usual(), version, 1, keys(*dogs.values())) == found[:1]


def test_a_match_tells_where_both_faces_lie(dogs, version):
    found = people.alike(usual(), version, 5, keys(*dogs.values()))
    alike, wide = found[0].parts, found[1].parts
    assert alike["person_ear_spacing"] == alike["dog_ear_spacing"] == pytest.approx(0.5, abs=0.03)
    assert wide["dog_ear_spacing"] > 0.95
    assert len(alike) == 2 * len(FACE_RATIOS)
    some = people.alike({**usual(), "nose_to_mouth": None}, version, 5, keys(*dogs.values()))
    assert "dog_nose_to_mouth" not in some[0].parts


def test_a_new_dog_is_found_by_its_face_at_once(dogs, version, list_dog, run, typical):
    people.alike(usual(), version, 5, keys(*dogs.values()))
    late = list_dog("Late", GREY)
    run()
    with_face(late.photos.get(), version, typical)
    found = people.alike(usual(), version, 5, keys(*dogs.values(), late))
    assert {hit.dog_id for hit in found[:2]} == {late.pk, dogs["Typical"].pk}


def test_a_dog_that_is_gone_is_found_no_more(dogs, version):
    people.alike(usual(), version, 5, keys(*dogs.values()))
    Keypoints.objects.filter(photo__dog=dogs["Typical"]).delete()
    found = people.alike(usual(), version, 5, keys(*dogs.values()))
    assert [hit.dog_id for hit in found] == [dogs["Wide"].pk]


def test_all_photos_of_a_dog_count_and_the_clearest_stands_for_it(
    dogs, version, list_dog, run, typical, wide
):
    both = list_dog("Both", GREY, (90, 90, 90))
    run()
    vague, clear = both.photos.order_by("pk")
    with_face(vague, version, {name: (x, y, 0.4) for name, (x, y, _) in typical.items()})
    with_face(clear, version, wide)
    found = people.alike(usual(), version, 5, keys(*dogs.values(), both))
    places = {hit.dog_id: hit for hit in found}
    assert places[both.pk].photo_id == clear.pk
    assert places[dogs["Typical"].pk].score > places[both.pk].score > places[dogs["Wide"].pk].score


def test_what_is_stored_of_a_face_is_not_measured_again(dogs, version, typical, monkeypatch):
    for row in Keypoints.objects.select_related("photo"):
        names = version.spec["keypoints"]["names"]
        row.face = faces.as_face(names, row.points, 100, 100)
        row.points = []
        row.save()
    monkeypatch.setattr(people, "as_face", None)
    found = people.alike(usual(), version, 5, keys(*dogs.values()))
    assert [hit.dog_id for hit in found] == [dogs["Typical"].pk, dogs["Wide"].pk]


def test_the_face_of_a_new_photo_is_stored_with_it(version, list_dog, run, typical, analyser):
    version.spec["keypoints"]["names"] = list(KEYPOINTS)
    version.save()
    points = np.array([typical.get(name, NOT_SEEN) for name in KEYPOINTS], np.float32)
    seen = analyser.analyse

    def with_points(images):
        views = seen(images)
        for view in views:
            object.__setattr__(view, "keypoints", points)
        return views

    analyser.analyse = with_points
    dog = list_dog("New", GREY)
    run()
    face = Keypoints.objects.get(photo__dog=dog).face
    assert face["measure"] == MEASURE
    assert face["ear_spacing"] == [
        pytest.approx(people.scale().dog["ear_spacing"][20], rel=0.01), 1.0,
    ]  # fmt: skip
    assert not unmeasured_faces(version, MEASURE).exists()


def test_answers_about_temperament_narrow_the_dogs_first(dogs, a_face, ask, run, staff):
    for name, answer in (("Wide", Answer.YES), ("Typical", Answer.NO)):
        dogs_services.set_temperament(
            dog=dogs[name], trait=Trait.GOOD_WITH_CHILDREN, value=answer, by=staff
        )
    a_face(Front.load().points)
    query = ask(Query.Subject.PERSON, wishes({"home": "children"}))
    run()
    ranking = query.rankings.get()
    assert [match.dog for match in ranking.matches.all()] == [dogs["Wide"]]
    # The one that suits, and the one of which nobody knows, whose face is not to be seen.
    assert ranking.candidates == 2


def test_without_consent_a_person_is_not_looked_at(dogs, a_face, ask, run):
    a_face(Front.load().points)
    query = ask(Query.Subject.DOG)
    run()
    query.refresh_from_db()
    assert (query.error_code, query.face) == ("no_dog_person", None)


@pytest.mark.parametrize("error", [NoFace(), FaceUnclear()])
def test_no_face_is_said(dogs, a_face, ask, run, files, error):
    a_face(error)
    before = files()
    query = ask()
    run()
    query.refresh_from_db()
    assert query.error_code == error.code
    assert files() == before


@pytest.fixture
def measure(act, run):
    """What happens once a day; the job."""

    def once():
        with act():
            tasks.start_measuring()
        run()
        return Job.objects.filter(kind=Job.Kind.MEASURE_FACES).latest("created_at")

    return once


def test_once_a_day_all_faces_are_measured(dogs, version, measure):
    old = Keypoints.objects.get(photo__dog=dogs["Wide"])
    old.face = {"measure": MEASURE - 1, "ear_spacing": [9.0, 1.0]}
    old.save()
    assert unmeasured_faces(version, MEASURE).count() == 3
    job = measure()
    assert (job.state, job.done, job.total) == ("done", 3, 3)
    assert not unmeasured_faces(version, MEASURE).exists()
    stored = {row.photo.dog.name: row.face for row in Keypoints.objects.all()}
    assert set(stored["Typical"]) == {"measure", *FACE_RATIOS}
    assert stored["Typical"]["eye_to_nose"][1] == 1.0
    assert stored["Wide"]["ear_spacing"][0] == pytest.approx(4.9)
    assert stored["Hidden"] == {"measure": MEASURE}
    assert measure().done == 0


def test_measuring_waits_behind_others_and_goes_on(dogs, version, measure, monkeypatch):
    monkeypatch.setattr(faces, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(faces, "SLICE_SECONDS", -1.0)
    slices = []
    monkeypatch.setattr(
        jobs, "put_back", lambda put_back=jobs.put_back, **told: slices.append(put_back(**told))
    )
    job = measure()
    assert (job.state, job.done, job.total) == ("done", 3, 3)
    assert slices == [True, True]


def test_measuring_goes_on_where_a_worker_was_killed(dogs, version, measure, monkeypatch):
    monkeypatch.setattr(faces, "ROWS_AT_ONCE", 1)

    def killed(*, rows, store=services.store_faces):
        if "Wide" in {row.photo.dog.name for row in rows}:
            raise RuntimeError
        store(rows=rows)

    with monkeypatch.context() as patch:
        patch.setattr(services, "store_faces", killed)
        assert measure().state == "failed"
    left = unmeasured_faces(version, MEASURE)
    assert {row.photo.dog.name for row in left} == {"Wide", "Hidden"}
    assert measure().state == "done"
    assert not left.all().exists()


def test_one_job_measures_at_a_time(version, act, outbox):
    with act():
        tasks.start_measuring()
        tasks.start_measuring()
    assert Job.objects.open().filter(kind=Job.Kind.MEASURE_FACES).count() == 1
    assert Job.objects.open().get().queue == Job.Queue.BATCH


def test_rows_are_measured_in_few_questions(dogs, version, django_assert_max_num_queries):
    job = jobs.start(job_id=services.start_measuring().pk)
    with django_assert_max_num_queries(12):
        faces.measure_faces(job)
