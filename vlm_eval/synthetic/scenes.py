"""Scenes: normal pictures into which something is put, and what is known of where it may go."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import isfinite
from pathlib import Path
from typing import Any, cast, get_args

from vlm_eval.data.loading import Dataset, load_dataset
from vlm_eval.data.read_table import table_rows
from vlm_eval.data.samples import inside
from vlm_eval.data.schema import Card
from vlm_eval.data.selection import choose_references
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample
from vlm_eval.synthetic.object_table import SizeClass
from vlm_eval.synthetic.seams import seed_of
from vlm_eval.synthetic.settings import SceneSource

Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class GivenHole:
    """A hole that somebody marked: a mask file, or left, top, right, bottom in pixels; and its size class."""

    size: SizeClass
    mask: Path | None = None
    box: Corners | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """A normal picture."""

    name: str  # unique, and fit for a file's name
    path: Path
    object_class: str
    group: str  # cluster for statistics
    region: Path | None = None  # mask of where something may be put
    scene_type: str = ""  # "bathroom"
    holes: tuple[GivenHole, ...] = ()


def read_scenes(source: SceneSource, folder: Path) -> tuple[Scene, ...]:
    """Read scenes.

    Args:
        source: where they come from.
        folder: the folder that its paths are relative to.

    Raises:
        CardError: there is none, or the table or data set cannot be used.
    """
    if source.table is not None:
        scenes = _of_table(folder / Path(source.table).expanduser())
    else:
        dataset = _narrowed(source, folder)
        kept = {scene.path for scene in support_of(source, folder)}
        free = [scene for scene in scenes_of(dataset, source.classes, source.split) if scene.path not in kept]
        if not free:
            raise CardError(
                f"All {len(kept)} normal pictures are set apart as support set; nothing is left to edit"
            )
        scenes = tuple(free) if source.each is None else _some(free, source.each)
    if source.regions is not None:
        scenes = _with_regions(scenes, folder / Path(source.regions).expanduser())
    return scenes[: source.limit]


def support_of(source: SceneSource, folder: Path) -> tuple[Scene, ...]:
    """Return the normal pictures that are set apart: those that `run --support N` takes with reference seed 0.

    So detectors compare with the same pictures on the synthetic set, of which they are the training split, and on
    the real one; and no synthetic anomaly is made of a picture that it is compared with.

    Raises:
        CardError: a class has too few normal pictures, or items bring templates of their own.
    """
    if source.support is None:
        return ()
    samples = _narrowed(source, folder).samples
    chosen = choose_references(samples, source.support, reference_seed=0).by_class
    if not chosen:
        raise CardError(
            "The items bring normal pictures of their own to be compared with; leave scenes.support out"
        )
    paths = {path for own in chosen.values() for path in own}
    return _unique([_of_sample(one, one.sources[0]) for one in samples if one.sources[0] in paths])


def _narrowed(source: SceneSource, folder: Path) -> Dataset:
    dataset = open_dataset(source.dataset or "", source.root, folder)
    if source.classes is None:
        return dataset
    wanted = [sample for sample in dataset.samples if sample.object_class in source.classes]
    return replace(dataset, samples=tuple(wanted)) if wanted else dataset


def _some(scenes: Sequence[Scene], each: int) -> tuple[Scene, ...]:
    """Take so many scenes a class by a hash of their names; classes take turns, so that a limit is even too."""
    by_class: dict[str, list[Scene]] = {}
    for scene in sorted(scenes, key=lambda one: seed_of(0, one.name)):
        by_class.setdefault(scene.object_class, []).append(scene)
    turns = zip_longest(*(own[:each] for own in by_class.values()))
    return tuple(scene for turn in turns for scene in turn if scene is not None)


def open_dataset(name: str, root: str | None, folder: Path) -> Dataset:
    """Load a data set by its card's name, or by a path relative to a folder."""
    beside = folder / Path(name).expanduser()
    place = None if root is None else folder / Path(root).expanduser()
    return load_dataset(beside if beside.exists() else name, root=place)


def card_of(source: SceneSource, folder: Path) -> Card | None:
    """Return the card of the data set that scenes come from; None where a table lists them."""
    return None if source.table else open_dataset(source.dataset or "", source.root, folder).card


