import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.errors import DataError, NoSubject
from ml.evaluation.keypoints import box_overlap, find_boxes, measure, predict, read_labels
from ml.skeleton import FLIP, INDEX, KEYPOINTS, SIGMAS
from ml.subject import Subject
from ml.traits import Traits

SIDE = 100.0


def write(folder: Path, dogs: np.ndarray, names: tuple[str, ...] = KEYPOINTS) -> Path:
    """`dogs` (n, K, 3), each alone in a 120 × 120 picture with the box 10, 10, 110, 90."""
    for number in range(len(dogs)):
        Image.new("RGB", (120, 120), (number, 0, 0)).save(folder / f"{number}.png")
    data = {
        "images": [{"id": n, "file_name": f"{n}.png"} for n in range(len(dogs))],
        "annotations": [
            {
                "id": n,
                "image_id": n,
                "category_id": 1,
                "bbox": [10, 10, 100, 80],
                "keypoints": dog.ravel().tolist(),
            }
            for n, dog in enumerate(dogs)
        ],
        "categories": [{"id": 1, "name": "dog", "keypoints": list(names)}],
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(data))
    return path


@pytest.fixture
def dogs() -> np.ndarray:
    rng = np.random.default_rng(5)
    points = np.concatenate([rng.uniform(15, 85, (6, 21, 2)), np.full((6, 21, 1), 2.0)], -1)
    for left, right in FLIP:
        points[:, left, 0], points[:, right, 0] = 20, 70
    return points


def found_at(dogs: np.ndarray, dx: float = 0.0) -> np.ndarray:
    found = dogs.copy()
    found[..., 0] += dx
    found[..., 2] = 0.9
    return found


def test_the_truth_itself_is_perfect(tmp_path, dogs):
    labels = read_labels(tmp_path, write(tmp_path, dogs))
    figures = measure(labels, found_at(dogs))
    assert figures["n"] == 6
    assert figures["pck@0.1"] == figures["pck@0.2"] == figures["ap"] == figures["ap50"] == 1
    assert figures["face_nme"] == figures["swap_rate"] == 0
    assert figures["drawn"] == {"visible": 1, "hidden": None, "unlabelled": None}
    assert set(figures["per_point"]) == set(KEYPOINTS)


def test_an_error_counts_by_the_longer_side_of_the_box(tmp_path, dogs):
    labels = read_labels(tmp_path, write(tmp_path, dogs))
    figures = measure(labels, found_at(dogs, 0.15 * SIDE))
    assert figures["pck@0.1"] == 0
    assert figures["pck@0.2"] == 1
    assert figures["ap"] < 0.5


def test_only_visible_points_count_for_pck(tmp_path, dogs):
    hidden = [INDEX["nose"], INDEX["left_hip"], INDEX["right_hip"]]
    dogs[:, hidden, 2] = 1
    dogs[:3, INDEX["neck"]] = 0
    found = found_at(dogs)
    found[:, hidden, 0] += 60
    found[:, INDEX["neck"], 2] = 0.1
    figures = measure(read_labels(tmp_path, write(tmp_path, dogs)), found)
    assert figures["per_point"]["nose"] == {"n": 0, "pck@0.1": None}
    assert figures["per_point"]["neck"]["n"] == 3
    assert figures["pck@0.1"] == 1
    assert figures["drawn"]["hidden"] == 1
    assert figures["drawn"]["unlabelled"] == 0
    assert figures["ap"] < 1  # OKS counts all labelled points


def test_oks_is_that_of_coco(tmp_path, dogs):
    one = dogs[:1].copy()
    one[0, 1:] = 0
    labels = read_labels(tmp_path, write(tmp_path, one))

    def ap(oks: float) -> float:
        # oks = exp(-d² / (2 area (2 sigma)²))
        distance = np.sqrt(-np.log(oks) * 2 * 8000) * 2 * SIGMAS[0]
        return measure(labels, found_at(one, distance))["ap"]

    assert ap(0.76) == pytest.approx(0.6)  # 0.5, 0.55 … 0.75 of ten thresholds
    assert ap(0.49) == 0


