"""A picture of the embedding space: `python -m ml evaluate space`."""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.spatial import KDTree

from ml.datasets.plots import drawn
from ml.evaluation.pictures import Photos, picture_path, read_photos, save, thumbnail
from ml.evaluation.tables import print_result
from ml.spec import load_spec

_INCHES = 7.2
_ROUNDS = 500
_MOST_NAMES = 20
_GREY = (0.6, 0.57, 0.54)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser("space", help="a map of the photos: what is alike lies together")
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--labels", type=Path, help="CSV: file,label; else a folder per label")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--out", type=Path, required=True, help="the picture, .png or .jpg")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Draw the map; print n, and kept: the share whose first match is of the nearest five on it."""
    path = picture_path(options.out)
    spec = load_spec(options.model)
    photos = read_photos(options.images, options.labels, spec)
    places = unfold(photos.vectors)
    save(picture(photos, places), path)
    print(f"{len(photos)} photos, model {spec.name}, map in {path}")
    print_result({"n": len(photos), "kept": kept(photos.vectors, places)})


def flatten(vectors: np.ndarray) -> np.ndarray:
    """(n, 2) coordinates along the two directions of most variance (PCA), float64."""
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    flat = left[:, :2] * sizes[:2]
    return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))


def unfold(vectors: np.ndarray, neighbours: float = 15.0) -> np.ndarray:
    """(n, 2) float64 places on which near vectors lie together, the same at each call.

    Exact t-SNE (van der Maaten and Hinton, 2008) from the PCA on, `neighbours` being its
    perplexity. `vectors` (n, d) unit rows, n from 2 on; time and memory grow with n².
    """
    wanted = _chances(2 - 2 * vectors.astype(np.float64) @ vectors.T, neighbours)
    flat = flatten(vectors)
    flat *= 1e-2 / max(float(flat.std()), 1e-9)
    step, speed = max(len(vectors) / 12.0, 5.0), np.zeros_like(flat)
    for number in range(_ROUNDS):
        is_early = number < _ROUNDS // 4
        near = 1 / (1 + _squared(flat))
        np.fill_diagonal(near, 0)
        pull = (wanted * (12 if is_early else 1) - near / near.sum()) * near
        slope = 4 * (pull.sum(1)[:, None] * flat - pull @ flat)
        speed = (0.5 if is_early else 0.8) * speed - step * slope
        flat += speed
    return flat


def _chances(squared: np.ndarray, neighbours: float) -> np.ndarray:
    """(n, n) chances of each pair, symmetric, sum 1; rows as wide as `neighbours` equal ones."""
    count = len(squared)
    aim = np.log(min(neighbours, max((count - 1) / 3, 1.0)))
    squared = squared.copy()
    np.fill_diagonal(squared, np.inf)
    squared -= squared.min(1, keepdims=True)
    low, high = np.zeros((count, 1)), np.full((count, 1), 1e6)
    for _ in range(50):
        sharp = (low + high) / 2
        rows = np.exp(-sharp * squared)
        rows /= rows.sum(1, keepdims=True)
        spread = -(rows * np.log(np.maximum(rows, 1e-300))).sum(1, keepdims=True)
        low, high = np.where(spread > aim, sharp, low), np.where(spread > aim, high, sharp)
    return (rows + rows.T) / (2 * count)


def _squared(flat: np.ndarray) -> np.ndarray:
    across, up = (np.subtract.outer(axis, axis) for axis in flat.T)
    return across**2 + up**2


def kept(vectors: np.ndarray, places: np.ndarray) -> float:
    """Share of photos whose nearest other vector is among the five nearest others on the map."""
    cosines, apart = vectors @ vectors.T, _squared(places)
    np.fill_diagonal(cosines, -np.inf)
    np.fill_diagonal(apart, np.inf)
    first = cosines.argmax(1)
    closest = np.argsort(apart, axis=1, kind="stable")[:, :5]
    return float((closest == first[:, None]).any(1).mean())


def spread_out(places: np.ndarray, side: float) -> np.ndarray:
    """(n, 2) places moved as little as needs be, until squares of `side` around them lie free."""
    places = places.copy()
    for _ in range(300):
        pairs = KDTree(places).query_pairs(side * 0.999, p=np.inf, output_type="ndarray")
        if not len(pairs):
            break
        rows = np.arange(len(pairs))
        gap = places[pairs[:, 1]] - places[pairs[:, 0]]
        axis = np.abs(gap).argmax(1)
        ahead = gap[rows, axis]
        push = np.zeros_like(gap)
        push[rows, axis] = np.where(ahead < 0, -1, 1) * (side - np.abs(ahead)) / 3
        np.add.at(places, pairs[:, 0], -push)
        np.add.at(places, pairs[:, 1], push)
    return places


def picture(photos: Photos, places: np.ndarray) -> bytes:
    """A PNG file of the photos at their (n, 2) places, framed in a colour of their label.

    Thin lines tie the photos of one label together; a label that occurs once is grey.
    """
    names = np.unique(photos.labels[photos.is_told]).tolist()
    colours = dict(zip(names, _colours(len(names)), strict=True))
    low, high = places.min(0), places.max(0)
    side = 0.8 / np.sqrt(len(photos))
    places = spread_out((places - low) / max(float((high - low).max()), 1e-9), side)
    half = side * 0.46

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for name, colour in colours.items():
            own = places[photos.labels == name]
            for place in own:
                axes.plot(*zip(place, own.mean(0), strict=True), color=colour, lw=0.8, zorder=1)
        for crop, label, (x, y) in zip(photos.crops, photos.labels, places, strict=True):
            small = thumbnail(crop, max(24, round(side * 1800)))
            axes.imshow(small, extent=(x - half, x + half, y - half, y + half), zorder=2)
            colour = colours.get(label, _GREY)
            frame = Rectangle((x - half, y - half), 2 * half, 2 * half, fill=False, ec=colour)
            frame.set(linewidth=1.3, zorder=3)
            axes.add_patch(frame)
        axes.set_xlim(places[:, 0].min() - side, places[:, 0].max() + side)
        axes.set_ylim(places[:, 1].min() - side, places[:, 1].max() + side)
        axes.axis("off")
        ties = " Frames and lines of one colour: one label." if names else ""
        figure.supxlabel(f"What the embedding finds alike lies together.{ties}", fontsize=8)
        if 0 < len(names) <= _MOST_NAMES:
            marks = [Rectangle((0, 0), 1, 1, color=colour) for colour in colours.values()]
            axes.legend(marks, names, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=5)

    return drawn(draw, _INCHES, _INCHES)


def _colours(count: int) -> np.ndarray:
    """(count, 3) RGB in 0 to 1, neighbours in the list far apart in hue."""
    places = np.arange(count)
    hue = places * 0.618034 % 1 if count > _MOST_NAMES else places / max(count, 1)
    return hsv_to_rgb(np.stack([hue, 0.85 - 0.3 * (places % 2), 0.8 - 0.15 * (places % 3)], 1))
