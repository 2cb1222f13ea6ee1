import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.errors import DataError
from ml.skeleton import INDEX, KEYPOINTS, mirror
from ml.training.keypoints.datasets import convert, load, split_of
from ml.training.keypoints.points import EXTRA, POINTS, canonical, metainfo
from ml.training.keypoints.pseudo import packed, sure_points
from ml.traits import MIRRORED, POSTURES, VIEWS

ANIMAL_POSE = [
    "left_eye",
    "right_eye",
    "nose",
    "left_ear",
    "right_ear",
    "left_front_elbow",
    "right_front_elbow",
    "left_back_elbow",
    "right_back_elbow",
    "left_front_knee",
    "right_front_knee",
    "left_back_knee",
    "right_back_knee",
    "left_front_paw",
    "right_front_paw",
    "left_back_paw",
    "right_back_paw",
    "throat",
    "withers",
    "tailbase",
]


def coco(names: list[str], count: int, species: tuple[str, ...] = ("dog",)) -> dict:
    """`count` animals, point k of animal i at (10 + 2k, 20 + i); point 0 is not labelled."""
    return {
        "images": [
            {"id": i, "file_name": f"{i}.jpg", "width": 96, "height": 80} for i in range(count)
        ],
        "annotations": [
            {
                "id": i,
                "image_id": i,
                "category_id": 1 + i % len(species),
                "bbox": [5, 5, 80, 70],
                "area": 5600,
                "iscrowd": 0,
                "keypoints": [
                    value
                    for k in range(len(names))
                    for value in ((10 + 2 * k, 20 + i, 2) if k else (0, 0, 0))
                ],
            }
            for i in range(count)
        ],
        "categories": [
            {"id": 1 + k, "name": name, "keypoints": names} for k, name in enumerate(species)
        ],
    }


def test_animal_poses_joints_become_what_they_are():
    points = {name: canonical(name) for name in ANIMAL_POSE}
    assert points["left_front_elbow"] == "left_elbow"
    assert points["left_front_knee"] == "left_wrist"
    assert points["right_back_elbow"] == "right_knee"
    assert points["right_back_knee"] == "right_hock"
    assert points["left_ear"] == "left_ear_base"
    assert points["tailbase"] == "root_of_tail"
    assert set(points.values()) <= set(POINTS)
    assert len(set(points.values())) == len(ANIMAL_POSE)


def test_our_own_names_stay():
    assert [canonical(name) for name in POINTS] == list(POINTS)
    assert POINTS[:21] == KEYPOINTS


def test_every_extra_point_has_its_mirror():
    assert {mirror(name) for name in EXTRA} == set(EXTRA)
    swaps = metainfo()["keypoint_info"]
    for point in swaps.values():
        if point["swap"]:
            assert point["swap"] == mirror(point["name"])


def test_conversion_keeps_places_and_tells_unlabelled_from_unknown():
    (annotation,) = convert(coco(ANIMAL_POSE, 1))["annotations"]
    points = np.array(annotation["keypoints"]).reshape(-1, 3)
    assert points[INDEX["left_knee"]].tolist() == [10 + 2 * 7, 20, 2]
    assert points[INDEX["left_eye"]].tolist() == [0, 0, 0]
    assert annotation["defined"][INDEX["left_eye"]] == 1
    assert points[INDEX["neck"]].tolist() == [0, 0, 0]
    assert annotation["defined"][INDEX["neck"]] == 0
    assert annotation["num_keypoints"] == 19


def test_species_and_images_are_chosen_together():
    data = coco(ANIMAL_POSE, 6, ("dog", "cow"))
    dogs = convert(data, species={"dog"})
    assert [image["id"] for image in dogs["images"]] == [0, 2, 4]
    some = convert(data, species={"cow"}, keep=lambda image: image["id"] > 2)
    assert [annotation["image_id"] for annotation in some["annotations"]] == [3, 5]


def test_a_photo_is_on_one_side_under_all_its_names():
    names = [f"photos/shelter/dog.{i}.jpg" for i in range(400)]
    sides = [split_of({"file_name": f"t{i}.jpg", "same_photo_as": n}) for i, n in enumerate(names)]
    assert sides == [split_of({"file_name": n}) for n in names]
    assert 50 < sides.count("val") < 110


def test_a_file_that_is_not_coco_is_refused(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"images": []}')
    with pytest.raises(DataError, match=r"a\.json"):
        load(path)


def test_what_is_known_to_be_hidden_counts_and_what_is_unknown_does_not():
    from ml.training.keypoints.pipeline import WeighAbsent

    results = {
        "keypoint_weights": np.array([[1.0, 0.0, 0.0]]),
        "absent_weights": np.array([[0.2, 0.2, 0.0]]),
    }
    weights = WeighAbsent().transform(results)["keypoint_weights"]
    np.testing.assert_allclose(weights, [[1.0, 0.2, 0.0]])


def test_a_mirrored_dog_faces_the_other_way_and_half_a_dog_has_no_posture():
    from ml.training.keypoints.pipeline import TraitTargets

    def seen(view: str, flip: bool, middle: tuple[float, float]) -> tuple[int, int]:
        results = {
            "posture": POSTURES.index("sitting"),
            "view": VIEWS.index(view),
            "flip": flip,
            "bbox": np.array([[10.0, 20, 50, 80]]),
            "bbox_center": np.array([middle]),
        }
        found = TraitTargets().transform(results)
        return found["posture"], found["view"]

    whole, half = (30.0, 50.0), (30.0, 35.0)
    sitting = POSTURES.index("sitting")
    assert seen("front-left", False, whole) == (sitting, VIEWS.index("front-left"))
    assert seen("front-left", True, whole) == (sitting, VIEWS.index("front-right"))
    assert seen("front", True, whole) == (sitting, VIEWS.index("front"))
    assert seen("right", True, half) == (-1, VIEWS.index("left"))
    for place, view in enumerate(VIEWS):
        assert MIRRORED[MIRRORED[place]] == place
        turned = view.replace("left", "x").replace("right", "left").replace("x", "right")
        assert VIEWS[MIRRORED[place]] == turned