def test_swapped_sides_are_counted(tmp_path, dogs):
    labels = read_labels(tmp_path, write(tmp_path, dogs))
    found = found_at(dogs)
    left, right = INDEX["left_eye"], INDEX["right_eye"]
    found[:3, [left, right]] = found[:3, [right, left]]
    figures = measure(labels, found)
    assert figures["swap_rate"] == pytest.approx(3 / (6 * len(FLIP)), abs=1e-4)


def test_face_error_is_over_the_distance_of_the_eyes(tmp_path, dogs):
    eyes = [INDEX["left_eye"], INDEX["right_eye"]]
    dogs[:, eyes, 1] = 30
    dogs[0, eyes[0], 2] = 1
    found = found_at(dogs)
    found[1:, INDEX["nose"], 1] += 25
    figures = measure(read_labels(tmp_path, write(tmp_path, dogs)), found)
    assert figures["face_nme"] == pytest.approx(0.5 / 7, abs=1e-3)


def test_names_decide_and_unknown_points_are_left_out(tmp_path, dogs):
    names = ("withers", "tailbase", "left_front_elbow", "nose")
    labels = read_labels(tmp_path, write(tmp_path, dogs[:, :4], names))
    assert labels.known.sum() == 3
    np.testing.assert_allclose(labels.points[:, INDEX["root_of_tail"]], dogs[:, 1])
    np.testing.assert_allclose(labels.points[:, INDEX["left_elbow"]], dogs[:, 2])
    assert labels.sigmas[INDEX["left_elbow"]] == 0.107


def test_photos_and_boxes_go_to_the_estimator(tmp_path, dogs):
    labels = read_labels(tmp_path, write(tmp_path, dogs))
    seen = []

    def describe(images, boxes):
        seen.extend((int(image[0, 0, 0]), box) for image, box in zip(images, boxes, strict=True))
        return np.zeros((len(images), 21, 3), np.float32), [None] * len(images)

    points, traits = predict(describe, labels)
    assert points.shape == (6, 21, 3)
    assert traits == [None] * 6
    assert seen == [(n, (10.0, 10.0, 110.0, 90.0)) for n in range(6)]


def test_posture_and_view_count_where_they_are_labelled(tmp_path, dogs):
    path = write(tmp_path, dogs)
    data = json.loads(path.read_text())
    for annotation, posture in zip(
        data["annotations"], ("sitting", "sitting", "lying"), strict=False
    ):
        annotation |= {"posture": posture, "view": "front"}
    path.write_text(json.dumps(data))
    labels = read_labels(tmp_path, path)
    told = [Traits("sitting", "front"), Traits("lying", "left"), *[Traits("lying", "front")] * 4]
    figures = measure(labels, found_at(dogs), told)
    assert figures["posture_accuracy"] == figures["view_accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["postures"] == {"sitting": {"sitting": 1, "lying": 1}, "lying": {"lying": 1}}
    without = measure(labels, found_at(dogs))
    assert without["posture_accuracy"] is None


def test_boxes_overlap_by_what_they_share():
    one = np.array([(0.0, 0, 10, 10), (0, 0, 10, 10), (0, 0, 10, 10)])
    other = np.array([(0.0, 0, 10, 10), (5, 0, 15, 10), (20, 0, 30, 10)])
    assert box_overlap(one, other) == pytest.approx([1, 1 / 3, 0])


def test_a_photo_without_a_dog_is_looked_at_whole(tmp_path, dogs):
    class Finder:
        def find(self, images):
            dark = images[0][0, 0, 0] < 2
            return [NoSubject("cat") if dark else Subject((1.0, 2.0, 3.0, 4.0), 0.9)]

    boxes, found = find_boxes(Finder(), read_labels(tmp_path, write(tmp_path, dogs)))
    assert boxes[0].tolist() == [0, 0, 120, 120]
    assert boxes[2].tolist() == [1, 2, 3, 4]
    assert found == pytest.approx(4 / 6)


def test_a_photo_that_is_not_there_is_named(tmp_path, dogs):
    path = write(tmp_path, dogs)
    (tmp_path / "3.png").unlink()
    with pytest.raises(DataError, match=r"3\.png"):
        read_labels(tmp_path, path)
