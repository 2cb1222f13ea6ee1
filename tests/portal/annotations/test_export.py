"""What comes out is what `python -m ml` trains on and measures by."""

import io
import json
import zipfile

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from PIL import Image

from ml.evaluation.keypoints import read_labels
from ml.skeleton import INDEX, KEYPOINTS
from ml.training.keypoints.datasets import convert, load
from portal.accounts.models import User
from portal.annotations import services
from portal.annotations.models import Annotation
from portal.dogs.models import Photo
from portal.shelters.services import add_member, create_shelter
from tests.portal.annotations.conftest import POINTS
from tests.portal.uploads import jpeg

pytestmark = pytest.mark.django_db


@pytest.fixture
def photo(listed):
    return with_picture(listed().photos.get())


def with_picture(photo):
    """A real picture of 96 × 80 pixels."""
    photo.image = default_storage.save(f"photos/{photo.name}.jpg", ContentFile(jpeg()))
    photo.save(update_fields=["image"])
    return photo


def export(folder, *options):
    out = io.StringIO()
    call_command("export_annotations", *([str(folder)] if folder else []), *options, stdout=out)
    return out.getvalue()


def test_an_export_is_read_by_evaluation_and_training(photo, staff, annotate, tmp_path):
    points = [[0.25, 0.5, 1], [0, 0, 0], *POINTS[2:]]
    annotate(photo, staff, points=points, n_dogs=3)
    assert "1 annotated photos" in export(tmp_path)

    labels = read_labels(tmp_path / "images", tmp_path / "annotations.json")
    assert labels.known.all()
    assert labels.boxes[0].tolist() == pytest.approx([9.6, 16, 86.4, 80])
    assert labels.points[0, INDEX["left_eye"]].tolist() == [24, 40, 1]
    assert labels.points[0, INDEX["right_eye"]].tolist() == [0, 0, 0]
    expected = np.array(points[2:]) * [96, 80, 1]
    np.testing.assert_allclose(labels.points[0, 2:], expected, atol=0.051)
    with Image.open(labels.files[0]) as picture:
        assert picture.size == (96, 80)

    learnt = convert(load(tmp_path / "annotations.json"))
    (annotation,) = learnt["annotations"]
    assert learnt["images"][0]["file_name"] == f"{photo.name}.jpg"
    assert annotation["num_keypoints"] == 20
    assert annotation["defined"][:21] == [1] * 21
    told = (annotation["posture"], annotation["view"], annotation["n_dogs"])
    assert told == ("sitting", "front-left", 3)


def test_the_layout_is_that_of_the_hand_annotated_set(photo, staff, annotate, tmp_path):
    annotate(photo, staff)
    export(tmp_path)
    data = json.loads((tmp_path / "annotations.json").read_text())
    assert set(data) == {"info", "images", "annotations", "categories"}
    assert set(data["images"][0]) == {"id", "file_name", "width", "height", "source"}
    (annotation,) = data["annotations"]
    assert set(annotation) == {
        *("id", "image_id", "category_id", "bbox", "area", "iscrowd", "keypoints"),
        *("num_keypoints", "posture", "view", "n_dogs"),
    }
    assert annotation["bbox"] == [9.6, 16.0, 76.8, 64.0]
    assert annotation["area"] == 4915.2
    (category,) = data["categories"]
    assert category["keypoints"] == list(KEYPOINTS)
    assert [1, 3] in category["skeleton"]
    assert staff.email not in json.dumps(data)


def test_the_newest_is_the_truth(photo, staff, annotate, tmp_path):
    other = User.objects.create_user("other@example.org", "secret")
    annotate(photo, staff, posture="lying")
    annotate(photo, other, posture="standing")
    assert Annotation.objects.newest().get().by == other
    annotate(photo, staff, posture="lying")
    services.skip_photo(photo=photo, by=other)
    export(tmp_path)
    (annotation,) = json.loads((tmp_path / "annotations.json").read_text())["annotations"]
    assert annotation["posture"] == "lying"


def test_a_picture_that_is_gone_is_left_out(listed, staff, annotate, tmp_path):
    there, gone = (with_picture(photo) for photo in listed(photos=2).photos.all())
    for photo in (there, gone):
        annotate(photo, staff)
    default_storage.delete(gone.image.name)
    assert "1 left out" in export(tmp_path)
    labels = read_labels(tmp_path / "images", tmp_path / "annotations.json")
    assert [file.stem for file in labels.files] == [there.name]


def test_a_shelter_alone_and_agreement(photo, listed, staff, annotate, tmp_path):
    elsewhere = create_shelter(name="Elsewhere")
    theirs = with_picture(listed("Other", shelter=elsewhere).photos.get())
    other = User.objects.create_user("other@example.org", "secret")
    annotate(photo, staff)
    annotate(theirs, staff)
    annotate(theirs, other, view="front")
    told = export(tmp_path, "--shelter", elsewhere.slug, "--agreement")
    assert [path.stem for path in (tmp_path / "images").iterdir()] == [theirs.name]
    assert "pck@0.05  1.000" in told
    assert "view      0.000" in told
    assert "21 points visible to both" in told
    assert "No photo was annotated by several" in export(
        None, "--agreement", "--shelter", photo.dog.shelter.slug
    )


def test_what_cannot_be_exported_says_so(tmp_path):
    with pytest.raises(CommandError, match="Nothing is annotated"):
        export(tmp_path)
    with pytest.raises(CommandError, match="There is no shelter"):
        export(tmp_path, "--shelter", "nowhere")
    with pytest.raises(CommandError, match="Give a folder"):
        export(None)


def test_a_download_has_the_readers_own_shelters_photos(page, photo, listed, staff, annotate):
    theirs = with_picture(listed("Other", shelter=create_shelter(name="Elsewhere")).photos.get())
    for one in (photo, theirs):
        annotate(one, staff)

    def names(client):
        answer = client.get("/staff/annotations.zip")
        assert answer["Content-Type"] == "application/zip"
        archive = zipfile.ZipFile(io.BytesIO(b"".join(answer)))
        assert archive.testzip() is None
        told = json.loads(archive.read("annotations.json"))
        images = {f"images/{image['file_name']}" for image in told["images"]}
        assert {*images, "annotations.json"} == set(archive.namelist())
        return {image["file_name"] for image in told["images"]}

    assert names(page) == {f"{photo.name}.jpg"}
    page.force_login(User.objects.create_superuser("admin@example.org", "secret"))
    assert names(page) == {f"{photo.name}.jpg", f"{theirs.name}.jpg"}
    stranger = User.objects.create_user("stranger@example.org", "secret")
    add_member(shelter=create_shelter(name="Third"), user=stranger)
    page.force_login(stranger)
    assert names(page) == set()
    assert Photo.objects.count() == 2
