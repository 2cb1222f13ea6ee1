"""`python -m ml export embedder`: ONNX, OpenVINO and int8 files, and a table of what they cost."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from ml.embedder import Embedder
from ml.errors import DataError
from ml.evaluation.measures import retrieval
from ml.evaluation.retrieval import crop_dogs, read_labelled
from ml.evaluation.tables import print_result, read_images
from ml.export import (
    build,
    export_embedder,
    latency,
    megabytes,
    open_onnx,
    open_openvino,
)
from ml.runtime import Network
from ml.spec import load_spec
from ml.subject import squash
from ml.training.data import SUFFIXES, below, samples_of, source_of

_CALIBRATE_ON = 200
_THREADS = 2
_POINT = 0.01


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "embedder",
        help="ONNX, OpenVINO and int8, with size, latency and loss of each",
        description="Writes embedder.onnx (float32), embedder.xml and .bin (OpenVINO, float16) and "
        "embedder-int8.onnx, then a table in Markdown; the last line is the same as JSON.",
    )
    parser.add_argument("--model", default="starter")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--calibrate",
        type=Path,
        required=True,
        metavar="DIR",
        help=f"folder of dog photos for int8; {_CALIBRATE_ON} of them are used",
    )
    parser.add_argument("--labels", type=Path, help="CSV: file,label; adds retrieval of each")
    parser.add_argument(
        "--images", type=Path, help="folder of the labelled photos; default: that of --calibrate"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the files and print what they cost; photos with a label are not calibrated on."""
    spec = load_spec(options.model)
    images = options.images or options.calibrate
    labelled: set[Path] = set()
    if options.labels:
        listed = samples_of(source_of(images, options.labels), Path())
        labelled = {sample.path.resolve() for sample in listed}
    photos = calibration_photos(options.calibrate, labelled)
    crops = crop_dogs(spec, photos)
    pixels = np.stack(
        [
            squash(crop, spec.embedder.size, spec.embedder.options.get("interpolation", "bilinear"))
            for crop in crops
        ]
    )
    told = {"model": spec.name, "fingerprint": spec.fingerprint}
    try:
        files = export_embedder(build(spec), pixels, options.out, told)
    except OSError as error:
        raise DataError(f"{options.out} cannot be written.", str(error)) from error

    labels: Sequence[str] = ()
    groups: Sequence[str] = ()
    if options.labels:
        photos, labels, groups = read_labelled(images, options.labels)
        crops = crop_dogs(spec, photos)
    variants: list[tuple[str, str, Path, Callable[[], Network]]] = [
        ("float32", "ONNX Runtime", files.onnx, lambda: open_onnx(files.onnx, _THREADS)),
        ("float32", "OpenVINO", files.onnx, lambda: open_openvino(files.onnx, _THREADS)),
        ("float16", "OpenVINO", files.openvino, lambda: open_openvino(files.openvino, _THREADS)),
        ("int8", "ONNX Runtime", files.int8, lambda: open_onnx(files.int8, _THREADS)),
        ("int8", "OpenVINO", files.int8, lambda: open_openvino(files.int8, _THREADS, "f32")),
    ]
    rows: list[dict[str, str | float]] = []
    exact = np.zeros((0, 0))
    for weights, runtime, path, opened in variants:
        network = opened()
        vectors = Embedder(network, spec.embedder).embed(crops)
        if not rows:
            exact = vectors
        row: dict[str, str | float] = {
            "file": path.name,
            "weights": weights,
            "runtime": runtime,
            "mb": megabytes(path),
            "ms_1": latency(network, pixels[:1], 30),
            "ms_16": latency(network, np.resize(pixels, (16, *pixels.shape[1:])), 8),
            "cosine": float(np.mean(np.sum(vectors * exact, axis=1))),
        }
        if labels:
            found = retrieval(vectors, labels, groups)
            first = rows[0] if rows else found
            row |= {key: found[key] for key in ("r1", "r5")}
            row |= {f"{key}_lost": first[key] - found[key] for key in ("r1", "r5")}  # type: ignore[operator]
        rows.append(row)
    print(markdown(rows))
    for row in rows:
        if row["weights"] == "int8" and round(float(row.get("r5_lost", 0)), 5) > _POINT:
            print(f"\nint8 on {row['runtime']} loses more than one point of r5.")
    print_result(
        told
        | {
            "calibrated": len(pixels),
            "compared": len(crops),
            "variants": [
                {k: round(v, 5) if isinstance(v, float) else v for k, v in row.items()}
                for row in rows
            ],
        }
    )


def calibration_photos(folder: Path, left_out: Iterable[Path] = ()) -> list[np.ndarray]:
    """Up to 200 readable photos, evenly over a folder and its subfolders in order of names.

    Unreadable ones are named and skipped, those `left_out` (resolved) are not looked at. Raises
    DataError where none remain.
    """
    known = set(left_out)
    names = [
        below(path, folder)
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.resolve() not in known
    ]
    count = min(len(names), _CALIBRATE_ON)
    chosen = [names[place * len(names) // count] for place in range(count)]
    photos = [image for _, image in read_images(folder, chosen, max_side=640)]
    if not photos:
        raise DataError(
            f"There are no readable photos in {folder} to calibrate int8 on. "
            "Name a folder of dog photos, besides the labelled ones, with --calibrate."
        )
    return photos


_COLUMNS = {
    "file": ("file", "{}"),
    "runtime": ("runtime", "{}"),
    "mb": ("MB", "{:.1f}"),
    "ms_1": ("ms, batch 1", "{:.1f}"),
    "ms_16": ("ms, batch 16", "{:.1f}"),
    "cosine": ("cosine", "{:.4f}"),
    "r1": ("r1", "{:.3f}"),
    "r5": ("r5", "{:.3f}"),
    "r1_lost": ("r1 lost", "{:+.3f}"),
    "r5_lost": ("r5 lost", "{:+.3f}"),
}


def markdown(rows: Sequence[dict[str, str | float]]) -> str:
    """The variants as a table; retrieval only where it was measured."""
    columns = [key for key in _COLUMNS if key in rows[0]]
    lines = [[_COLUMNS[key][0] for key in columns], ["---"] * len(columns)]
    lines += [[_COLUMNS[key][1].format(row[key]) for key in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
