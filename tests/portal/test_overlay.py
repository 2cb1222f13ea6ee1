"""Overlays on hand-made points."""

import pytest

from portal.matching.overlay import draw

LAYOUT = {
    "names": ["left_eye", "right_eye", "nose", "neck", "left_elbow", "right_hip"],
    "skeleton": [["left_eye", "right_eye"], ["nose", "neck"], ["neck", "left_elbow"]],
    "parts": {
        "left_eye": "face",
        "right_eye": "face",
        "nose": "face",
        "neck": "body",
        "left_elbow": "front_legs",
        "right_hip": "hind_legs",
    },
}
POINTS = [
    [0.25, 0.5, 0.9],
    [0.75, 0.5, 0.6],
    [0.5, 0.6, 0.29],
    [0.5, 0.9, 0.3],
    [0.1, 1.0, 1.0],
    [0.9, 0.9, 0.5],
]


def overlay(**changes):
    known = {"points": POINTS, "box": [0.1, 0.2, 0.9, 1.0], "width": 400, "height": 200}
    return draw(layout=LAYOUT, **(known | changes))


def test_points_stand_at_their_fractions_of_the_picture():
    placed = {point.name: (point.x, point.y) for point in overlay().points}
    assert placed["left_eye"] == (100, 100)
    assert placed["left_elbow"] == (40, 200)


def test_posture_and_view_are_told_where_they_are_known():
    assert overlay(traits=["sitting", "from the front"]).traits == ("sitting", "from the front")
    assert overlay(traits=["", "from the side"]).traits == ("from the side",)
    assert overlay().traits == ()


def test_a_point_below_the_threshold_is_not_drawn_nor_are_its_lines():
    drawn = overlay()
    assert "nose" not in [point.name for point in drawn.points]
    assert [(line.part, line.x1, line.x2) for line in drawn.lines] == [
        ("face", 100, 300),
        ("front_legs", 200, 40),
    ]


def test_only_the_right_side_is_hollow():
    hollow = {point.name for point in overlay().points if point.hollow}
    assert hollow == {"right_eye", "right_hip"}


def test_every_part_has_its_own_shape():
    commands = {p.name: "".join(c for c in p.path if c.isalpha()) for p in overlay().points}
    assert commands["left_eye"] == "MaaZ"
    assert commands["left_elbow"] == "MLLZ"
    assert commands["neck"] == commands["right_hip"] == "MLLLZ"


@pytest.mark.parametrize("confidence", [0.3, 0.36, 0.59, 0.87, 1.0])
def test_a_circle_is_round(confidence):
    [point] = overlay(points=[[0.5, 0.5, confidence], *[[0, 0, 0]] * 5]).points
    first, second = (half.rstrip("Z").split() for half in point.path.split("a")[1:])
    assert float(first[0]) == float(first[1])
    assert float(first[5]) == -float(second[5]) == pytest.approx(2 * float(first[0]))


def test_a_surer_point_is_larger():
    left, right = (point.path for point in overlay().points[:2])
    assert float(left.split("a")[1].split()[0]) > float(right.split("a")[1].split()[0])


def test_the_box_is_in_pixels():
    assert overlay().box == pytest.approx((40, 40, 320, 160))
    assert overlay(box=None).box is None


def test_the_words_name_each_part_once_in_order():
    groups = [(group.label, [point.label for point in group.points]) for group in overlay().parts]
    assert groups == [
        ("face", ["left eye", "right eye"]),
        ("body", ["neck"]),
        ("front legs", ["left elbow"]),
        ("hind legs", ["right hip"]),
    ]


@pytest.mark.parametrize("missing", [{"points": None}, {"width": 0}, {"height": 0}])
def test_without_points_or_a_size_nothing_is_drawn(missing):
    assert overlay(**missing) is None


def test_points_of_another_layout_are_refused():
    with pytest.raises(ValueError, match="zip"):
        overlay(points=POINTS[:3])
