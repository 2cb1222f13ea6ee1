"""A dog's keypoints: the box cut out, a heatmap network, and peaks back in the photo's pixels."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ml.heatmaps import decode
from ml.runtime import Network, compile_network
from ml.skeleton import KEYPOINTS, MIRRORED
from ml.spec import WEIGHTS, ModelSpec, NetworkSpec, weights_file
from ml.subject import Box, cache_key
from ml.traits import Posture, Traits, View

if TYPE_CHECKING:
    import torch

_BATCH = 16


class PoseEstimator:
    """MMPose's top-down heatmap networks. Load one per process; not safe for several threads.

    Options of the spec: `points` names the network's outputs, `box_padding` is the factor by which
    the box grows, `postures` and `views` name what it tells besides, where it does. The score is
    the height of a heatmap's peak, which on dogs not trained on is close to the chance that the
    point is there, within a tenth of the box.
    """

    def __init__(self, network: Network, spec: NetworkSpec) -> None:
        self._network = network
        self._height, self._width = spec.size
        self._padding = float(spec.options["box_padding"])
        self._places = [KEYPOINTS.index(name) for name in spec.options["points"]]
        self._postures: Sequence[Posture] = spec.options.get("postures", ())
        self._views: Sequence[View] = spec.options.get("views", ())

    @classmethod
    def load(
        cls,
        spec: ModelSpec,
        *,
        device: str = "auto",
        threads: int | None = None,
        cache_dir: Path | None = None,
        directory: Path = WEIGHTS,
    ) -> "PoseEstimator":
        """Raises ModelMissing or ModelMismatch where the spec's weights are not in `directory`."""
        return cls.of(
            spec.pose,
            weights_file(spec.pose, directory),
            device=device,
            threads=threads,
            cache_dir=cache_dir,
        )

    @classmethod
    def of(
        cls,
        network: NetworkSpec,
        path: Path | None,
        *,
        device: str = "auto",
        threads: int | None = None,
        cache_dir: Path | None = None,
    ) -> "PoseEstimator":
        """An estimator of one network alone, see `ml.networks.pose.build_network`."""

        def build() -> "torch.nn.Module":
            from ml.networks.pose import build_network

            return build_network(network, path)

        run = compile_network(
            build,
            np.zeros((1, *network.size, 3), np.uint8),
            device=device,
            threads=threads,
            cache_dir=cache_dir,
            key=cache_key("pose", network),
        )
        return cls(run, network)

    def estimate(self, images: Sequence[np.ndarray], boxes: Sequence[Box]) -> np.ndarray:
        """(n, 21, 3) float32: x and y in pixels of each image, score 0 to 1.

        Images are (H, W, 3) uint8 RGB, boxes x0, y0, x1, y1 in their pixels, one for each. Points
        in the order of `ml.skeleton.KEYPOINTS`; 0.3 is the score from which a point is drawn. One
        that the network does not know is 0, 0, 0.
        """
        return self.describe(images, boxes)[0]

    def estimate_mirrored(self, images: Sequence[np.ndarray], boxes: Sequence[Box]) -> np.ndarray:
        """Keypoints as `estimate`, but seen in the photos' mirror images, and told in the photos'
        own pixels and sides: where both agree, left and right are sure."""
        widths = [image.shape[1] for image in images]
        turned = [
            (w - x1, y0, w - x0, y1) for w, (x0, y0, x1, y1) in zip(widths, boxes, strict=True)
        ]
        found = self.estimate([np.ascontiguousarray(image[:, ::-1]) for image in images], turned)
        found = found[:, list(MIRRORED)]
        found[..., 0] = np.array(widths, np.float32)[:, None] - 1 - found[..., 0]
        return found

    def describe(
        self, images: Sequence[np.ndarray], boxes: Sequence[Box]
    ) -> tuple[np.ndarray, list[Traits | None]]:
        """Keypoints as `estimate`, and posture and view of each dog; None where none are told."""
        found = np.zeros((len(images), len(KEYPOINTS), 3), np.float32)
        traits: list[Traits | None] = []
        for start in range(0, len(images), _BATCH):
            part = slice(start, start + _BATCH)
            frames = [self._frame(box) for box in boxes[part]]
            pixels = np.stack([self._cut(i, f) for i, f in zip(images[part], frames, strict=True)])
            heatmaps, *logits = self._network(pixels)
            peaks = decode(heatmaps)
            left, top, side = np.array(frames, np.float32).T
            # A cell's index is its centre, as a pixel's is: cell 0 lies on pixel 0.
            cells = heatmaps.shape[-1]
            peaks[..., 0] = peaks[..., 0] * (side / cells)[:, None] + left[:, None]
            peaks[..., 1] = peaks[..., 1] * (side / cells)[:, None] + top[:, None]
            peaks[..., 2] = peaks[..., 2].clip(0, 1)
            found[part, self._places] = peaks
            traits += self._traits(logits) if logits else [None] * len(pixels)
        return found, traits

    def _traits(self, logits: Sequence[np.ndarray]) -> list[Traits | None]:
        postures, views = (values.argmax(1) for values in logits)
        return [
            Traits(self._postures[p], self._views[v]) for p, v in zip(postures, views, strict=True)
        ]

    def _frame(self, box: Box) -> tuple[float, float, float]:
        """Left, top and width of what the network sees: the box, padded to its shape."""
        x0, y0, x1, y1 = box
        shape = self._width / self._height
        wide = max(x1 - x0, (y1 - y0) * shape, 1.0) * self._padding
        return (x0 + x1 - wide) / 2, (y0 + y1 - wide / shape) / 2, wide

    def _cut(self, image: np.ndarray, frame: tuple[float, float, float]) -> np.ndarray:
        """The frame's pixels at the network's input size; black beyond the photo.

        As MMPose's TopdownAffine does it, but a large photo is first shrunk by a whole factor with
        area averaging: bilinear sampling alone would skip pixels.
        """
        left, top, wide = frame
        scale = self._width / wide
        factor = int(1 / scale)
        if factor > 1:
            image = _shrink(image, factor)
            # The middle of the first averaged pixel is where its first pixels' middles average.
            middle = (factor - 1) / 2
            scale, left, top = scale * factor, (left - middle) / factor, (top - middle) / factor
        return cv2.warpAffine(
            image,
            np.array([[scale, 0, -left * scale], [0, scale, -top * scale]]),
            (self._width, self._height),
            flags=cv2.INTER_LINEAR,
        )


def _shrink(image: np.ndarray, factor: int) -> np.ndarray:
    """Averages of factor × factor pixels; what does not fill one at the right or below is lost."""
    height, width = (max(1, side // factor) for side in image.shape[:2])
    whole = image[: height * factor, : width * factor]
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
