"""Points of a photo as its form sends them, and COCO made of what is taken of them."""

from __future__ import annotations

import json
from random import Random
from urllib.parse import quote, unquote_plus

from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict

from ml.skeleton import KEYPOINTS
from portal.annotations import agreement, coco
from portal.annotations.forms import SIDES, AnnotationForm, initial
from portal.annotations.models import MOST_DOGS, Annotation
from portal.annotations.services import AnnotationRefused, clean_box, clean_point
from portal.dogs.models import Photo
from portal.matching.models import Posture, View
from tests.fuzz.bounds import in_time
from tests.fuzz.mutation import Change, changed_text

VALUES = (
    "", "0", "1", "2", "3", "-1", "50", "100", "100.0001", "-0", "-0.0", "0.0000001", "1e-300",
    "99.9999999", "1e2", "1e400", "nan", "inf", "-inf", "٥٠", "５０", "50,5", "1_0", " 7 ", "\0",
    "x", "standing", "sitting", "other", "left", "front_right", "20", "21", "9" * 5000,
)  # fmt: skip
WIDTH, HEIGHT = 1280, 853


def one(data: bytes) -> None:
    """Refused with words at a field or at the whole, or taken; and what is taken is a row that the
    database and COCO allow, from which the form can be filled in again."""
    try:
        params = QueryDict(data[:16_000])
    except SuspiciousOperation:  # too many parameters: 400
        return
    with in_time():
        form = AnnotationForm(params)
        taken = form.is_valid()
        if len(data) % 16 == 0:
            drawn(form)
        if not taken:
            assert form.errors
            return
        try:
            annotation = written(form)
        except AnnotationRefused as refused:
            check_refusal(refused)
            return
        check(annotation)


def drawn(form: AnnotationForm) -> None:
    """All that the page writes of it; drawing takes longer than reading."""
    rows = [row for _part, rows in form.parts() for row in rows]
    fields = [field for row in rows for field in (row.x, row.y, row.state)]
    page = "".join(map(str, [*fields, *form.sides(), form.errors, form.compass()]))
    assert "<script" not in page


def written(form: AnnotationForm) -> Annotation:
    """As services write it, but for the database."""
    told = form.cleaned_data
    return Annotation(
        photo=Photo(width=WIDTH, height=HEIGHT, name="a" * 32, image="photos/aa/aa.jpg"),
        points=[clean_point(point) for point in form.points()],
        box=clean_box(form.box()),
        posture=told["posture"],
        view=told["view"],
        n_dogs=told["n_dogs"],
    )


def check_refusal(refused: AnnotationRefused) -> None:
    assert refused.code == "annotation_invalid"


def check(annotation: Annotation) -> None:
    points, box = annotation.points, annotation.box
    assert points is not None
    assert box is not None
    assert len(points) == len(KEYPOINTS)
    assert any(v for _x, _y, v in points)
    for x, y, v in points:
        assert v in (0, 1, 2)
        assert 0 <= x <= 1
        assert 0 <= y <= 1
        assert v or (x, y) == (0, 0)
    assert 0 <= box[0] < box[2] <= 1
    assert 0 <= box[1] < box[3] <= 1
    assert annotation.posture in Posture.values
    assert annotation.view in View.values
    assert 1 <= annotation.n_dogs <= MOST_DOGS
    told = json.loads(json.dumps(coco.document([annotation]), allow_nan=False))
    [row] = told["annotations"]
    assert row["area"] > 0
    assert min(row["bbox"][2:]) > 0
    assert len(row["keypoints"]) == 3 * len(KEYPOINTS)
    assert row["num_keypoints"] == sum(v > 0 for v in row["keypoints"][2::3])
    assert all(distance == 0 for distance in agreement.apart(annotation, annotation))
    filled = {name: str(value) for name, value in initial(annotation, None).items()}
    assert AnnotationForm(filled).is_valid(), filled


def seeds() -> list[bytes]:
    return [encoded(sent()), encoded(sent(nothing=True)), encoded({"posture": "standing"}), b""]


def sent(*, nothing: bool = False) -> dict[str, str]:
    fields = {"posture": "standing", "view": "left", "n_dogs": "1"}
    fields |= dict(zip(SIDES, ("10", "12.5", "90.25", "100"), strict=True))
    for number, name in enumerate(KEYPOINTS):
        state = 0 if nothing else number % 3
        fields[f"v_{name}"] = str(state)
        if state:
            fields |= {f"x_{name}": str(3 + 4 * number), f"y_{name}": f"{90.5 - number}"}
    return fields


def encoded(fields: dict[str, str]) -> bytes:
    return "&".join(f"{name}={quote(value)}" for name, value in fields.items()).encode()


def mutated(data: bytes, random: Random, change: Change) -> bytes:
    """Most of the time a form with another value in a field or two."""
    if not random.randrange(6):
        return change(data)
    pairs = [part.split("=", 1) for part in data.decode("latin-1").split("&") if "=" in part][:120]
    pairs = pairs or [["posture", "standing"]]
    pair = random.choice([*pairs, *(p for p in pairs if p[0] in SIDES)])
    match random.randrange(6):
        case 0:
            pairs.remove(pair)
        case 1:
            text = changed_text(unquote_plus(pair[1]), random)
            pair[1] = quote(text.encode("utf-8", "surrogatepass"))
        case 2:
            name = random.choice(KEYPOINTS)
            pairs.append([f"{random.choice('xyv')}_{name}", quote(random.choice(VALUES))])
        case 3 if pair[0] in SIDES:
            # A frame that is hardly one.
            other = dict(zip(SIDES, ("right", "bottom", "left", "top"), strict=True))[pair[0]]
            near = random.choice(("1", "0000001", "004", "005"))
            pairs.append([other, f"{pair[1].partition('.')[0]}.{near}"])
        case 3:
            other = random.choice(pairs)
            pair[1], other[1] = other[1], pair[1]
        case _:
            pair[1] = quote(random.choice(VALUES))
    return "&".join("=".join(pair) for pair in pairs).encode("latin-1", "replace")
