"""Where the dog is in a photo, or that there is none."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from PIL import Image

from ml.errors import ModelMismatch, NoSubject, OtherKind
from ml.runtime import Network, compile_network, cores
from ml.spec import WEIGHTS, ModelSpec, NetworkSpec, weights_file

if TYPE_CHECKING:
    import torch

Box = tuple[float, float, float, float]

# The order of the gate's outputs, as `ml.networks.subject` trains them.
KINDS: tuple[Literal["dog"] | OtherKind, ...] = ("dog", "cat", "person", "other")

# How a picture is brought to another size; a network should see what it was trained on.
Interpolation = Literal["bilinear", "bicubic"]

_BATCH = 16


@dataclass(frozen=True)
class Subject:
    """The most prominent dog: its box x0, y0, x1, y1 in pixels of the photo; confidence 0 to 1."""

    box: Box
    confidence: float
    kind: Literal["dog"] = "dog"


class Gate:
    """A second network, asked about photos of which the first one is in doubt.

    Its options: it is asked where the first gives a dog from `ask_from` to below `ask_below`, and
    lets a photo pass as a dog from `dog_at_least`, all 0 to 1. So nearly every listed dog costs
    one look, and a cat that passes for a dog at first sight gets another.
    """

    def __init__(self, network: Network, spec: NetworkSpec) -> None:
        self._network = network
        self.identity = cache_key("gate", spec)
        self._from = float(spec.options["ask_from"])
        self._below = float(spec.options["ask_below"])
        self.at_least = float(spec.options["dog_at_least"])

    @classmethod
    def load(cls, network: NetworkSpec, directory: Path, **options: Any) -> "Gate":
        """Raises ModelMissing or ModelMismatch where its weights are not in `directory`."""
        path = weights_file(network, directory)

        def build() -> "torch.nn.Module":
            from ml.networks.backbone import load_weights
            from ml.networks.gate import GateNetwork

            module = GateNetwork(network.architecture)
            load_weights(module, path)
            return module

        example = np.zeros((1, *network.size, 3), np.uint8)
        return cls(
            compile_network(build, example, key=cache_key("gate", network), **options), network
        )

    def chances(self, pixels: np.ndarray, first: np.ndarray) -> dict[int, np.ndarray]:
        """By place, the kinds' chances (4,) of those photos, uint8 (n, H, W, 3), that it was asked
        about; `first` (n, 4) are the first network's."""
        places = np.flatnonzero((first[:, 0] >= self._from) & (first[:, 0] < self._below))
        if not len(places):
            return {}
        return dict(zip(places.tolist(), softmax(self._network(pixels[places])[0]), strict=True))


class SubjectFinder:
    """Finds the dog to look at. Load it once per process; not safe for several threads at once."""

    def __init__(self, network: Network, spec: NetworkSpec, gate: Gate | None = None) -> None:
        self._network = network
        self._gate = gate
        self.identity = cache_key("subject", spec) + (gate.identity if gate else "")
        self._size = spec.size
        self._at_least = float(spec.options["dog_at_least"])

    @classmethod
    def load(
        cls,
        spec: ModelSpec,
        *,
        device: str = "auto",
        threads: int | None = None,
        cache_dir: Path | None = None,
        directory: Path = WEIGHTS,
    ) -> "SubjectFinder":
        """Raises ModelMissing or ModelMismatch where the spec's weights are not in `directory`."""
        network = spec.subject
        path = weights_file(network, directory)

        def build() -> "torch.nn.Module":
            from ml.networks.backbone import load_weights
            from ml.networks.subject import SubjectNetwork

            module = SubjectNetwork(network.architecture, network.size)
            load_weights(module, path)
            return module

        options: dict[str, Any] = {"device": device, "threads": threads, "cache_dir": cache_dir}
        example = np.zeros((1, *network.size, 3), np.uint8)
        run = compile_network(build, example, key=cache_key("subject", network), **options)
        if spec.gate and spec.gate.size != network.size:
            raise ModelMismatch(
                "The gate and the subject network of this spec see pictures of different sizes. "
                "Restore both from the same version of the repository."
            )
        gate = Gate.load(spec.gate, directory, **options) if spec.gate else None
        return cls(run, network, gate)

    def find(self, images: Sequence[np.ndarray]) -> list[Subject | NoSubject]:
        """One answer per image, in order; images are (H, W, 3) uint8 RGB of any sizes.

        A NoSubject is returned, not raised, so that one bad photo costs a batch nothing.
        """
        found: list[Subject | NoSubject] = []
        for start in range(0, len(images), _BATCH):
            part = images[start : start + _BATCH]
            pixels = squash_all(part, self._size)
            logits, boxes = self._network(pixels)
            chances = softmax(logits)
            asked = self._gate.chances(pixels, chances) if self._gate else {}
            for place, (image, box) in enumerate(zip(part, boxes, strict=True)):
                if self._gate and place in asked:
                    found.append(answer(asked[place], self._gate.at_least, box, image))
                else:
                    found.append(answer(chances[place], self._at_least, box, image))
        return found


def answer(
    chances: np.ndarray, at_least: float, box: np.ndarray, image: np.ndarray
) -> Subject | NoSubject:
    """Of the kinds' chances (4,) and a box in 0 to 1."""
    if chances[0] < at_least:
        kind = cast(OtherKind, KINDS[1 + int(np.argmax(chances[1:]))])
        return NoSubject(kind, f"dog {chances[0]:.2f}")
    height, width = image.shape[:2]
    return Subject(in_pixels(box, width, height), float(chances[0]))


def in_pixels(box: np.ndarray, width: int, height: int) -> Box:
    """A box in 0 to 1 to pixels, inside the picture and at least two pixels wide and high."""
    x0, y0, x1, y1 = (float(value) for value in np.clip(box, 0, 1))
    left, top = min(x0 * width, width - 2.0), min(y0 * height, height - 2.0)
    return left, top, max(x1 * width, left + 2.0), max(y1 * height, top + 2.0)


def crop(image: np.ndarray, box: Box, margin: float) -> np.ndarray:
    """The box with `margin` of its size added at each side, as far as the picture goes."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = box
    wide, high = margin * (x1 - x0), margin * (y1 - y0)
    left, top = max(0, int(x0 - wide)), max(0, int(y0 - high))
    right, bottom = min(width, round(x1 + wide)), min(height, round(y1 + high))
    return image[top : max(bottom, top + 1), left : max(right, left + 1)]


def squash(
    image: np.ndarray, size: tuple[int, int], interpolation: Interpolation = "bilinear"
) -> np.ndarray:
    """The whole picture at (height, width) whatever its shape, antialiased."""
    height, width = size
    picture = Image.fromarray(image)
    method = Image.Resampling[interpolation.upper()]
    return np.asarray(picture.resize((width, height), method, reducing_gap=2.0))


def squash_all(
    images: Sequence[np.ndarray], size: tuple[int, int], interpolation: Interpolation = "bilinear"
) -> np.ndarray:
    """`squash` of each, (n, H, W, 3) uint8; of several on all cores, which Pillow leaves free."""

    def one(image: np.ndarray) -> np.ndarray:
        return squash(image, size, interpolation)

    if len(images) == 1:
        return np.stack([one(images[0])])
    # Not kept: a process that is forked would inherit a pool without its threads.
    with ThreadPoolExecutor(min(cores(), len(images))) as pool:
        return np.stack(list(pool.map(one, images)))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


def cache_key(role: str, network: NetworkSpec) -> str:
    """Names a compiled network by all that decides it: role, weights, architecture, options."""
    return role + json.dumps(asdict(network), sort_keys=True)
