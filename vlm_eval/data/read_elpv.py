"""Reads ELPV, the solar cells that come inside the package elpv-dataset, straight from the package's own files."""

import csv
import importlib.util
from collections.abc import Iterable
from pathlib import Path

from vlm_eval.data.samples import Found, Note, SampleMaker, inside
from vlm_eval.data.schema import Card, Strict
from vlm_eval.errors import CardError, MissingExtraError
from vlm_eval.flow import Sample


class ElpvOptions(Strict):
    """The reader `elpv` has no options."""


def elpv_folder() -> Path:
    """Return the folder of the installed package that holds labels.csv. Raises MissingExtraError."""
    package = importlib.util.find_spec("elpv_dataset")
    if package is None or package.origin is None:
        raise MissingExtraError("elpv-dataset", "elpv", "The data set elpv")
    return Path(package.origin).parent / "data"


def read_elpv(card: Card, root: Path) -> Iterable[Sample | Note]:
    """Yield the cells whose label is sure: probability 0 is functional, 1 defective; 1/3 and 2/3 are left out."""
    maker = SampleMaker(card)
    file = root / "labels.csv"
    if not file.is_file():
        raise CardError(f"{file} is missing. Reinstall the package: pip install --force-reinstall elpv-dataset")
    graded = 0
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), start=1):
        if not line:
            continue
        path, probability, kind = _cells(line, f"{file}, line {number}")
        if probability not in (0.0, 1.0):
            graded += 1
            continue
        defective = probability == 1.0
        found = Found(
            source=inside(root, path, f"{file}, line {number}"),
            path=path,
            object_class=kind,
            anomalous="yes" if defective else "no",
            defects=("defective",) if defective else (),
        )
        yield maker.make(found, {"cell": kind})
    if graded:
        yield Note(f"{graded} cells with a graded label (probability 1/3 or 2/3) are left out")


def _cells(line: str, where: str) -> tuple[str, float, str]:
    try:
        path, probability, kind = next(csv.reader([" ".join(line.split())], delimiter=" "))
        return path, float(probability), kind
    except (StopIteration, ValueError) as error:
        raise CardError(
            f"{where}: {line!r} is no entry. A line holds path, probability and mono or poly"
        ) from error