class Unsure:
    """Finds the same points in a photo and its mirror image, but is in doubt of the nose, and takes
    a left knee for a right one in the mirror."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        self.points = np.concatenate([rng.uniform(20, 80, (21, 2)), np.full((21, 1), 0.9)], 1)

    def estimate(self, photos, boxes):
        return self.points[None]

    def estimate_mirrored(self, photos, boxes):
        found = self.points.copy()
        found[INDEX["nose"], 2] = 0.4
        knees = INDEX["left_knee"], INDEX["right_knee"]
        found[list(knees)] = found[list(reversed(knees))]
        return found[None]


def test_what_a_photo_and_its_mirror_image_agree_on_is_a_label():
    pose = Unsure()
    photo = np.random.default_rng(0).integers(0, 255, (100, 120, 3), np.uint8)
    points = sure_points(pose, photo, (10.0, 10.0, 90.0, 90.0))
    unsure = {INDEX["nose"], INDEX["left_knee"], INDEX["right_knee"]}
    for place in range(21):
        if place in unsure:
            assert points[place].tolist() == [0, 0, 0]
        else:
            assert points[place] == pytest.approx([*pose.points[place, :2], 2])


def test_a_packed_dog_keeps_its_points_where_they_are_on_it():
    photo = np.zeros((600, 800, 3), np.uint8)
    photo[300:306, 400:406] = 255
    points = np.zeros((21, 3))
    points[0] = 402.5, 302.5, 2
    cut, box, moved = packed(photo, (200.0, 100.0, 600.0, 500.0), points)
    assert max(cut.shape) == 288
    x, y, v = moved[0]
    assert v == 2
    assert moved[1:].max() == 0
    assert cut[round(y), round(x)].min() > 200
    assert (x - box[0]) / (box[2] - box[0]) == pytest.approx(202.5 / 400, abs=0.01)


@pytest.fixture
def material(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for folder, name, data in (
        ("shelter_hand", "hand", coco(list(KEYPOINTS), 20)),
        ("animalpose", "animalpose_train", coco(ANIMAL_POSE, 8, ("dog", "cow"))),
    ):
        images = tmp_path / folder / "images"
        images.mkdir(parents=True)
        for image in data["images"]:
            pixels = rng.integers(0, 255, (80, 96, 3), np.uint8)
            Image.fromarray(pixels).save(images / image["file_name"])
        (tmp_path / folder / f"{name}.json").write_text(json.dumps(data))
    return tmp_path


@pytest.mark.filterwarnings("ignore")  # mmengine's own
def test_a_run_is_resumed_and_its_weights_find_points(material, tmp_path):
    from ml.pose import PoseEstimator
    from ml.training.keypoints.config import Settings
    from ml.training.keypoints.train import starter_sources, train
    from ml.training.release import network_of

    out = tmp_path / "run"
    sources, val = starter_sources(material, out / "annotations")
    small = {"backbone": "test_vit", "size": (64, 64), "head_channels": (16, 16), "batch": 4}

    def run(iterations: int) -> Path:
        settings = Settings(
            out=out, iterations=iterations, warm_up=1, checkpoint_every=1, threads=1, **small
        )
        return train(settings, sources, val)

    run(2)
    path = run(4)
    assert (out / "last_checkpoint").read_text().endswith("iter_4.pth")
    estimator = PoseEstimator.of(network_of(path), path, device="torch-cpu")
    points, traits = estimator.describe([np.zeros((80, 96, 3), np.uint8)], [(5, 5, 85, 75)])
    assert points.shape == (1, 21, 3)
    assert traits[0].posture in POSTURES
    assert traits[0].view in VIEWS
    assert np.isfinite(points).all()


@pytest.mark.filterwarnings("ignore")  # mmengine's own
def test_what_people_annotated_is_all_learnt_from(material, tmp_path):
    from ml.training.keypoints.train import starter_sources

    for name, count in (("one", 6), ("two", 3)):
        (tmp_path / name).mkdir()
        exported = json.dumps(coco(list(KEYPOINTS), count))
        (tmp_path / name / "annotations.json").write_text(exported)
    plain, _ = starter_sources(material, tmp_path / "plain")
    folders = [tmp_path / "one", tmp_path / "two"]
    sources, val = starter_sources(material, tmp_path / "out", extra=folders)
    assert len(sources) == len(plain) + 2
    for source, folder, count in zip(sources[-2:], folders, (6, 3), strict=True):
        assert source.images == folder / "images"
        assert source.share == plain[0].share
        assert len(load(source.annotations)["annotations"]) == count
    assert val.images == material / "shelter_hand" / "images"


def test_a_loss_that_is_not_a_number_ends_the_run():
    import torch

    from ml.training.keypoints.pipeline import StopOnNaN

    class Runner:
        iter = 7

    stop = StopOnNaN()
    stop.after_train_iter(Runner(), 0, outputs={"loss": torch.tensor(0.5)})
    with pytest.raises(FloatingPointError, match="7"):
        stop.after_train_iter(Runner(), 0, outputs={"loss": torch.tensor(float("nan"))})
