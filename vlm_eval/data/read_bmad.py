"""Reads BMAD's layout: `<set>/train/good`, `<set>/test/good/img`, `<set>/test/Ungood/img` and masks in `label`.

Pictures may also lie in `good` and `Ungood` themselves; `anomaly_mask` is another name of `label`; two sets write
`ungood`; and a set may lie in the folder of its archive (`Brain_AD/BraTS2021_slice`). Validation pictures are not
read.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import Field

from vlm_eval.data.samples import Found, SampleMaker, pictures_in
from vlm_eval.data.schema import Card, Strict
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample

_MASKS = ("label", "anomaly_mask")


class BmadOptions(Strict):
    """Options of the reader `bmad`."""

    defect: str = "anomaly"  # the defect type of every anomalous picture; the layout names none
    classes: dict[str, str] = Field(default_factory=dict)  # folder of a set -> object class; else its name


def read_bmad(card: Card, root: Path) -> Iterable[Sample]:
    """Yield the samples of each set below the root, training pictures first."""
    options = BmadOptions.model_validate(card.options)
    maker = SampleMaker(card)
    sets = sorted(
        folder for depth in ("*", "*/*") for folder in root.glob(depth) if (folder / "test" / "good").is_dir()
    )
    if not sets:
        raise CardError(f"{root} holds no set such as {root}/RESC/test/good and {root}/RESC/test/Ungood")
    for folder in sets:
        for found in _read_set(folder, root, options):
            yield maker.make(found)


def _read_set(folder: Path, root: Path, options: BmadOptions) -> Iterator[Found]:
    name = options.classes.get(folder.name, folder.name)
    training = folder / "train" / "good"
    for picture in _pictures(training) if training.is_dir() else ():
        yield Found(picture, picture.relative_to(root).as_posix(), name, "no", split="train")
    for picture in _pictures(folder / "test" / "good"):
        yield Found(picture, picture.relative_to(root).as_posix(), name, "no")
    found = (folder / "test" / name for name in ("Ungood", "ungood"))
    anomalous = next((place for place in found if place.is_dir()), None)
    if anomalous is None:
        raise CardError(f"{folder / 'test'} holds no folder Ungood with the anomalous pictures")
    masks = next((anomalous / each for each in _MASKS if (anomalous / each).is_dir()), None)
    for picture in _pictures(anomalous):
        yield Found(
            source=picture,
            path=picture.relative_to(root).as_posix(),
            object_class=name,
            anomalous="yes",
            defects=(options.defect,),
            masks=(masks / picture.name,) if masks else (),
        )


def _pictures(folder: Path) -> Iterable[Path]:
    return pictures_in(folder / "img" if (folder / "img").is_dir() else folder)