def scenes_of(
    dataset: Dataset, classes: Sequence[str] | None = None, split: str | None = None
) -> tuple[Scene, ...]:
    """Take the normal pictures of a data set; where it has none, the templates that its items bring along.

    Raises:
        CardError: there are no such pictures.
    """
    samples = [
        sample
        for sample in dataset.samples
        if sample.modality == "image" and not sample.recipe and (classes is None or sample.object_class in classes)
        if split is None or sample.split == split
    ]
    found = [_of_sample(sample, sample.sources[0]) for sample in samples if sample.gold.anomalous == "no"]
    if not found:
        found = [_of_sample(sample, path) for sample in samples for path in sample.references[:1]]
    if not found:
        here = ", ".join(sorted({sample.object_class for sample in dataset.samples}))
        where = "among all its classes" if classes is None else f"among {', '.join(classes)}"
        if split is not None:
            where = f"in its {split} split, {where}"
        raise CardError(
            f"{dataset.card.name} has no normal picture and no template to edit {where}; its classes are {here}"
        )
    return _unique(found)


def _of_sample(sample: Sample, path: Path) -> Scene:
    return Scene(_file_name(sample.id.partition("/")[2]), path, sample.object_class, sample.group)


def _of_table(file: Path) -> tuple[Scene, ...]:
    scenes: dict[str, Scene] = {}
    for where, row in table_rows(file):
        image, scene_type = _cell(row, "image", where), _cell(row, "scene", where)
        path = inside(file.parent, image, where)
        known = scenes.get(image) or Scene(_file_name(image), path, scene_type, image, scene_type=scene_type)
        if known.scene_type != scene_type:
            raise CardError(f"{where}: {image} is a {scene_type} here and a {known.scene_type} before")
        holes = (*known.holes, _hole(row, where, file.parent))
        scenes[image] = Scene(known.name, path, scene_type, image, None, scene_type, holes)
    if not scenes:
        raise CardError(f"{file} holds no row. Give image, scene, size, and mask or left, top, right, bottom")
    return _unique(list(scenes.values()))


def _hole(row: Mapping[str, Any], where: str, folder: Path) -> GivenHole:
    size = _cell(row, "size", where)
    if size not in get_args(SizeClass):
        raise CardError(f"{where}: the size is {size!r}; allowed are {', '.join(get_args(SizeClass))}")
    if row.get("mask"):
        return GivenHole(cast(SizeClass, size), mask=inside(folder, str(row["mask"]), where))
    try:
        box = tuple(float(_cell(row, name, where)) for name in ("left", "top", "right", "bottom"))
    except ValueError as error:
        raise CardError(f"{where}: left, top, right and bottom must be numbers of pixels") from error
    if not all(isfinite(edge) for edge in box):
        raise CardError(f"{where}: left, top, right and bottom are {box}; they must be numbers of pixels")
    return GivenHole(cast(SizeClass, size), box=cast(Corners, box))


def _cell(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if value is None or str(value).strip() == "":
        raise CardError(
            f"{where}: {name!r} is missing. A row holds image, scene, size, and mask or left, top, right, bottom"
        )
    return str(value).strip()


def _with_regions(scenes: Sequence[Scene], folder: Path) -> tuple[Scene, ...]:
    if not folder.is_dir():
        raise CardError(f"The folder of regions {folder} does not exist. It holds one mask a scene: <scene>.png")
    found = []
    for scene in scenes:
        mask = folder / f"{scene.path.stem}.png"
        if not mask.is_file():
            raise CardError(f"{mask} is missing: where something may be put into {scene.path.name}")
        found.append(
            Scene(scene.name, scene.path, scene.object_class, scene.group, mask, scene.scene_type, scene.holes)
        )
    return tuple(found)


def _file_name(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", path).strip("-") or "scene"


def _unique(scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    """Drop scenes that are named twice (one template of several items); refuse two files of one name."""
    found: dict[str, Scene] = {}
    for scene in scenes:
        if found.setdefault(scene.name, scene).path != scene.path:
            raise CardError(
                f"{scene.path} and {found[scene.name].path} would both be named {scene.name}; rename one"
            )
    return tuple(found.values())
