"""Which side of a split a group of photos falls on: whole, by its hash, never by order."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ml.errors import DataError


def hash_of(name: str) -> float:
    """0 to 1, the same in every run and place."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def tie(names: Sequence[Sequence[str]]) -> list[int]:
    """The number of each photo's group: all that share a name, directly or through others."""
    places: dict[str, int] = {}
    edges = [
        (row, len(names) + places.setdefault(name, len(places)))
        for row, given in enumerate(names)
        for name in given
    ]
    count = len(names) + len(places)
    starts, ends = np.array(edges, np.intp).reshape(-1, 2).T
    links = coo_array((np.ones(len(edges), np.int8), (starts, ends)), shape=(count, count))
    return [int(part) for part in connected_components(links, directed=False)[1][: len(names)]]


def choose_held_out(
    groups: Sequence[int],
    names: Sequence[str],
    shares: Sequence[float],
    classes: Sequence[str] | None = None,
    fixed: Sequence[bool | None] | None = None,
) -> list[bool]:
    """Whether each photo is held out for validation; photos of one group always fall together.

    A group is held out where the hash of the name of one of its photos is below that photo's share:
    so what is held out stays so whatever is added or tied to it. A group with a `fixed` photo keeps
    its side, validation where its photos disagree. A group of photos with a class ("" for none) is
    drawn by stratum: of each class the groups whose hash is lowest, the share of their number, at
    least one and never all. Raises DataError where a class cannot be on both sides.
    """
    classes = classes or [""] * len(groups)
    fixed = fixed or [None] * len(groups)
    sides: dict[int, bool] = {}
    for group, side in zip(groups, fixed, strict=True):
        if side is not None:
            sides[group] = sides.get(group, False) or side
    lowest: dict[int, float] = {}
    drawn: dict[int, bool] = defaultdict(bool)
    strata: dict[str, dict[int, float]] = defaultdict(dict)
    for group, name, share, stratum in zip(groups, names, shares, classes, strict=True):
        value = hash_of(name)
        lowest[group] = min(lowest.get(group, 1.0), value)
        drawn[group] |= value < share
        if stratum:
            strata[stratum][group] = share
    _draw_by_stratum(strata, lowest, sides)
    return [sides.get(group, drawn[group]) for group in groups]


def _draw_by_stratum(
    strata: dict[str, dict[int, float]], lowest: dict[int, float], sides: dict[int, bool]
) -> None:
    """Sets the side of every group in `strata` that has none yet.

    `strata` holds the groups of each class with the share to hold out, `lowest` their hashes.
    """
    classes_of = defaultdict(set)
    wanted, held = {}, {}
    for name, shares in strata.items():
        for group in shares:
            classes_of[group].add(name)
        wanted[name] = min(max(1, round(max(shares.values()) * len(shares))), len(shares) - 1)
        held[name] = sum(sides.get(group, False) for group in shares)
    undecided = sorted((g for g in classes_of if g not in sides), key=lowest.__getitem__)
    for group in undecided:
        sides[group] = all(held[name] < wanted[name] for name in classes_of[group])
        for name in classes_of[group]:
            held[name] += sides[group]
    for group in undecided:  # a class may have left all of its groups to classes that share them
        if not sides[group] and any(held[name] == 0 for name in classes_of[group]):
            sides[group] = True
            for name in classes_of[group]:
                held[name] += 1
    one_sided = sorted(name for name, shares in strata.items() if not 0 < held[name] < len(shares))
    if one_sided:
        raise DataError(
            "A stratified split needs two photos of each class that do not belong together; there "
            f"are fewer of {', '.join(one_sided)}. Add photos of it, or leave it out."
        )
