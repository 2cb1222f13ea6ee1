"""All that a set of photos shows before anything is trained on it: facts, copies, conflicts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.datasets.hashes import NEAR, equal_groups, near_pairs
from ml.datasets.scan import Facts, scan
from ml.training.data import SUFFIXES, Sample, samples_of, source_of


@dataclass(frozen=True, eq=False)
class Survey:
    """Photos and what is known of each; places refer to both lists.

    `exact` are groups of files with the same content. `near` (n, 4) are pairs of pictures that look
    the same, as in `near_pairs`, of each exact group only its first.
    """

    samples: Sequence[Sample]
    facts: Sequence[Facts]
    exact: list[list[int]]
    near: np.ndarray

    def readable(self) -> list[int]:
        """Places of the photos that can be read."""
        return [place for place, facts in enumerate(self.facts) if not facts.problem]

    def unreadable(self) -> list[int]:
        """Places of the others."""
        return [place for place, facts in enumerate(self.facts) if facts.problem]

    def classes(self) -> Counter[str]:
        """Readable photos of each class, "" being those without one."""
        return Counter(self.samples[place].label for place in self.readable())

    def links(self) -> Iterator[tuple[Path, Path]]:
        """Pairs of files that are copies of each other, exact or near, for a split."""
        for places in self.exact:
            for place in places[1:]:
                yield self.samples[places[0]].path, self.samples[place].path
        for one, other, _, _ in self.near:
            yield self.samples[one].path, self.samples[other].path

    def conflicts(self) -> list[tuple[int, int]]:
        """Pairs of copies whose classes differ: one of the two labels is wrong."""
        pairs = [(group[0], place) for group in self.exact for place in group[1:]]
        pairs += [(int(one), int(other)) for one, other, _, _ in self.near]
        labels = [sample.label for sample in self.samples]
        return sorted(
            (one, other)
            for one, other in pairs
            if labels[one] and labels[other] and labels[one] != labels[other]
        )


def survey(samples: Sequence[Sample], cache: Path, near: int = NEAR) -> Survey:
    """Read, or remember, every photo and compare each with each; `near` as in `near_pairs`."""
    facts = scan([sample.path for sample in samples], cache)
    digests = ["" if one.problem else one.sha256 for one in facts]
    exact = equal_groups(digests)
    again = {place for group in exact for place in group[1:]}
    rows = np.array([i for i, digest in enumerate(digests) if digest and i not in again], np.intp)
    hashes = np.array([facts[row].hashes for row in rows], np.uint64).reshape(-1, 4)
    pairs = near_pairs(hashes, np.array([facts[row].contrast for row in rows]), near)
    pairs[:, :2] = rows[pairs[:, :2]]
    return Survey(samples, facts, exact, pairs)


def survey_folder(folder: Path, labels: Path | None, cache: Path, near: int = NEAR) -> Survey:
    """The survey of a folder given by hand; raises DataError where it has no images."""
    return survey(samples_of(source_of(folder, labels), Path()), cache, near)


def other_files(folder: Path) -> Counter[str]:
    """Files below a folder that are no photos by their names, counted by how these end."""
    return Counter(
        path.suffix.lower() or path.name
        for path in folder.rglob("*")
        if path.is_file() and path.suffix.lower() not in SUFFIXES
    )
