import argparse
import json
from statistics import median

import numpy as np
import pytest
from PIL import Image

from ml.drawn import command
from ml.drawn.breeds import BREEDS
from ml.drawn.dataset import demo_dogs, example_scenes, write_dataset, write_examples
from ml.skeleton import KEYPOINTS
from portal.dogs.imports import read_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("drawn")
    write_dataset(out, dogs=8, seed=7, side=160)
    return out


def contents(out):
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def test_the_same_seed_writes_the_same_bytes(folder, tmp_path):
    write_dataset(tmp_path / "again", dogs=8, seed=7, side=160)
    assert contents(folder) == contents(tmp_path / "again")
    write_dataset(tmp_path / "other", dogs=8, seed=8, side=160)
    assert not contents(folder).items() & contents(tmp_path / "other").items()


def test_the_portal_reads_the_folder_without_a_complaint(folder):
    reading = read_folder(folder)
    assert reading.problems == []
    assert len(reading.listings) == 8
    assert all(2 <= len(listing.photos) <= 4 for listing in reading.listings)
    assert {listing.shelter for listing in reading.listings} == {
        dog.row["shelter"] for dog in demo_dogs(8, 7, 160)
    }
    bonded = {
        listing.key: listing.bonded_with for listing in reading.listings if listing.bonded_with
    }
    assert len(bonded) == 2
    assert all(bonded[friend] == dog for dog, friend in bonded.items())


def test_keypoints_are_coco_with_our_names(folder):
    labels = json.loads((folder / "keypoints.json").read_text())
    assert labels["categories"][0]["keypoints"] == list(KEYPOINTS)
    assert len(labels["images"]) == len(labels["annotations"]) == len(list(folder.rglob("*.jpg")))
    for image, label in zip(labels["images"], labels["annotations"], strict=True):
        with Image.open(folder / image["file_name"]) as photo:
            assert photo.size == (image["width"], image["height"])
        assert label["image_id"] == image["id"]
        points = np.reshape(label["keypoints"], (-1, 3))
        assert len(points) == 21
        assert label["num_keypoints"] == (points[:, 2] > 0).sum() > 3
        assert label["posture"] in ("standing", "sitting", "lying")
        assert label["view"] in ("front", "front-left", "front-right", "left", "right")


def test_the_demo_is_like_a_shelters_list():
    dogs = demo_dogs(40, 7, 960)
    rows = [dog.row for dog in dogs]
    assert len({dog.slug for dog in dogs}) == len({row["name"] for row in rows}) == 40
    assert len({row["shelter"] for row in rows}) == 3
    assert 4.5 <= median(float(row["weight_kg"]) for row in rows) <= 8.5
    assert 0.7 <= np.mean([row["mixed"] == "yes" for row in rows]) <= 0.8
    answers = [row[trait] for row in rows for trait in ("good_with_children", "leash_trained")]
    assert 0.25 <= np.mean([answer == "unknown" for answer in answers]) <= 0.55
    statuses = [row["status"] for row in rows]
    assert statuses.count("adopted") >= 2
    assert statuses.count("on_hold") >= 2
    assert statuses.count("available") >= 34
    for dog in dogs:
        if dog.row["mixed"] == "no":
            assert dog.row["breeds"] == BREEDS[dog.dog.breed].name
        assert dog.row["colours"]


def test_adding_dogs_leaves_the_others_as_they_were():
    few, many = demo_dogs(9, 7, 960), demo_dogs(12, 7, 960)
    assert [dog.dog for dog in few] == [dog.dog for dog in many[:9]]
    assert [dog.scenes for dog in few] == [dog.scenes for dog in many[:9]]


def test_wild_sets_reach_further(tmp_path):
    assert (
        max(abs(s.head_roll) for d in demo_dogs(12, 7, 200, wildly=True) for s, _ in d.scenes) > 15
    )
    arguments = ["draw", str(tmp_path), "--dogs", "1", "--size", "120", "--wild"]
    parser = argparse.ArgumentParser()
    command.add_command(parser.add_subparsers())
    options = parser.parse_args(arguments)
    options.run(options)
    assert list(tmp_path.rglob("*.jpg"))


def test_examples_are_small_and_of_other_dogs(tmp_path):
    paths = write_examples(tmp_path, side=320)
    assert len(paths) == 6
    assert all(path.stat().st_size <= 60_000 for path in paths)
    listed = {dog.dog for seed in range(12) for dog in demo_dogs(40, seed, 960)}
    assert not listed & {dog for dog, _ in example_scenes()}
