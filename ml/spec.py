"""ModelSpec: everything that decides what comes out of the models, and its fingerprint.

A spec is a JSON file beside its float16 safetensors files. It covers the whole pipeline (subject,
embedder, keypoints), so two results are comparable exactly when their fingerprints are equal.
"""

import bisect
import difflib
import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ml.errors import ModelMismatch, ModelMissing

WEIGHTS = Path(__file__).parent / "weights"
DEFAULT = "starter"

Band = Literal["strong", "weak", "none"]


@dataclass(frozen=True)
class NetworkSpec:
    """One network: its weights, its architecture by name and its preprocessing.

    `size` is (height, width) in pixels of the input; `mean` and `std` are per channel of RGB in
    0 to 1; `options` is what else the architecture needs, plain JSON values.
    """

    file: str
    sha256: str
    architecture: str
    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "NetworkSpec":
        """From its JSON object; KeyError, TypeError or ValueError where that is not one."""
        height, width = data["size"]
        return cls(
            file=str(data["file"]),
            sha256=str(data["sha256"]),
            architecture=str(data["architecture"]),
            size=(int(height), int(width)),
            mean=_three(data["mean"]),
            std=_three(data["std"]),
            options=dict(data["options"]),
        )


@dataclass(frozen=True)
class KeypointLayout:
    """Names in output order, edges as pairs of names, and the body part each name belongs to."""

    names: tuple[str, ...]
    skeleton: tuple[tuple[str, str], ...]
    parts: Mapping[str, str]


@dataclass(frozen=True)
class Likeness:
    """How a cosine between two embeddings is shown to people.

    Below `none_below` there is no close match, from `strong_from` on it is a strong one. `scale`
    holds rising (cosine, score) points; between them the score, 0 to 100, is linear.
    """

    none_below: float
    strong_from: float
    scale: tuple[tuple[float, float], ...]

    def score(self, cosine: float) -> float:
        """0 to 100, rising with the cosine."""
        cosines = [point[0] for point in self.scale]
        place = bisect.bisect_right(cosines, cosine)
        if place == 0:
            return self.scale[0][1]
        if place == len(cosines):
            return self.scale[-1][1]
        (x0, y0), (x1, y1) = self.scale[place - 1], self.scale[place]
        return y0 + (y1 - y0) * (cosine - x0) / (x1 - x0)

    def band(self, cosine: float) -> Band:
        """The word for a cosine."""
        if cosine < self.none_below:
            return "none"
        return "strong" if cosine >= self.strong_from else "weak"


@dataclass(frozen=True)
class ModelSpec:
    """One version of the whole pipeline, from photo to vector and keypoints.

    `gate` is asked once more about photos of which the subject network is in doubt.
    """

    name: str
    title: str
    subject: NetworkSpec
    embedder: NetworkSpec
    pose: NetworkSpec
    keypoints: KeypointLayout
    likeness: Likeness
    breeds: NetworkSpec | None = None
    gate: NetworkSpec | None = None

    @property
    def fingerprint(self) -> str:
        """sha256 hex over every field, the weights by their own sha256."""
        plain = json.dumps(self._plain(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(plain.encode()).hexdigest()

    def to_json(self) -> str:
        """Readable JSON that `from_json` turns back into an equal spec."""
        return json.dumps(self._plain(), indent=2, ensure_ascii=False) + "\n"

    def _plain(self) -> dict[str, Any]:
        """Without breeds and gate as before there were any: fingerprints stay what they were."""
        later = ("breeds", "gate")
        return {k: v for k, v in asdict(self).items() if k not in later or v is not None}

    @classmethod
    def from_json(cls, text: str) -> "ModelSpec":
        """Raises ModelMismatch where a field is missing, unknown or of the wrong kind."""
        try:
            data = json.loads(text)
            keypoints = data["keypoints"]
            likeness = data["likeness"]
            return cls(
                name=str(data["name"]),
                title=str(data["title"]),
                subject=NetworkSpec.from_dict(data["subject"]),
                embedder=NetworkSpec.from_dict(data["embedder"]),
                pose=NetworkSpec.from_dict(data["pose"]),
                keypoints=KeypointLayout(
                    names=tuple(keypoints["names"]),
                    skeleton=tuple((a, b) for a, b in keypoints["skeleton"]),
                    parts=dict(keypoints["parts"]),
                ),
                likeness=Likeness(
                    none_below=float(likeness["none_below"]),
                    strong_from=float(likeness["strong_from"]),
                    scale=_rising(likeness["scale"]),
                ),
                breeds=NetworkSpec.from_dict(data["breeds"]) if "breeds" in data else None,
                gate=NetworkSpec.from_dict(data["gate"]) if "gate" in data else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelMismatch(
                "This model spec cannot be read. Restore it from the repository.",
                f"{type(error).__name__}: {error}",
            ) from error


def available(directory: Path = WEIGHTS) -> list[ModelSpec]:
    """All specs in a directory, by name."""
    return [ModelSpec.from_json(path.read_text()) for path in _files(directory)]


def load_spec(name: str = DEFAULT, directory: Path = WEIGHTS) -> ModelSpec:
    """The spec of that name; raises ModelMissing naming the nearest ones."""
    for path in _files(directory):
        if path.stem == name:
            return ModelSpec.from_json(path.read_text())
    names = [path.stem for path in _files(directory)]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.3) or names
    known = ", ".join(near) if near else "none; run script/setup"
    raise ModelMissing(f"There is no model named '{name}'. Nearest: {known}.")


def weights_file(network: NetworkSpec, directory: Path = WEIGHTS) -> Path:
    """The path of a network's weights after checking their hash.

    Raises ModelMissing where the file is absent, ModelMismatch where its content is another.
    """
    path = directory / network.file
    if not path.is_file():
        raise ModelMissing(
            f"The weights file {network.file} is missing. Restore it from the repository.",
            str(path),
        )
    if file_sha256(path) != network.sha256:
        raise ModelMismatch(
            f"The weights file {network.file} is not the one its spec names. "
            "Restore both from the same version of the repository.",
            str(path),
        )
    return path


def file_sha256(path: Path) -> str:
    """sha256 hex of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.json"))


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    a, b, c = values
    return float(a), float(b), float(c)


def _rising(points: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    scale = tuple((float(x), float(y)) for x, y in points)
    if len(scale) < 2 or any(a[0] >= b[0] or a[1] > b[1] for a, b in itertools.pairwise(scale)):
        raise ValueError("likeness.scale must have two or more rising points")
    return scale
