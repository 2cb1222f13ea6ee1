import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ml.errors import DataError
from ml.training.data import (
    Preparation,
    Source,
    epoch,
    read_all,
    read_split,
    samples_of,
    split,
    write_split,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("dogs/a", "dogs/b", "dogs/c", "cats"):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(20):
            name = f"{folder.replace('/', '-')}-{number}.png"
            Image.new("RGB", (40, 30), (number, 0, 0)).save(tmp_path / folder / name)
    (tmp_path / "dogs" / "notes.txt").write_text("no image")
    return tmp_path


def test_folder_source(root: Path) -> None:
    found = samples_of(Source("dogs", kind="dog"), root)
    assert len(found) == 60
    assert {s.label for s in found} == {"a", "b", "c"}
    assert {s.kind for s in found} == {"dog"}
    assert found == samples_of(Source("dogs", kind="dog"), root)


def test_split_shares_no_group_and_is_the_same_every_time(root: Path) -> None:
    sources = [Source("dogs", kind="dog", held_out=0.3), Source("cats", kind="cat")]
    training, validation = split(sources, root)
    for (_, used), (_, kept), count in zip(training, validation, (60, 20), strict=True):
        assert len(used) + len(kept) == count
        assert kept
        assert not {s.group for s in used} & {s.group for s in kept}
    assert split(sources, root) == (training, validation)


def test_folders_stay_whole(root: Path) -> None:
    training, validation = split([Source("dogs", kind="dog", group="folder", held_out=0.5)], root)
    labels = [{s.label for s in part[0][1]} for part in (training, validation)]
    assert not labels[0] & labels[1]
    assert labels[0] | labels[1] == {"a", "b", "c"}


def test_twins_in_two_sources_fall_on_one_side(root: Path) -> None:
    """A photo annotated under another name must not be learnt here and tested there."""
    coco = {
        "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "sheep"}],
        "images": [
            {"id": n, "file_name": f"t{n}.jpg", "same_photo_as": f"dogs/a/dogs-a-{n}.png"}
            for n in range(20)
        ],
        "annotations": [
            {"image_id": n, "category_id": 1 + n % 2, "bbox": [1, 2, 10, 20]} for n in range(20)
        ]
        + [{"image_id": 0, "category_id": 1, "bbox": [0, 0, 30, 30]}],
    }
    (root / "coco.json").write_text(json.dumps(coco))
    annotated = Source("cats", coco="coco.json", group="original", held_out=0.5)
    plain = Source("dogs/a", kind="dog", held_out=0.5)
    _, ((_, some), (_, twins)) = split([annotated, plain], root)
    assert {s.group for s in some} == {s.group for s in twins}
    found = samples_of(annotated, root)
    assert found[0].box == (0, 0, 30, 30)  # the largest of two
    assert found[1].box == (1, 2, 11, 22)
    assert [s.kind for s in found[1:4]] == ["other", "dog", "other"]


def test_epoch_draws_each_source_by_its_share(root: Path) -> None:
    training, _ = split(
        [
            Source("dogs", "dog", held_out=0, share=0.5),
            Source("cats", "cat", held_out=0, share=2.5),
        ],
        root,
    )
    drawn = epoch(training, seed=1, number=0)
    assert sum(s.kind == "dog" for s in drawn) == 30
    assert sum(s.kind == "cat" for s in drawn) == 50
    assert drawn == epoch(training, seed=1, number=0)
    assert drawn != epoch(training, seed=1, number=1)


def test_a_class_is_drawn_by_its_share(root: Path) -> None:
    source = Source("dogs", "dog", held_out=0, share=2.0, class_shares={"a": 0.25, "b": 0})
    drawn = epoch([(source, samples_of(source, root))], seed=1, number=0)
    assert Counter(s.label for s in drawn) == {"a": 10, "c": 40}


def test_balanced_classes_come_equally_often(root: Path) -> None:
    for number in range(2, 20):
        (root / "dogs" / "a" / f"dogs-a-{number}.png").unlink()
    source = Source("dogs", "dog", held_out=0, balanced=True)
    drawn = epoch([(source, samples_of(source, root))], seed=1, number=0)
    assert Counter(s.label for s in drawn) == {"a": 14, "b": 14, "c": 14}
    seen = Counter(s.path.name for s in drawn if s.label == "a")
    assert set(seen.values()) == {7}  # the two that are left, in turn


def test_table_source(root: Path) -> None:
    (root / "labels.csv").write_text(
        "file,label,group\n"
        "dogs/a/dogs-a-0.png,n02085620-Chihuahua,7\n"
        "dogs/b/dogs-b-0.png, Rex ,\n"
        "dogs/c/missing.png,,7\n"
    )
    first, second, third = samples_of(Source("", "dog", labels="labels.csv", group="label"), root)
    assert (first.label, first.group, first.ties) == ("Chihuahua", "Chihuahua", ("group 7",))
    assert (second.label, second.group, second.ties) == ("Rex", "Rex", ())
    assert (third.label, third.group, third.ties) == ("", "missing.png", ("group 7",))
    assert first.path == root / "dogs" / "a" / "dogs-a-0.png"


def test_labels_of_folders(root: Path) -> None:
    (root / "dogs" / "a").rename(root / "dogs" / "n02086240-Shih-Tzu")
    Image.new("RGB", (40, 30)).save(root / "dogs" / "loose.png")
    labels = Counter(s.label for s in samples_of(Source("dogs", "dog"), root))
    assert labels == {"Shih-Tzu": 20, "b": 20, "c": 20, "": 1}
    assert {s.label for s in samples_of(Source("dogs/b", labelled=True), root)} == {"b"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"group": "breed"}, "'group' is one of"),
        ({"framing": "tail"}, "'framing' is one of"),
        ({"held_out": 1.5}, "share from 0 to 1"),
        ({"share": -1}, "numbers from 0 on"),
        ({"class_shares": {"a": "many"}}, "numbers from 0 on"),
        ({"coco": "a", "labels": "b"}, "not both"),
    ],
)
def test_a_source_that_cannot_be(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        Source("dogs", **changes)


def test_links_and_groups_hold_photos_of_all_sources_together(root: Path) -> None:
    """a-0 and the cat look the same; that the cat is never to be held out does not part them."""
    sources = [Source("dogs", "dog", held_out=0.5), Source("cats", "cat", held_out=0.0)]
    _, ((_, held), (_, none)) = split(sources, root)
    assert not none
    dog = held[0].path
    cat = root / "cats" / "cats-3.png"
    training, validation = split(sources, root, links=[(dog, cat), (cat, root / "unknown.png")])
    assert [s.path for s in validation[1][1]] == [cat]
    assert dog in [s.path for s in validation[0][1]]
    assert len(training[1][1]) == 19


def test_a_split_is_fixed_by_its_file(root: Path) -> None:
    before = [Source("dogs", "dog", held_out=0.3)]
    write_split(root / "split.csv", root, *split(before, root))
    after = [Source("dogs", "dog", held_out=0.9, split="split.csv")]
    sides = [[{s.path for s in part[0][1]} for part in split(x, root)] for x in (before, after)]
    assert sides[0] == sides[1]
    fresh = root / "dogs" / "a" / "new.png"
    Image.new("RGB", (40, 30)).save(fresh)
    with pytest.raises(DataError, match=r"no side to 1 photos, new\.png first.*--fixed"):
        split(after, root)
    known = read_split(root / "split.csv", root)
    held = next(path for path, is_held in known.items() if is_held)
    _, validation = split(before, root, [(fresh, held)], known)
    assert {s.path for s in validation[0][1]} == sides[0][1] | {fresh}


def test_a_side_that_is_none(root: Path) -> None:
    (root / "split.csv").write_text("file,side\ndogs/a/1.png,test\n")
    with pytest.raises(DataError, match="training or validation, not 'test'"):
        read_split(root / "split.csv", root)


def test_a_stratified_split_holds_out_of_each_class(root: Path) -> None:
    source = Source("dogs", "dog", held_out=0.2, stratified=True)
    _, ((_, held),) = split([source], root)
    assert Counter(s.label for s in held) == {"a": 4, "b": 4, "c": 4}
    for path in list((root / "dogs" / "b").iterdir())[1:]:
        path.unlink()
    with pytest.raises(DataError, match=r"fewer of dogs/b\. Add photos"):
        split([source], root)


def test_missing_and_empty_folders(root: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        samples_of(Source("wolves"), root)
    (root / "empty").mkdir()
    with pytest.raises(DataError, match="no images"):
        samples_of(Source("empty"), root)


def test_skip(root: Path) -> None:
    found = samples_of(Source("dogs", kind="dog", skip=("-a-", "-b-1")), root)
    assert {s.label for s in found} == {"b", "c"}
    assert len(found) == 60 - 20 - 11


def test_unreadable_images_are_given_back_not_raised(root: Path) -> None:
    bad = root / "bad.jpg"
    bad.write_bytes(b"no image")
    good = next(iter((root / "cats").iterdir()))
    answers = dict(read_all([bad, good]))
    assert isinstance(answers[1], np.ndarray)
    assert not isinstance(answers[0], np.ndarray)
    assert answers[0].code == "not_an_image"


def test_preparations() -> None:
    grey = np.full((16, 16, 3), 100, np.uint8)
    grey[:8] = 120
    for preparation in (Preparation(), Preparation("grey")):
        assert np.array_equal(preparation(grey), grey)
    assert set(np.unique(Preparation(equalise="global")(grey))) == {0, 255}
    clahe = Preparation(equalise="clahe")(grey)
    assert clahe.std() > 0
    assert not np.array_equal(clahe, grey)
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 255
    assert tuple(Preparation("hsv")(red)[0, 0]) == (0, 255, 255)
    lightness, a, b = (int(value) for value in Preparation("lab")(red)[0, 0])
    assert (lightness, a, b) == (136, 208, 195)  # L 53.2 of 100; a 80, b 67 about 128
    assert tuple(Preparation("grey")(red)[0, 0]) == (76, 76, 76)
