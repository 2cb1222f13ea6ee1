"""Short films to test with, made of pictures here: no film lies in the repository."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from ml.drawn.dataset import example_scenes
from ml.drawn.render import Drawing, render

CODECS = {"webm": "VP80", "mp4": "mp4v", "mov": "mp4v"}


def film(frames: Sequence[np.ndarray], kind: str = "webm", rate: float = 8.0) -> bytes:
    """Frames (H, W, 3) uint8 RGB with even sides, as the bytes of a film."""
    height, width = frames[0].shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"film.{kind}"
        codec = cv2.VideoWriter_fourcc(*CODECS[kind])
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, codec, rate, (width, height))
        for frame in frames:
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        writer.release()
        return path.read_bytes()


def walk(count: int = 16, size: tuple[int, int] = (320, 240)) -> list[Drawing]:
    """A drawn dog, seen from its side, that goes a quarter of the picture to the right."""
    dog, scene = list(example_scenes())[1]
    scene = replace(scene, posture="standing", crop="body", azimuth=80.0, fill=0.5, place="run")
    places = np.linspace(-0.13, 0.13, count)
    return [render(dog, replace(scene, offset=(x, 0.0)), size) for x in places]


def plain(colour: tuple[int, int, int], count: int, size: tuple[int, int] = (96, 64)) -> bytes:
    """A film of one colour."""
    return film([np.full((size[1], size[0], 3), colour, np.uint8)] * count)
