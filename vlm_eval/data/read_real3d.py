"""Reads Real3D-AD: `<class>/train/*.pcd`, `<class>/test/<number>_<defect>.pcd` and `<class>/gt/*.txt`.

The training clouds are prototypes scanned from all sides, the test clouds are scanned from one; `good` in a test
file's name says normal. A line of gt holds x, y, z and 1 for an anomalous point.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from vlm_eval.data.samples import Found, SampleMaker
from vlm_eval.data.schema import Card, Strict
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample


class Real3dOptions(Strict):
    """Options of the reader `real3d`."""

    ending: str = ".pcd"


def read_real3d(card: Card, root: Path) -> Iterable[Sample]:
    """Yield the samples of every class folder that holds a `test` folder, prototypes first."""
    options = Real3dOptions.model_validate(card.options)
    maker = SampleMaker(card)
    folders = sorted(folder for folder in root.iterdir() if (folder / "test").is_dir())
    if not folders:
        raise CardError(f"{root} holds no class folder with a test folder in it, such as {root}/airplane/test")
    for folder in folders:
        for found in _class(folder, root, options.ending):
            yield maker.make(found)


def _class(folder: Path, root: Path, ending: str) -> Iterator[Found]:
    train = folder / "train"
    for file in sorted(train.glob(f"*{ending}")) if train.is_dir() else ():
        yield Found(file, file.relative_to(root).as_posix(), folder.name, "no", split="train")
    for file in sorted((folder / "test").glob(f"*{ending}")):
        words = [word for word in re.split(r"[_\d]+", file.stem) if word and word != "cut"]
        if not words:
            raise CardError(f"{file}: the name tells no state; names such as 12_good or 3_bulge are expected")
        normal = "good" in words
        yield Found(
            file,
            file.relative_to(root).as_posix(),
            folder.name,
            "no" if normal else "yes",
            defects=() if normal else ("_".join(words),),
            masks=() if normal else (folder / "gt" / f"{file.stem}.txt",),
        )
