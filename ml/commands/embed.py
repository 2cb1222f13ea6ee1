"""`python -m ml embed PHOTO …`"""

import argparse
import json
from pathlib import Path

from ml.embedder import Embedder
from ml.errors import DataError, NoSubject
from ml.images import load
from ml.spec import load_spec
from ml.subject import SubjectFinder, crop


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "embed",
        help="the vector of the dog in a photo",
        description="One line of JSON for each photo: file, box (x0, y0, x1, y1 in pixels), "
        "confidence, vector. Stops at the first photo that cannot be used.",
    )
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTO")
    parser.add_argument("--model", default="starter")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the vectors; raises NoSubject or ImageRejected at the first that is unusable."""
    spec = load_spec(options.model)
    finder, embedder = SubjectFinder.load(spec), Embedder.load(spec)
    for path in options.photos:
        image = load(read_photo(path), max_side=1280)
        (found,) = finder.find([image])
        if isinstance(found, NoSubject):
            raise found
        vector = embedder.embed([crop(image, found.box, float(spec.subject.options["margin"]))])[0]
        print(
            json.dumps(
                {
                    "file": str(path),
                    "box": [round(value, 1) for value in found.box],
                    "confidence": round(found.confidence, 4),
                    "vector": [round(float(value), 6) for value in vector],
                }
            )
        )


def read_photo(path: Path) -> bytes:
    """The file's bytes; raises DataError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"The file {path} cannot be read.", str(error.strerror)) from error
