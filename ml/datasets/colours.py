"""Whether another colour space or equalised lightness helps the search: measured, not believed."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, get_args

import numpy as np
from tqdm import tqdm

from ml.evaluation.measures import retrieval
from ml.training.data import PLAIN, Colours, Equalise, Preparation

OPTIONS = [
    Preparation(colours, equalise)
    for colours, equalise in itertools.product(get_args(Colours), get_args(Equalise))
]


def compare_colours(
    crops: Sequence[np.ndarray],
    labels: Sequence[str],
    groups: Sequence[str],
    embed: Callable[[Sequence[np.ndarray]], np.ndarray],
    options: Sequence[Preparation] = OPTIONS,
) -> dict[str, Any]:
    """Retrieval of `labels` with crops prepared each way: options, n and a verdict, JSON values.

    `crops` are (H, W, 3) uint8 RGB, `embed` gives (n, d) unit vectors of such; `groups` as in
    `retrieval`. An option helps where it beats plain RGB in r1 by more than chance: twice the
    standard error of a share of n queries.
    """
    rows = []
    for option in tqdm(options, "options", mininterval=1):
        found = retrieval(embed([option(crop) for crop in crops]), labels, groups)
        row = {"colours": option.colours, "equalise": option.equalise}
        rows.append(row | {key: round(found[key], 5) for key in ("r1", "r5")})
        queries = int(found["n"])
    plain = rows[list(options).index(PLAIN)]
    noise = 2 * math.sqrt(max(plain["r1"] * (1 - plain["r1"]), 1e-4) / max(queries, 1))
    better = [row for row in rows if row["r1"] > plain["r1"] + noise]
    if better:
        best = max(better, key=lambda row: (row["r1"], row["r5"]))
        verdict = (
            f"Colours as {best['colours']} with equalisation {best['equalise']} help this model: "
            f"{best['r1']:.3f} found at first against {plain['r1']:.3f} with photos as they are."
        )
    else:
        second = max(row["r1"] for row in rows if row is not plain)
        verdict = (
            "No colour space and no equalisation helps this model: photos as they are find "
            f"{plain['r1']:.3f} at first, the best other {second:.3f}; with {queries} queries only "
            f"{noise:.3f} more would be beyond chance."
        )
    return {"n": queries, "noise": round(noise, 5), "verdict": verdict, "options": rows}


def table_of(compared: dict[str, Any]) -> str:
    """The figures of all options as text, one line each."""
    head = f"{'colours':<9}{'equalised':<11}{'r1':>7}{'r5':>7}"
    lines = (
        f"{row['colours']:<9}{row['equalise']:<11}{row['r1']:>7.3f}{row['r5']:>7.3f}"
        for row in compared["options"]
    )
    return "\n".join([head, *lines])
