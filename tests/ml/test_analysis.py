from collections.abc import Sequence

import numpy as np
import pytest

from ml.analysis import Analyser, Analysis
from ml.breeds import BreedClassifier, Calibration
from ml.errors import NoSubject
from ml.spec import KeypointLayout, Likeness, ModelSpec, NetworkSpec
from ml.subject import Box, Subject
from ml.traits import Traits

PLAIN = NetworkSpec("", "", "", (8, 8), (0, 0, 0), (1, 1, 1), {"margin": 0.25})
SPEC = ModelSpec(
    "s", "S", PLAIN, PLAIN, PLAIN, KeypointLayout((), (), {}), Likeness(0, 1, ((0, 0), (1, 100)))
)


class Finder:
    """A photo darker than 50 has no dog; the box is as large as the photo is bright."""

    def find(self, images: Sequence[np.ndarray]) -> list[Subject | NoSubject]:
        return [
            Subject((10, 10, 10.0 + image[0, 0, 0] / 5, 30), 0.9)
            if image[0, 0, 0] >= 50
            else NoSubject("cat")
            for image in images
        ]


class ByWidth:
    """Width and brightness of a crop; its features are the width alone."""

    def describe(self, crops: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        seen = np.array([[crop.shape[1], crop[0, 0, 0]] for crop in crops], np.float32)
        seen = seen.reshape(len(crops), 2)
        return seen, seen[:, :1]


class FirstPoint:
    """One point, at the box's right edge; a dog in a bright photo sits, another one is unknown."""

    def describe(
        self, images: Sequence[np.ndarray], boxes: Sequence[Box]
    ) -> tuple[np.ndarray, list[Traits | None]]:
        points = [[[box[2], image[0, 0, 0], 1]] for image, box in zip(images, boxes, strict=True)]
        sits = Traits("sitting", "front-left")
        return np.array(points), [sits if image[0, 0, 0] > 120 else None for image in images]


@pytest.fixture
def analyser() -> Analyser:
    return Analyser(SPEC, Finder(), ByWidth(), FirstPoint())  # type: ignore[arg-type]


def test_each_answer_belongs_to_its_photo(analyser: Analyser) -> None:
    levels = [100, 10, 200, 0, 150]
    photos = [np.full((100, 100, 3), level, np.uint8) for level in levels]
    answers = analyser.analyse(photos)
    assert [isinstance(answer, NoSubject) for answer in answers] == [
        False,
        True,
        False,
        True,
        False,
    ]
    for level, answer in zip(levels, answers, strict=True):
        if isinstance(answer, Analysis):
            width = level / 5
            assert answer.box == (10, 10, 10 + width, 30)
            assert answer.vector == pytest.approx([width * 1.5, level], abs=1)  # margin 0.25
            assert answer.keypoints.tolist() == [[10 + width, level, 1]]
            told = ("sitting", "front-left") if level > 120 else (None, None)
            assert (answer.posture, answer.view) == told


def test_no_dog_anywhere_and_no_photo(analyser: Analyser) -> None:
    assert analyser.analyse([]) == []
    (answer,) = analyser.analyse([np.zeros((100, 100, 3), np.uint8)])
    assert isinstance(answer, NoSubject)
    assert answer.kind == "cat"


def test_each_breed_belongs_to_its_photo(analyser: Analyser) -> None:
    photos = [np.full((100, 100, 3), level, np.uint8) for level in (200, 10, 60)]
    assert [a.breeds for a in analyser.analyse(photos) if isinstance(a, Analysis)] == [None, None]
    breeds = BreedClassifier(  # a wide dog is a basset, a narrow one a whippet
        ("basset-hound", "whippet"),
        np.array([[1.0], [-1.0]]),
        np.array([-40.0, 40.0]),
        Calibration(1.0, -50.0, 0.5, 0.0, 0.0),
    )
    knowing = Analyser(SPEC, Finder(), ByWidth(), FirstPoint(), breeds)  # type: ignore[arg-type]
    wide, none, narrow = knowing.analyse(photos)
    assert isinstance(wide, Analysis)
    assert wide.breeds is not None
    assert wide.breeds.slug == "basset-hound"
    assert isinstance(none, NoSubject)
    assert isinstance(narrow, Analysis)
    assert narrow.breeds is not None
    assert narrow.breeds.slug == "whippet"
    assert knowing.analyse([]) == []


def test_warm_up_runs_on_nothing_real(analyser: Analyser) -> None:
    analyser.warm_up()
