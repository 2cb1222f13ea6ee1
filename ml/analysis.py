"""The whole way from photos to what is stored about them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.breeds import BreedClassifier, BreedGuess
from ml.coat import coat
from ml.embedder import Embedder
from ml.errors import NoSubject
from ml.following import Sighting, follow
from ml.fusion import ordered
from ml.pose import PoseEstimator
from ml.spec import WEIGHTS, ModelSpec
from ml.subject import Box, Subject, SubjectFinder, crop
from ml.traits import Posture, Traits, View


@dataclass(frozen=True, eq=False)
class Analysis:
    """What is known about the dog in one photo.

    `box` x0, y0, x1, y1 in pixels of the photo, `confidence` 0 to 1 that it is a dog, `vector`
    (128,) float32 of length 1, `keypoints` (K, 3) float32: x, y in pixels of the photo, score 0 to
    1, in the order of the spec's names, `breeds` None where the spec has no classifier, `posture`
    and `view` None where its keypoint network tells none, `coat` as `ml.coat` tells it.
    """

    box: Box
    confidence: float
    vector: np.ndarray
    keypoints: np.ndarray
    breeds: BreedGuess | None = None
    posture: Posture | None = None
    view: View | None = None
    coat: np.ndarray | None = None


class Analyser:
    """Subject, embedding, breed and keypoints of one ModelSpec. Load once a process; one thread."""

    def __init__(
        self,
        spec: ModelSpec,
        finder: SubjectFinder,
        embedder: Embedder,
        pose: PoseEstimator,
        breeds: BreedClassifier | None = None,
    ) -> None:
        self.spec = spec
        self._finder = finder
        self._embedder = embedder
        self._pose = pose
        self._breeds = breeds
        self._margin = float(spec.subject.options["margin"])

    @classmethod
    def load(
        cls,
        spec: ModelSpec,
        *,
        device: str = "auto",
        threads: int | None = None,
        cache_dir: Path | None = None,
        directory: Path = WEIGHTS,
    ) -> "Analyser":
        """Raises ModelMissing or ModelMismatch where the spec's weights are not in `directory`.

        With a `cache_dir` that an earlier process filled, no torch is imported on a CPU.
        """
        options: dict[str, Any] = {
            "device": device,
            "threads": threads,
            "cache_dir": cache_dir,
            "directory": directory,
        }
        return cls(
            spec,
            SubjectFinder.load(spec, **options),
            Embedder.load(spec, **options),
            PoseEstimator.load(spec, **options),
            BreedClassifier.load(spec, directory=directory) if spec.breeds else None,
        )

    def analyse(self, images: Sequence[np.ndarray]) -> list[Analysis | NoSubject]:
        """One answer per image, in order; images are (H, W, 3) uint8 RGB of any sizes."""
        found = self._finder.find(images)
        pairs = [
            (image, subject)
            for image, subject in zip(images, found, strict=True)
            if isinstance(subject, Subject)
        ]
        vectors, features, keypoints, traits = self._describe(pairs)
        guesses = self._breeds.classify(features) if self._breeds else [None] * len(pairs)
        coats = self._coats(pairs, keypoints)
        known = iter(zip(vectors, keypoints, guesses, traits, coats, strict=True))
        return [
            _put_together(subject, *next(known)) if isinstance(subject, Subject) else subject
            for subject in found
        ]

    def _coats(
        self, pairs: Sequence[tuple[np.ndarray, Subject]], keypoints: np.ndarray
    ) -> list[np.ndarray | None]:
        if not pairs:
            return []
        points = ordered(self.spec.keypoints.names, keypoints)
        return [
            coat(image, subject.box, dog)
            for (image, subject), dog in zip(pairs, points, strict=True)
        ]

    def _describe(
        self, pairs: Sequence[tuple[np.ndarray, Subject]]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Traits | None]]:
        """Vectors, features, keypoints and traits of photos with their dogs."""

        def locate() -> tuple[np.ndarray, list[Traits | None]]:
            return self._pose.describe([image for image, _ in pairs], [s.box for _, s in pairs])

        crops = [crop(image, subject.box, self._margin) for image, subject in pairs]
        if len(pairs) != 1:
            return *self._embedder.describe(crops), *locate()
        # Neither needs the other, and a single photo leaves cores idle. Several keep them busy, and
        # two networks at once would only take each other's place in the caches.
        with ThreadPoolExecutor(1) as beside:
            points = beside.submit(locate)
            return *self._embedder.describe(crops), *points.result()

    def follow(
        self, frames: Sequence[np.ndarray], told: Callable[[int], None] = lambda done: None
    ) -> list[Sighting | None]:
        """The dog in each frame of a clip, without what tells whom it looks like: see
        `ml.following.follow`."""
        return follow(self._finder, self._pose, frames, told)

    def warm_up(self) -> None:
        """Run every network once, so that the first photo does not wait for lazy set-up."""
        blank = np.full((64, 64, 3), 127, np.uint8)
        self._finder.find([blank])
        self._embedder.describe([blank])
        self._pose.describe([blank], [(0.0, 0.0, 64.0, 64.0)])


def _put_together(
    subject: Subject,
    vector: np.ndarray,
    keypoints: np.ndarray,
    breeds: BreedGuess | None,
    traits: Traits | None,
    seen_coat: np.ndarray | None,
) -> Analysis:
    posture, view = traits or (None, None)
    box, confidence = subject.box, subject.confidence
    return Analysis(box, confidence, vector, keypoints, breeds, posture, view, seen_coat)
