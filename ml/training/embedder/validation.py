"""What chooses the weights: retrieval of held-out labels, agreement with judged triplets."""

import numpy as np
import torch
import torch.nn.functional as F

from ml.embedder import unit
from ml.errors import DataError
from ml.evaluation.measures import retrieval, triplet_accuracy
from ml.networks.embedder import EmbedderNetwork
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.features import clean_features
from ml.training.embedder.photos import Validation
from ml.training.loop import Metrics
from ml.training.precision import Precision


class Measure:
    """Measures a network on validation photos; of a frozen backbone the features are kept."""

    def __init__(
        self, validation: Validation, config: EmbedderConfig, precision: Precision
    ) -> None:
        self.validation, self.config, self.precision = validation, config, precision
        self._features: np.ndarray | None = None
        self._check()

    def __call__(self, network: EmbedderNetwork) -> Metrics:
        """r1 and r5 of each labelled source, "triplets", and "score", the mean of r1s and these."""
        features = self._features
        if features is None:
            features = clean_features(
                network, self.validation.pixels, self.config.size, self.precision
            )
        if self.config.tuning == "frozen":
            self._features = features
        network.eval()
        with torch.inference_mode():
            device = self.precision.device
            outputs = network.head(torch.from_numpy(features).to(device))
            vectors = F.normalize(outputs, dim=1).cpu().numpy()
        return metrics_of(vectors, self.validation)

    def _check(self) -> None:
        blank = unit(np.ones((len(self.validation.labels), 2), np.float32))
        names = [*metrics_of(blank, self.validation)]
        if self.config.watch not in names:
            raise DataError(
                f"There is no metric '{self.config.watch}' to watch. There are: {', '.join(names)}."
            )


def metrics_of(vectors: np.ndarray, validation: Validation) -> Metrics:
    """The figures of unit rows (n, d), one for each validation photo."""
    metrics: Metrics = {}
    labels = validation.labels
    for source in dict.fromkeys(validation.sources):
        rows = [i for i, s in enumerate(validation.sources) if s == source and labels[i] >= 0]
        if rows:
            bursts = [str(validation.bursts[i]) for i in rows]
            found = retrieval(vectors[rows], [str(labels[i]) for i in rows], bursts)
            metrics |= {f"{source}/{key}": found[key] for key in ("r1", "r5")}
    if len(validation.triplets):
        query, a, b = (vectors[validation.triplets[:, place]] for place in range(3))
        metrics["triplets"] = triplet_accuracy(
            (query * a).sum(1), (query * b).sum(1), validation.choices
        )
    chosen = [v for k, v in metrics.items() if k.endswith("/r1") or k == "triplets"]
    metrics["score"] = float(np.mean(chosen))
    return metrics
