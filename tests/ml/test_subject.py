import numpy as np
import pytest

from ml.errors import NoSubject
from ml.spec import NetworkSpec
from ml.subject import KINDS, Gate, Subject, SubjectFinder, crop, in_pixels, squash, squash_all

SPEC = NetworkSpec("", "", "", (32, 32), (0, 0, 0), (1, 1, 1), {"dog_at_least": 0.4})


def finder_of(gate: list[float], box: list[float]) -> SubjectFinder:
    def run(batch: np.ndarray) -> tuple[np.ndarray, ...]:
        assert batch.dtype == np.uint8
        assert batch.shape[1:] == (32, 32, 3)
        count = len(batch)
        return np.log(np.tile(gate, (count, 1))), np.tile(box, (count, 1))

    return SubjectFinder(run, SPEC)


def blank(height: int, width: int, value: int = 0) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_box_in_pixels_of_each_image() -> None:
    finder = finder_of([0.7, 0.1, 0.1, 0.1], [0.1, 0.2, 0.5, 1.0])
    wide, tall = finder.find([blank(100, 200), blank(400, 50)])
    assert isinstance(wide, Subject)
    assert isinstance(tall, Subject)
    assert wide.box == pytest.approx((20, 20, 100, 100))
    assert tall.box == pytest.approx((5, 80, 25, 400))
    assert wide.confidence == pytest.approx(0.7)


@pytest.mark.parametrize("kind", ["cat", "person", "other"])
def test_no_subject_is_returned_with_what_was_seen(kind: str) -> None:
    gate = [0.39, 0.1, 0.1, 0.1]
    gate[KINDS.index(kind)] = 0.41  # type: ignore[arg-type]
    (answer,) = finder_of(gate, [0, 0, 1, 1]).find([blank(64, 64)])
    assert isinstance(answer, NoSubject)
    assert answer.kind == kind


def test_a_likely_dog_passes_below_one_half() -> None:
    (answer,) = finder_of([0.41, 0.45, 0.1, 0.04], [0, 0, 1, 1]).find([blank(64, 64)])
    assert isinstance(answer, Subject)


def test_order_beyond_one_batch() -> None:
    def run(batch: np.ndarray) -> tuple[np.ndarray, ...]:
        level = batch.mean((1, 2, 3)) / 255
        gates = np.tile(np.array([9.0, 0, 0, 0]), (len(batch), 1))
        return gates, np.stack([level * 0, level * 0, level, level], 1)

    images = [blank(100, 100, value) for value in range(20, 240, 5)]
    found = SubjectFinder(run, SPEC).find(images)
    rights = [answer.box[2] for answer in found if isinstance(answer, Subject)]
    assert rights == pytest.approx([value / 2.55 for value in range(20, 240, 5)])
    assert finder_of([1, 1, 1, 1], [0, 0, 1, 1]).find([]) == []


def test_the_gate_is_asked_where_the_first_look_is_in_doubt_and_decides() -> None:
    """A picture's grey level tells the first network's chance of a dog, and the gate's answer."""
    asked = []

    def first(batch: np.ndarray) -> tuple[np.ndarray, ...]:
        chance = batch[:, 0, 0, :1] / 100
        rest = (1 - chance) / 3
        gates = np.log(np.concatenate([chance, rest, rest, rest], 1))
        return gates, np.tile([0, 0, 1, 1], (len(batch), 1))

    def second(batch: np.ndarray) -> tuple[np.ndarray, ...]:
        asked.extend(batch[:, 0, 0, 0].tolist())
        dog, cat = [9, 0, 0, 0], [0, 9, 0, 0]
        return (np.array([dog if level == 20 else cat for level in batch[:, 0, 0, 0]], float),)

    options = {"dog_at_least": 0.5, "ask_from": 0.1, "ask_below": 0.9}
    gate = Gate(second, NetworkSpec("", "", "", (32, 32), (0, 0, 0), (1, 1, 1), options))
    images = [blank(32, 32, level) for level in (5, 20, 60, 95)]
    few, dog, cat, sure = SubjectFinder(first, SPEC, gate).find(images)
    assert asked == [20, 60]
    assert isinstance(few, NoSubject)
    assert isinstance(dog, Subject)
    assert dog.confidence == pytest.approx(0.9996, abs=1e-3)
    assert isinstance(cat, NoSubject)
    assert cat.kind == "cat"
    assert isinstance(sure, Subject)
    assert SubjectFinder(first, SPEC, gate).find(images[:1] + images[3:])[1] == sure
    assert asked == [20, 60]


@pytest.mark.parametrize(
    "box", [[-1, -1, 2, 2], [0.5, 0.5, 0.5, 0.5], [1, 1, 1, 1], [0.9, 0.9, 0.1, 0.1]]
)
def test_a_degenerate_box_stays_usable(box: list[float]) -> None:
    x0, y0, x1, y1 = in_pixels(np.array(box), 80, 60)
    assert x0 >= 0
    assert x0 + 2 <= x1 <= 80
    assert y0 >= 0
    assert y0 + 2 <= y1 <= 60


def test_crop_adds_a_margin_inside_the_picture() -> None:
    image = np.arange(100 * 100, dtype=np.int64).reshape(100, 100, 1)
    assert crop(image, (20, 40, 60, 60), 0.1)[0, 0, 0] == 38 * 100 + 16
    assert crop(image, (20, 40, 60, 60), 0.1).shape == (24, 48, 1)
    assert crop(image, (0, 0, 100, 100), 0.5).shape == (100, 100, 1)


def test_squash_keeps_colours_in_place() -> None:
    image = blank(40, 90)
    image[:, 45:] = 255
    small = squash(image, (20, 30))
    assert small.shape == (20, 30, 3)
    assert small[:, :13].max() < 30
    assert small[:, 17:].min() > 225


@pytest.mark.parametrize("count", [1, 9])
def test_many_pictures_are_squashed_as_one_is(count: int) -> None:
    random = np.random.default_rng(2)
    shapes = [(50 + 10 * place, 90, 3) for place in range(count)]
    pictures = [random.integers(0, 255, shape, np.uint8) for shape in shapes]
    found = squash_all(pictures, (24, 32), "bicubic")
    assert found.shape == (count, 24, 32, 3)
    assert found.flags.writeable
    for one, picture in zip(found, pictures, strict=True):
        assert np.array_equal(one, squash(picture, (24, 32), "bicubic"))
