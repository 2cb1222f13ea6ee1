"""Dog crops to unit vectors whose inner product says how alike two dogs look."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml.runtime import Network, compile_network
from ml.spec import WEIGHTS, ModelSpec, NetworkSpec, weights_file
from ml.subject import Interpolation, cache_key, squash_all

if TYPE_CHECKING:
    import torch

_BATCH = 16


class Embedder:
    """Backbone and head. Load it once per process; not safe for several threads at once."""

    def __init__(self, network: Network, spec: NetworkSpec) -> None:
        self._network = network
        self._size = spec.size
        self._mirror = bool(spec.options.get("mirror", False))
        self._interpolation: Interpolation = spec.options.get("interpolation", "bilinear")
        self.dimension = int(spec.options["dimension"])

    @classmethod
    def load(
        cls,
        spec: ModelSpec,
        *,
        device: str = "auto",
        threads: int | None = None,
        cache_dir: Path | None = None,
        directory: Path = WEIGHTS,
    ) -> "Embedder":
        """Raises ModelMissing or ModelMismatch where the spec's weights are not in `directory`."""
        network = spec.embedder
        path = weights_file(network, directory)

        def build() -> "torch.nn.Module":
            from ml.networks.backbone import load_weights
            from ml.networks.embedder import EmbedderNetwork

            module = EmbedderNetwork.of(network)
            load_weights(module, path)
            return module

        run = compile_network(
            build,
            np.zeros((1, *network.size, 3), np.uint8),
            device=device,
            threads=threads,
            cache_dir=cache_dir,
            key=cache_key("embedder", network),
        )
        return cls(run, network)

    def embed(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """(n, dimension) float32 rows of length 1; crops are (H, W, 3) uint8 RGB of any sizes."""
        return self.describe(crops)[0]

    def describe(self, crops: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """As `embed`, and beside it the features (n, C) float32 that a classifier reads.

        With no crop at all the features are (0, 0).
        """
        if not crops:
            return np.zeros((0, self.dimension), np.float32), np.zeros((0, 0), np.float32)
        rows, read = [], []
        for start in range(0, len(crops), _BATCH):
            some = crops[start : start + _BATCH]
            pixels = squash_all(some, self._size, self._interpolation)
            vectors, features = self._network(pixels)
            if self._mirror:
                mirrored = self._network(pixels[:, :, ::-1])
                vectors, features = vectors + mirrored[0], (features + mirrored[1]) / 2
            rows.append(unit(vectors))
            read.append(features)
        return np.concatenate(rows), np.concatenate(read)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1, float32."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
