"""What each part of the likeness brings: `python -m ml evaluate fusion`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.analysis import Analyser, Analysis
from ml.embedder import Embedder
from ml.evaluation.tables import load_images, print_result, read_table
from ml.fusion import EXTRA, PARTS, Fusion, Looks, compare, fixed, looks, ordered
from ml.ranking import learn, losses
from ml.spec import ModelSpec, load_spec

FOLDS = 10
_AT_ONCE = 16
# Twice as many random pairs change the quantiles in the third digit.
_PAIRS = 20_000


@dataclass(frozen=True, eq=False)
class Seen:
    """What the search knows of n photos, in their order."""

    vectors: np.ndarray
    looks: Looks

    def parts(self, query: int, others: Sequence[int]) -> np.ndarray:
        """(n, 5) parts of other photos beside one."""
        cosines = self.vectors[list(others)] @ self.vectors[query]
        return compare(cosines, self.looks.only([query]), self.looks.only(others))


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "fusion", help="what body, face, colour and breed add to the likeness of appearance"
    )
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--triplets", type=Path, required=True, help="CSV: query,a,b,choice")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--json", action="store_true", help="only the result, no words")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print agreement with the triplets, of each part alone, of all together and without one; the
    weights that would be learnt; and what is typical of two dogs taken at random."""
    spec = load_spec(options.model)
    rows = read_table(options.triplets, ("query", "a", "b", "choice"))
    names = [row[key] for row in rows for key in ("query", "a", "b")]
    images = load_images(options.images, names, max_side=640)
    rows = [row for row in rows if all(row[key] in images for key in ("query", "a", "b"))]
    if not options.json:
        print(f"{len(rows)} triplets, {len(images)} photos, model {spec.name}")
    seen = see_photos(spec, list(images.values()))
    chosen, other = parts_of(seen, list(images), rows)
    print_result({"n": len(rows), **ablation(chosen, other, fixed()), **common(seen)})


def see_photos(spec: ModelSpec, images: Sequence[np.ndarray]) -> Seen:
    """As the search sees them; a photo without a dog is embedded whole, and nothing else is known
    of it."""
    analyser = Analyser.load(spec)
    found = [
        dog
        for first in range(0, len(images), _AT_ONCE)
        for dog in analyser.analyse(images[first : first + _AT_ONCE])
    ]
    bare = [place for place, dog in enumerate(found) if not isinstance(dog, Analysis)]
    whole = iter(Embedder.load(spec).embed([images[place] for place in bare]) if bare else [])
    vectors = [dog.vector if isinstance(dog, Analysis) else next(whole) for dog in found]
    dogs = [dog if isinstance(dog, Analysis) else None for dog in found]
    blank = np.zeros((len(spec.keypoints.names), 3))
    points = np.stack([dog.keypoints if dog else blank for dog in dogs])
    return Seen(
        np.array(vectors),
        looks(
            ordered(spec.keypoints.names, points),
            [dog.coat if dog else None for dog in dogs],
            [dict(dog.breeds.likely) if dog and dog.breeds else None for dog in dogs],
            [(dog.view or "") if dog else "" for dog in dogs],
        ),
    )


def parts_of(
    seen: Seen, names: Sequence[str], rows: Sequence[Mapping[str, str]]
) -> tuple[np.ndarray, np.ndarray]:
    """(n, 5) parts of the dog that people chose in each triplet, and of the other."""
    place = {name: number for number, name in enumerate(names)}
    both = np.array(
        [seen.parts(place[row["query"]], [place[row["a"]], place[row["b"]]]) for row in rows]
    )
    first = np.array([row["choice"] == "a" for row in rows])
    every = np.arange(len(rows))
    return both[every, np.where(first, 0, 1)], both[every, np.where(first, 1, 0)]


def ablation(chosen: np.ndarray, other: np.ndarray, fusion: Fusion) -> dict[str, object]:
    """Shares of triplets that the likeness puts as people did, ties counting half.

    `appearance` alone; `fused` with the weights in use; `alone` for each part, over the triplets in
    which it is known of both dogs, whose number is `known`; `gain`, how much less surprising the
    choices are with the weights in use than by appearance, in nats a triplet, and its standard
    error; `added` to appearance, and `left_out`
    of all, with weights learnt on the other folds; `all` so too; `weights` learnt on all.
    """
    counts = {part: _known(chosen, other, part) for part in EXTRA}
    leads = fusion.fused(chosen, "like") - fusion.fused(other, "like")
    gain = losses(2 * (chosen[:, 0] - other[:, 0])) - losses(leads)
    return {
        "appearance": _agreement(chosen[:, 0] - other[:, 0]),
        "fused": _agreement(leads),
        "gain": [round(float(gain.mean()), 4), round(float(gain.std() / len(gain) ** 0.5), 4)],
        "alone": {part: _agreement(_apart(chosen, other, part)[k]) for part, k in counts.items()},
        "known": {part: int(k.sum()) for part, k in counts.items()},
        "added": {part: cross_validated(chosen, other, fusion, [part]) for part in EXTRA},
        "all": cross_validated(chosen, other, fusion, EXTRA),
        "left_out": {
            part: cross_validated(chosen, other, fusion, [p for p in EXTRA if p != part])
            for part in EXTRA
        },
        "weights": learn(chosen, other, dict.fromkeys(EXTRA, 0.0)),
    }


def cross_validated(
    chosen: np.ndarray, other: np.ndarray, fusion: Fusion, used: Sequence[str]
) -> float:
    """Agreement of a fusion of appearance and the `used` parts, its weights learnt on nine folds
    and judged on the tenth, each in turn."""
    chosen, other = chosen.copy(), other.copy()
    for column, part in enumerate(PARTS):
        if part in EXTRA and part not in used:
            chosen[:, column] = other[:, column] = np.nan
    leads = np.zeros(len(chosen))
    fold = np.arange(len(chosen)) % FOLDS
    for held in range(FOLDS):
        rest = fold != held
        weights = learn(chosen[rest], other[rest], dict.fromkeys(EXTRA, 0.0))
        learnt = fusion.with_weights({"like": weights, "lost": weights})
        mine, theirs = (learnt.fused(rows[~rest], "like") for rows in (chosen, other))
        leads[~rest] = mine - theirs
    return _agreement(leads)


def common(seen: Seen) -> dict[str, object]:
    """Median and ninth decile of each part between two photos taken at random."""
    number = len(seen.vectors)
    queries = np.linspace(0, number - 1, max(2, min(number, _PAIRS // number))).astype(int)
    rows = np.concatenate(
        [seen.parts(query, [n for n in range(number) if n != query]) for query in queries]
    )
    at = {"typical": 0.5, "notable": 0.9}
    return {
        name: {
            part: round(float(np.nanquantile(rows[:, PARTS.index(part)], q)), 3)
            for part in EXTRA
            if not np.isnan(rows[:, PARTS.index(part)]).all()
        }
        for name, q in at.items()
    }


def _apart(chosen: np.ndarray, other: np.ndarray, part: str) -> np.ndarray:
    column = PARTS.index(part)
    apart: np.ndarray = chosen[:, column] - other[:, column]
    return apart


def _known(chosen: np.ndarray, other: np.ndarray, part: str) -> np.ndarray:
    return ~np.isnan(_apart(chosen, other, part))


def _agreement(leads: np.ndarray) -> float:
    if not len(leads):
        return 0.0
    return round(float(np.mean((leads > 0) + 0.5 * (leads == 0))), 4)
