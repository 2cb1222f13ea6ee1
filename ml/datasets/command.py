"""`python -m ml data report`, `clean`, `split` and `compare-colours`."""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from ml.datasets.hashes import NEAR
from ml.datasets.scan import default_cache
from ml.datasets.survey import survey, survey_folder
from ml.errors import DataError
from ml.training.data import Grouping, read_split, samples_of, source_of, split, write_split

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_command(commands: "Subparsers") -> None:
    """Register the four commands."""
    parser = commands.add_parser(
        "report",
        help="what a folder of photos holds, with plots and sheets",
        description="Leaves report.html, which needs nothing beside it, and report.json in --out.",
    )
    _add_photos(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="folder")
    parser.add_argument(
        "--colours", type=Path, metavar="FILE.json", help="what compare-colours wrote, to be shown"
    )
    parser.set_defaults(run=run_report)

    parser = commands.add_parser(
        "clean",
        help="list copies and unreadable files, or move them aside",
        description="Of copies the largest stays. With neither --exact nor --near both kinds of "
        "copies are taken. Nothing is ever deleted.",
    )
    _add_photos(parser)
    parser.add_argument("--exact", action="store_true", help="files of the same content")
    parser.add_argument("--near", action="store_true", help="pictures that look the same")
    parser.add_argument("--out", type=Path, metavar="LIST.csv", help="write the list")
    parser.add_argument("--apply", action="store_true", help="move them to the folder DIR-removed")
    parser.set_defaults(run=run_clean)

    parser = commands.add_parser(
        "split",
        help="fix which photos are held out, before training",
        description="Copies, and photos of one group, fall on one side. With --config the sources "
        "of a training, paths below DIR, share one split: name its file as their 'split'.",
    )
    _add_photos(parser)
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="sources of a training")
    parser.add_argument("--group", choices=get_args(Grouping), default="file")
    parser.add_argument("--held-out", type=float, default=0.2, metavar="SHARE")
    parser.add_argument("--stratified", action="store_true", help="the share of each class")
    parser.add_argument("--fixed", type=Path, metavar="OLD.csv", help="an earlier split to keep")
    parser.add_argument("--out", type=Path, required=True, metavar="SPLIT.csv")
    parser.set_defaults(run=run_split)

    parser = commands.add_parser(
        "compare-colours", help="whether colour spaces or equalisation help the search"
    )
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument(
        "--labels", type=Path, help="CSV: file,label (and group, optional); else a folder per label"
    )
    parser.add_argument("--model", default="starter")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="for `data report --colours`")
    parser.set_defaults(run=run_compare_colours)


def run_report(options: argparse.Namespace) -> None:
    """Write the report and print what it found."""
    from ml.datasets.page import write_page
    from ml.datasets.report import report_of

    colours = _read_colours(options.colours) if options.colours else None
    found = survey_folder(options.folder, options.labels, options.cache, options.bits)
    report = report_of(found, options.folder, colours)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        write_page(report, found, options.folder, options.out)
    except OSError as error:
        told = f"{options.out} cannot be written to. Name another folder with --out."
        raise DataError(told, str(error)) from error
    for sentence in report["findings"]:
        print(f"- {sentence}")
    print(options.out / "report.html")


def run_clean(options: argparse.Namespace) -> None:
    """List, or move aside, what is one too many."""
    from ml.datasets.clean import drops_of, move_aside, write_list

    if options.out is None and not options.apply:
        raise DataError(
            "Say --out LIST.csv to list what to leave out, or --apply to move it aside."
        )
    found = survey_folder(options.folder, options.labels, options.cache, options.bits)
    both = not options.exact and not options.near
    drops = drops_of(found, exact=options.exact or both, near=options.near or both)
    if options.out is not None:
        options.out.unlink(missing_ok=True)
        write_list(drops, found, options.folder, options.out)
    for reason in dict.fromkeys(drop.reason for drop in drops):
        print(f"{sum(drop.reason == reason for drop in drops)} {reason}")
    conflicts = len(found.conflicts())
    if conflicts:
        print(f"{conflicts} pairs of copies carry different labels: see label and kept_label.")
    if options.apply and drops:
        beside = move_aside(drops, found, options.folder)
        print(f"{len(drops)} of {len(found.samples)} files moved to {beside}")
    else:
        print(f"{len(drops)} of {len(found.samples)} files to leave out")


def run_split(options: argparse.Namespace) -> None:
    """Write the split and print its size."""
    if options.config is not None:
        from ml.training.config import read_sources

        sources = [dataclasses.replace(s, split="") for s in read_sources(options.config)]
        root = options.folder
    else:
        given = dataclasses.replace(
            source_of(options.folder, options.labels),
            group=options.group,
            held_out=options.held_out,
            stratified=options.stratified,
        )
        sources, root = [dataclasses.replace(given, images="")], options.folder
    fixed = read_split(options.fixed, root) if options.fixed else None
    samples = [sample for source in sources for sample in samples_of(source, root)]
    found = survey(samples, options.cache, options.bits)
    links = list(found.links())
    training, validation = split(sources, root, links, fixed)
    write_split(options.out, root, training, validation)
    used, held = (sum(len(part) for _, part in side) for side in (training, validation))
    print(
        f"{used} photos for training, {held} held out; {len(links)} pairs of copies kept together"
    )


def run_compare_colours(options: argparse.Namespace) -> None:
    """Print the figures of all options as a table, and as the last line as one JSON object."""
    from ml.datasets.colours import compare_colours, table_of
    from ml.embedder import Embedder
    from ml.evaluation.retrieval import crop_dogs, read_labelled
    from ml.evaluation.tables import print_result
    from ml.spec import load_spec

    spec = load_spec(options.model)
    images, labels, groups = read_labelled(options.images, options.labels)
    crops, embedder = crop_dogs(spec, images), Embedder.load(spec)
    compared = compare_colours(crops, labels, groups, embedder.embed) | {"model": spec.name}
    if options.out is not None:
        options.out.write_text(json.dumps(compared, indent=1) + "\n")
    print(table_of(compared))
    print(compared["verdict"])
    print_result(compared)


def _add_photos(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="photos, or a folder per class")
    parser.add_argument("--labels", type=Path, metavar="FILE.csv", help="file,label[,group]")
    parser.add_argument(
        "--bits",
        type=int,
        default=NEAR,
        metavar="N",
        help=f"of 64 by which hashes of pictures that look the same differ at most ({NEAR})",
    )
    parser.add_argument(
        "--cache", type=Path, default=default_cache(), help="where what is read of photos is kept"
    )


def _read_colours(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text())
        if not {"verdict", "options"} <= set(told):
            raise ValueError("no verdict or no options")
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"{path} is not what `python -m ml data compare-colours --out` writes.", str(error)
        ) from error
    return dict(told)
