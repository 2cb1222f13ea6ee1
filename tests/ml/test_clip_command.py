"""`python -m ml clip`, on a drawn dog that is carried across the picture, with stand-ins for the
networks that know where it is."""

import json

import numpy as np
import pytest

from ml.__main__ import main
from ml.commands import clip as command
from ml.errors import NoSubject
from ml.pose import PoseEstimator
from ml.subject import Subject, SubjectFinder
from ml.traits import Traits
from tests import films


@pytest.fixture(scope="module")
def drawings():
    return films.walk()


@pytest.fixture
def file(drawings, tmp_path, monkeypatch):
    class Finder:
        def find(self, frames):
            return [Subject(drawing.box, 0.9) for drawing in drawings[: len(frames)]]

    class Pose:
        def describe(self, frames, boxes):
            points = np.array([drawing.keypoints for drawing in drawings])
            points[..., 2] = np.where(points[..., 2] > 0, 0.9, 0.0)
            return points, [Traits("standing", "left")] * len(frames)

    monkeypatch.setattr(SubjectFinder, "load", lambda _spec: Finder())
    monkeypatch.setattr(PoseEstimator, "load", lambda _spec: Pose())
    path = tmp_path / "walk.webm"
    path.write_bytes(films.film([drawing.image for drawing in drawings]))
    return path


def test_a_clip_as_json(file, drawings, capsys):
    assert main(["clip", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seconds"] == pytest.approx(2, abs=0.01)
    assert told["seen"] == 1
    assert told["relative_to"] == "background"
    truth = np.array([drawing.box for drawing in drawings])
    went = truth[-1, 0] - truth[0, 0]
    diagonal = np.hypot(*(truth[:, 2:] - truth[:, :2]).T).mean()
    assert told["speed"] == pytest.approx(went / diagonal / 1.875, rel=0.05)
    assert told["level"] == "calm"
    assert told["postures"] == {"standing": 1, "sitting": 0, "lying": 0, "other": 0}
    noses = np.array([frame["points"]["nose"] for frame in told["frames"]])
    assert np.abs(noses[:, :2] - [drawing.keypoints[2, :2] for drawing in drawings]).max() < 3
    assert len(told["speeds"]) == len(told["frames"]) - 1 == 15


def test_a_clip_in_words(file, capsys):
    assert main(["clip", str(file)]) == 0
    told = capsys.readouterr().out
    assert "100%" in told
    assert "a guess from one clip" in told
    assert "standing: 100%" in told


def test_what_cannot_be_used_is_told_in_a_sentence(tmp_path, capsys, monkeypatch):
    path = tmp_path / "film"
    path.write_bytes(b"no film at all")
    assert main(["clip", str(path)]) == 1
    assert "MP4, MOV or WebM" in capsys.readouterr().err
    path.write_bytes(films.plain((90, 90, 90), 10))
    monkeypatch.setattr(command, "follow", lambda finder, pose, frames: [None] * len(frames))
    for kind in (SubjectFinder, PoseEstimator):
        monkeypatch.setattr(kind, "load", lambda _spec: None)
    assert main(["clip", str(path)]) == 1
    assert str(NoSubject()) in capsys.readouterr().err
