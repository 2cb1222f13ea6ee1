"""The training of the embedder from end to end."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from ml.embedder import Embedder
from ml.spec import KeypointLayout, Likeness, ModelSpec
from ml.subject import SubjectFinder
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.train import train_embedder
from ml.training.release import network_of

Configured = Callable[..., EmbedderConfig]

EVERYTHING = {
    "supervised": 0.5,
    "labelled_share": 0.5,
    "distil": 1.0,
    "logits": 0.5,
    "ranking": 1.0,
    "rankings": "rankings.csv",
    "ranking_photos": 6,
    "attribute": 0.3,
    "attributes": "attributes.csv",
    "attribute_photos": 4,
    "validation_triplets": "triplets.csv",
    "validation_images": "dogs",
}
RECIPES = {
    "SimCLR": {},
    "another backbone, all of its own": {
        "architecture": "test_efficientnet",
        "normalisation": "own",
        "pretrained": "",
    },
    "frozen with a head that starts as a projection": {
        "tuning": "frozen",
        "head_start": "principal",
        "contrast": 0.0,
        **EVERYTHING,
    },
    "the last blocks, everything, in chunks": {
        "tuning": "partial",
        "tuned_blocks": 2,
        "backbone_rate": 1e-4,
        "layer_decay": 0.5,
        "accumulate": 2,
        "batch": 4,
        "average": 0.9,
        "interpolations": (0.5, 1.0),
        "watch": "triplets",
        **EVERYTHING,
    },
}


@pytest.mark.parametrize("changes", RECIPES.values(), ids=RECIPES)
def test_a_run_ends_with_weights_that_load(
    root: Path, finder: SubjectFinder, small: Configured, changes: dict[str, object]
) -> None:
    out = root / "run"
    config = small(**changes)
    figures = train_embedder(config, root, out, finder, margin=0.1)
    assert 0 <= figures["dogs/r1"] <= 1
    network = network_of(out / "embedder.safetensors")
    layout, likeness = KeypointLayout((), (), {}), Likeness(0, 1, ((0, 0), (1, 100)))
    spec = ModelSpec("s", "S", network, network, network, layout, likeness)
    vectors = Embedder.load(spec, device="torch-cpu", directory=out).embed(
        [np.full((40, 30, 3), level, np.uint8) for level in (0, 200)]
    )
    assert vectors.shape == (2, 128)
    assert not any("classifier" in n or "attributes" in n for n in load_file(out / network.file))
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert len(lines) == 2
    assert (out / "curves.png").is_file()
    again = train_embedder(config, root, out, finder, margin=0.1)
    assert again["dogs/r1"] == figures["dogs/r1"]
