"""Reads MOOD's volumes slice by slice: `brain/brain_train/*.nii.gz`, `brain/toy/*.nii.gz`.

The labels of a toy volume lie under its name in `brain/toy_label/pixel`. The volumes of the challenge's own test
are not public; the toy volumes stand in.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import Field

from vlm_eval.data.samples import Found, SampleMaker
from vlm_eval.data.schema import Card, Strict
from vlm_eval.errors import CardError, MissingExtraError
from vlm_eval.flow import Sample


class MoodOptions(Strict):
    """Options of the reader `mood`."""

    step: int = Field(default=8, ge=1)  # every so many slices one is an item
    least: int = Field(default=20, ge=1)  # voxels of an anomalous slice; one with fewer, but some, is left out
    defect: str = "anomaly"


def read_mood(card: Card, root: Path) -> Iterable[Sample]:
    """Yield the training volumes and the axial slices of the labelled toy volumes of each region."""
    options = MoodOptions.model_validate(card.options)
    maker = SampleMaker(card)
    regions = sorted(folder for folder in root.iterdir() if (folder / "toy").is_dir())
    if not regions:
        raise CardError(f"{root} holds no region such as {root}/brain/toy and {root}/brain/toy_label/pixel")
    for region in regions:
        for file in _volumes(region / f"{region.name}_train"):
            yield maker.make(Found(file, file.relative_to(root).as_posix(), region.name, "no", split="train"))
        for file in _volumes(region / "toy"):
            yield from _slices(maker, file, region, root, options)


def _volumes(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.nii.gz")) if folder.is_dir() else []


def _slices(maker: SampleMaker, file: Path, region: Path, root: Path, options: MoodOptions) -> Iterator[Sample]:
    label = region / "toy_label" / "pixel" / file.name
    path = file.relative_to(root).as_posix()
    for number, voxels in list(enumerate(_voxels(label)))[options.step // 2 :: options.step]:
        if 0 < voxels < options.least:
            continue
        yield maker.make(
            Found(
                source=file,
                path=f"{path}#{number:03d}",
                object_class=region.name,
                anomalous="yes" if voxels else "no",
                defects=(options.defect,) if voxels else (),
                masks=(label,) if voxels else (),
                group=f"{maker.card_name}/{path}",
                parameters={"slice": number},
            ),
            {"slice": number},
        )


def _voxels(label: Path) -> list[int]:
    """Return the labelled voxels of each axial slice from foot to head."""
    try:
        import nibabel
        from nibabel.filebasedimages import ImageFileError
    except ImportError as error:
        raise MissingExtraError("nibabel", "medical", "Reading .nii.gz files") from error
    import numpy as np

    try:
        volume = nibabel.as_closest_canonical(nibabel.load(label))
        return [int(count) for count in (np.asarray(volume.dataobj) > 0).sum(axis=(0, 1))]
    except (OSError, EOFError, ValueError, ImageFileError) as error:
        raise CardError(f"{label} cannot be read as the labels of a volume: {error}") from error
