"""Photos to annotate, and the form that a page sends."""

import pytest

from ml.skeleton import KEYPOINTS
from portal.annotations import services
from portal.matching.models import Keypoints
from portal.shelters.services import add_member

POINTS = [[round(0.02 * k, 2), round(0.9 - 0.03 * k, 2), 2] for k in range(21)]
BOX = [0.1, 0.2, 0.9, 1.0]


@pytest.fixture
def annotate():
    """Writes an annotation; what is not given is an ordinary one."""

    def write(photo, by, **given):
        usual = {
            "points": POINTS,
            "box": BOX,
            "posture": "sitting",
            "view": "front-left",
            "n_dogs": 1,
        }
        return services.save_annotation(photo=photo, by=by, **(usual | given))

    return write


@pytest.fixture
def page(client, shelter, staff):
    add_member(shelter=shelter, user=staff)
    client.force_login(staff)
    return client


@pytest.fixture
def scored():
    """Gives all points of a photo, as the live version saw them, one score."""

    def write(photo, score):
        points = [[0.5, 0.5, score]] * len(KEYPOINTS)
        Keypoints.objects.filter(photo=photo).update(points=points)

    return write


def sent(**changed):
    """The fields of the form with all points visible, in per cent."""
    fields = {"posture": "lying", "view": "back-right", "n_dogs": "2"}
    fields |= {"left": "10", "top": "20.5", "right": "90", "bottom": "99"}
    for number, name in enumerate(KEYPOINTS):
        fields |= {f"x_{name}": str(number), f"y_{name}": str(50 + number), f"v_{name}": "2"}
    return fields | changed
