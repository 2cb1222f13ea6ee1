import hashlib
from dataclasses import replace

import numpy as np
import pytest

from ml.drawn.breeds import BREEDS, mixed, purebred
from ml.drawn.camera import DISTANCE, fitted, looking
from ml.drawn.params import Light, Scene
from ml.drawn.render import draw_scene_without_dog, render
from ml.drawn.scenes import PLACES, full_length, portrait, wild
from ml.skeleton import FLIP, INDEX, KEYPOINTS

SIZE = (240, 300)
LIGHT = Light(direction=-40, warmth=0.3, strength=0.5, vignette=0.1, grain=0.004)
STANDING = Scene(
    posture="standing",
    azimuth=40,
    elevation=8,
    head_yaw=20,
    head_pitch=0,
    head_roll=0,
    stride=0.5,
    tail_sway=10,
    tongue=False,
    crop="body",
    fill=0.8,
    offset=(0.0, 0.02),
    place="studio",
    place_seed=3,
    light=LIGHT,
)
FRONT = replace(STANDING, azimuth=0, head_yaw=0, crop="head", fill=0.7)
PLAIN = replace(LIGHT, direction=0, vignette=0, grain=0)


def dog(kind="jindo", look=0, seed=1):
    return purebred(kind, np.random.default_rng(seed), look)


def digest(drawing):
    return hashlib.sha256(drawing.image.tobytes() + drawing.keypoints.tobytes()).hexdigest()


def test_the_same_dog_in_the_same_scene_is_the_same_picture():
    assert digest(render(dog(), STANDING, SIZE)) == digest(render(dog(), STANDING, SIZE))
    assert digest(render(dog(seed=2), STANDING, SIZE)) != digest(render(dog(), STANDING, SIZE))


@pytest.mark.parametrize("seed", range(12))
def test_keypoints_lie_in_the_picture_and_in_the_box(seed):
    random = np.random.default_rng(seed)
    scene = (wild(random), full_length(random, "meadow"), portrait(random, "room"))[seed % 3]
    drawing = render(mixed(random), scene, SIZE)
    assert drawing.image.shape == (SIZE[1], SIZE[0], 3)
    assert drawing.image.dtype == np.uint8
    assert drawing.keypoints.shape == (len(KEYPOINTS), 3)
    x0, y0, x1, y1 = drawing.box
    assert 0 <= x0 < x1 <= SIZE[0]
    assert 0 <= y0 < y1 <= SIZE[1]
    here = drawing.keypoints[:, 2] > 0
    assert set(np.unique(drawing.keypoints[:, 2])) <= {0, 1, 2}
    assert (drawing.keypoints[~here] == 0).all()
    x, y = drawing.keypoints[here, 0], drawing.keypoints[here, 1]
    assert ((x >= x0 - 1) & (x <= x1 + 1) & (y >= y0 - 1) & (y <= y1 + 1)).all()


@pytest.mark.parametrize("kind", sorted(BREEDS))
def test_eyes_and_nose_are_where_they_are_drawn(kind):
    """A white dog's face is pale but for eyes and nose, so the pixels there are dark."""
    plain = dog(kind)
    white = (0.95, 0.93, 0.90)
    coat = replace(
        plain.coat,
        base=white,
        second=white,
        points=white,
        pattern="solid",
        white=0.0,
        hair="smooth",
    )
    drawing = render(
        replace(plain, coat=coat, nose=(0.1, 0.1, 0.1), collar=None),
        replace(FRONT, light=PLAIN),
        SIZE,
    )
    for name in ("left_eye", "right_eye", "nose"):
        x, y, seen = drawing.keypoints[INDEX[name]]
        assert seen == 2
        near = drawing.image[int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5]
        assert np.median(near) < 90, name
    left, right = drawing.keypoints[INDEX["left_eye"]], drawing.keypoints[INDEX["right_eye"]]
    between = drawing.image[int((left[1] + right[1]) / 2), int((left[0] + right[0]) / 2)]
    assert between.mean() > 130


def test_left_is_the_dogs_own():
    points = render(dog(), FRONT, SIZE).keypoints
    # It faces us, so its left is on our right.
    for name in ("eye", "ear_base", "mouth_corner"):
        assert points[INDEX[f"left_{name}"], 0] > points[INDEX[f"right_{name}"], 0]


