import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.errors import DataError
from ml.training.data import Source, epoch, held_out, read_all, samples_of, split


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


def test_held_out_is_about_the_share() -> None:
    kept = sum(held_out(f"photo-{number}", 0.2) for number in range(5000))
    assert 900 < kept < 1100
    assert not any(held_out(f"photo-{number}", 0.0) for number in range(100))


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
