"""Reads the UCR anomaly archive: `<number>_UCR_Anomaly_<name>_<end of training>_<begin>_<end>.txt`.

Each series has one anomaly. The numbers count readings. What comes before the end of training is normal, and
serves as the reference.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from vlm_eval.data.samples import SampleMaker
from vlm_eval.data.schema import Card, Strict
from vlm_eval.data.series_windows import LabelledSeries, series_samples
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample

_NAME = re.compile(r"\d+_UCR_Anomaly_(?P<name>.+)_(?P<train>\d+)_(?P<begin>\d+)_(?P<end>\d+)\.txt")


class UcrOptions(Strict):
    """Options of the reader `ucr`."""

    windows: int = Field(default=8, ge=1, le=1000)  # over the part after training; one alone has no normal item
    overlap: float = Field(default=0.0, ge=0, le=0.9)
    object_class: str = "series"


def read_ucr(card: Card, root: Path) -> Iterable[Sample]:
    """Yield the windows of every series below the root, in the order of their numbers."""
    options = UcrOptions.model_validate(card.options)
    maker = SampleMaker(card)
    files = sorted(file for file in root.rglob("*_UCR_Anomaly_*.txt") if not file.name.startswith("."))
    if not files:
        raise CardError(f"{root} holds no file such as 001_UCR_Anomaly_NAME_35000_52000_52620.txt")
    for file in files:
        match = _NAME.fullmatch(file.name)
        if match is None:
            raise CardError(f"{file}: the name does not end in _<end of training>_<begin>_<end>.txt")
        train, begin, end = (int(match[part]) for part in ("train", "begin", "end"))
        length = len(file.read_bytes().split())
        if not train <= begin <= end < length + 1:
            raise CardError(f"{file}: training to {train}, anomaly {begin} to {end}, but {length} readings")
        series = LabelledSeries(
            file, file.relative_to(root).as_posix(), options.object_class, 0, length - 1, 1, False,
            ((begin, min(end, length - 1)),), train,
        )  # fmt: skip
        yield from series_samples(maker, series, options.windows, options.overlap, "anomaly")
