"""Reads the MVTec tree: in a class folder `train/good`, `test/<defect>`, `ground_truth/<defect>/<stem>_mask.png`.

Three layouts share it. MVTec LOCO keeps its masks in a folder an image (`ground_truth/<kind>/<stem>/*.png`); MVTec
3D-AD keeps pictures and masks in folders below the defect's (`test/<defect>/rgb/*.png`, `test/<defect>/gt/*.png`).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from vlm_eval.data.samples import Found, SampleMaker, pictures_in
from vlm_eval.data.schema import Card, Strict
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample, Scalar


class MvtecOptions(Strict):
    """Options of the reader `mvtec`."""

    normal: str = "good"
    pictures: str | None = None  # folder below the defect's that holds the pictures ("rgb")
    masks: str | None = None  # folder below the defect's that holds the masks ("gt"), named like the pictures
    kind: str | None = None  # metadata key under which the defect folder's name is kept ("anomaly_kind")


def read_mvtec(card: Card, root: Path) -> Iterable[Sample]:
    """Yield the samples of every class folder that holds a `test` folder, training pictures first."""
    options = MvtecOptions.model_validate(card.options)
    maker = SampleMaker(card)
    folders = sorted(folder for folder in root.iterdir() if (folder / "test").is_dir())
    if not folders and (root / "test").is_dir():
        raise CardError(f"{root} is one class. Point to the folder that holds the class folders: {root.parent}")
    if not folders:
        raise CardError(f"{root} holds no class folder with a test folder in it, such as {root}/bottle/test/good")
    for folder in folders:
        for found in _read_class(folder, root, options):
            yield maker.make(found, _metadata(found, options))


def _read_class(folder: Path, root: Path, options: MvtecOptions) -> Iterator[Found]:
    training = folder / "train" / options.normal / (options.pictures or "")
    for picture in pictures_in(training) if training.is_dir() else ():
        yield Found(picture, picture.relative_to(root).as_posix(), folder.name, "no", split="train")
    for kind in sorted(entry for entry in (folder / "test").iterdir() if entry.is_dir()):
        pictures = kind / (options.pictures or "")
        if not pictures.is_dir():
            raise CardError(f"{kind} holds no folder {options.pictures!r}. Card option pictures names that folder")
        for picture in pictures_in(pictures):
            yield _read_item(picture, kind, folder, root, options)


def _read_item(picture: Path, kind: Path, folder: Path, root: Path, options: MvtecOptions) -> Found:
    normal = kind.name == options.normal
    return Found(
        source=picture,
        path=picture.relative_to(root).as_posix(),
        object_class=folder.name,
        anomalous="no" if normal else "yes",
        defects=() if normal else (kind.name,),
        masks=() if normal else _masks(picture, kind, folder, options),
    )


def _masks(picture: Path, kind: Path, folder: Path, options: MvtecOptions) -> tuple[Path, ...]:
    """Find the masks of an anomalous picture. One that is not there is named all the same, for the check."""
    if options.masks:
        return (kind / options.masks / f"{picture.stem}.png",)
    truth = folder / "ground_truth" / kind.name
    several = truth / picture.stem
    if several.is_dir():
        return tuple(pictures_in(several))
    single = (truth / f"{picture.stem}_mask.png", truth / f"{picture.stem}.png")
    existing = tuple(mask for mask in single if mask.is_file())
    return existing[:1] or (single[:1] if truth.is_dir() else ())


def _metadata(found: Found, options: MvtecOptions) -> dict[str, Scalar]:
    return {options.kind: found.defects[0]} if options.kind and found.defects else {}