@pytest.mark.parametrize(
    ("azimuth", "view"),
    [(0, "front"), (40, "front-left"), (-40, "front-right"), (85, "left"), (-85, "right")],
)
def test_the_view_is_the_way_the_dog_faces_in_the_picture(azimuth, view):
    drawing = render(dog(), replace(STANDING, azimuth=azimuth), SIZE)
    assert drawing.view == view
    nose, tail = drawing.keypoints[INDEX["nose"], 0], drawing.keypoints[INDEX["root_of_tail"], 0]
    if view.endswith("left"):
        assert nose < tail
    if view.endswith("right"):
        assert nose > tail


@pytest.mark.parametrize("posture", ["standing", "sitting", "lying"])
def test_a_mirrored_scene_swaps_view_and_sides(posture):
    scene = replace(STANDING, posture=posture, head_roll=8)
    drawing, other = (render(dog(), s, SIZE) for s in (scene, scene.mirrored()))
    assert (drawing.view, other.view) == ("front-left", "front-right")
    swapped = other.keypoints.copy()
    for left, right in FLIP:
        swapped[[left, right]] = swapped[[right, left]]
    swapped[:, 0] = SIZE[0] - swapped[:, 0]
    # Ears, nose and paws are symmetrical; only the curl of the tail is not, which moves the frame.
    assert np.abs(swapped[:, :2] - drawing.keypoints[:, :2]).max() < 4
    assert (swapped[:, 2] == drawing.keypoints[:, 2]).mean() > 0.9


def test_far_legs_are_hidden_behind_a_lying_dog():
    points = render(dog("corgi"), replace(STANDING, posture="lying", azimuth=88), SIZE).keypoints
    assert points[INDEX["left_elbow"], 2] == 2
    assert points[INDEX["right_elbow"], 2] == 1
    assert points[INDEX["right_knee"], 2] == 1


def test_a_head_portrait_has_no_paws():
    points = render(dog(), FRONT, SIZE).keypoints
    assert points[INDEX["nose"], 2] == 2
    assert points[INDEX["left_back_paw"]].tolist() == [0, 0, 0]


def test_a_fitted_camera_fills_the_frame():
    camera = fitted(
        looking(30, 10), np.array([[0, 0, 0.5], [0.4, 0, 0.9]]), np.array([0.3, 0.2]),
        (400, 400), 0.8, (0, 0),
    )  # fmt: skip
    at, depth, zoom = camera.view(np.array([[0, 0, 0.5], [0.4, 0, 0.9]]))
    reach = np.array([[0.3], [0.2]]) * zoom[:, None]
    assert ((at + reach).max(axis=0) - (at - reach).min(axis=0)).max() == pytest.approx(
        320, rel=0.01
    )
    assert zoom == pytest.approx(camera.scale / (1 - depth / DISTANCE))


def histogram(image, box):
    x0, y0, x1, y1 = (int(v) for v in box)
    middle = image[
        y0 + (y1 - y0) // 4 : y1 - (y1 - y0) // 4, x0 + (x1 - x0) // 4 : x1 - (x1 - x0) // 4
    ]
    counts, _ = np.histogramdd(middle.reshape(-1, 3), bins=6, range=[(0, 256)] * 3)
    return counts / counts.sum()


def test_a_dog_looks_more_like_itself_than_like_another():
    random = np.random.default_rng(4)
    looks = [("shiba", 0), ("maltese", 0), ("border_collie", 0), ("schnauzer", 0), ("dachshund", 2)]
    pictures = []
    for kind, look in looks:
        same = dog(kind, look)
        pair = [render(same, full_length(random, place), SIZE) for place in ("room", "meadow")]
        pictures.append([histogram(p.image, p.box) for p in pair])
    own = np.mean([np.abs(a - b).sum() for a, b in pictures])
    others = np.mean(
        [
            np.abs(a[0] - b[1]).sum()
            for i, a in enumerate(pictures)
            for j, b in enumerate(pictures)
            if i != j
        ]
    )
    assert own < 0.75 * others


@pytest.mark.parametrize("place", PLACES)
def test_surroundings_alone(place):
    image = draw_scene_without_dog(place, 5, LIGHT, SIZE)
    assert image.shape == (SIZE[1], SIZE[0], 3)
    assert image.std() > 4
    assert (image == draw_scene_without_dog(place, 5, LIGHT, SIZE)).all()
    assert (image != draw_scene_without_dog(place, 6, LIGHT, SIZE)).any()
