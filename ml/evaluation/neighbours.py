"""A sheet of dogs and the photos that the embedding finds nearest: `… evaluate neighbours`."""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ml.datasets.plots import drawn
from ml.errors import DataError
from ml.evaluation.measures import retrieval
from ml.evaluation.pictures import Photos, picture_path, read_photos, save, thumbnail
from ml.evaluation.tables import print_result
from ml.spec import Likeness, load_spec

RIGHT, WRONG, PLAIN = "#2E8B57", "#C9BEB2", "#2A2420"
_CELL, _THUMBNAIL = 1.05, 200  # inches on the sheet, pixels


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser("neighbours", help="a sheet of photos and their nearest others")
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument(
        "--labels", type=Path, help="CSV: file,label (and group, optional); else a folder per label"
    )
    parser.add_argument("--model", default="starter")
    parser.add_argument("--queries", type=int, default=10, help="rows of the sheet")
    parser.add_argument("--matches", type=int, default=5, help="nearest photos in a row")
    parser.add_argument("--seed", type=int, default=0, help="another seed asks for other dogs")
    parser.add_argument("--out", type=Path, required=True, help="the sheet, .jpg or .png")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Draw the sheet; print n, cosine (mean, of the first match) and r1 over labelled photos."""
    path = picture_path(options.out)
    if min(options.queries, options.matches) < 1:
        raise DataError("A sheet needs --queries and --matches of at least 1.")
    spec = load_spec(options.model)
    photos = read_photos(options.images, options.labels, spec)
    found, cosines = nearest(photos, options.matches)
    asked = choose(photos, options.queries, options.seed)
    save(sheet(photos, asked, found[asked], cosines[asked], spec.likeness), path)
    print(f"{len(photos)} photos, model {spec.name}, {len(asked)} of them asked for in {path}")
    result = {"n": len(photos), "cosine": float(cosines[:, 0][np.isfinite(cosines[:, 0])].mean())}
    figures = retrieval(photos.vectors, photos.labels.tolist(), photos.groups.tolist())
    print_result(result | ({"r1": figures["r1"]} if figures["n"] else {}))


def nearest(photos: Photos, matches: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the `matches` nearest photos of other groups, nearest first, and their cosines.

    Both (n, k), k being at most n - 1; the cosine is -inf where a photo has fewer candidates.
    Raises DataError where no photo has one.
    """
    cosines = photos.vectors @ photos.vectors.T
    cosines[photos.groups[:, None] == photos.groups] = -np.inf
    if not np.isfinite(cosines).any():
        raise DataError("All photos are of one group, so that none can be found by another.")
    found = np.argsort(-cosines, axis=1, kind="stable")[:, : min(matches, len(photos) - 1)]
    return found, np.take_along_axis(cosines, found, axis=1)


def choose(photos: Photos, queries: int, seed: int) -> list[int]:
    """Rows to ask for, by chance: those with something to find first, one of each label first."""
    order = np.random.default_rng(seed).permutation(len(photos))
    alike = photos.labels[:, None] == photos.labels
    can_be_found = (alike & (photos.groups[:, None] != photos.groups)).any(1)
    seen: set[str] = set()
    ranks = {}
    for row in order.tolist():
        ranks[row] = (not can_be_found[row], photos.labels[row] in seen)
        seen.add(photos.labels[row])
    return sorted(ranks, key=ranks.__getitem__)[:queries]


def sheet(
    photos: Photos, asked: list[int], found: np.ndarray, cosines: np.ndarray, likeness: Likeness
) -> bytes:
    """A PNG file: each asked photo at the left of its row, what was found for it beside it.

    `found` and `cosines` (queries, k) as `nearest` gives them. Frames are green around the label of
    the query and pale around another; dark where the query's label says nothing.
    """
    columns, says_something = found.shape[1] + 1, photos.is_told

    def draw(figure: Figure) -> None:
        cells = figure.subplots(len(asked), columns, squeeze=False)
        for query, row, near, cells_of_row in zip(asked, found, cosines, cells, strict=True):
            is_told = says_something[query]
            name = str(photos.labels[query]) if is_told else ""
            _put(cells_of_row[0], photos.crops[query], PLAIN, name)
            for place, cosine, cell in zip(row, near, cells_of_row[1:], strict=True):
                if not np.isfinite(cosine):
                    cell.axis("off")
                    continue
                is_right = photos.labels[place] == photos.labels[query]
                colour = (RIGHT if is_right else WRONG) if is_told else PLAIN
                told = f"{likeness.score(float(cosine)):.0f}  (cos {cosine:.2f})"
                _put(cell, photos.crops[place], colour, told)
        for place, cell in enumerate(cells[0]):
            cell.set_title(f"match {place}" if place else "query", loc="center", fontsize=9)
        green = "   Green frame: same label as the query." if says_something[asked].any() else ""
        told = f"Score from 0 to 100, and the cosine that it is made of.{green}"
        figure.supxlabel(told, fontsize=8)

    return drawn(draw, columns * _CELL, len(asked) * (_CELL + 0.16) + 0.5)


def _put(cell: Axes, crop: np.ndarray, colour: str, told: str) -> None:
    cell.imshow(thumbnail(crop, _THUMBNAIL))
    cell.set_xticks([])
    cell.set_yticks([])
    cell.set_xlabel(told, fontsize=7.5, labelpad=3)
    for side in cell.spines.values():
        side.set(visible=True, color=colour, linewidth=3 if colour == RIGHT else 1.2)
