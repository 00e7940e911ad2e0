"""Reads folders of pictures: normal and anomalous ones, one folder a defect type, or one unlabelled folder."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import Field

from vlm_eval.data.samples import UNNAMED_CLASS, Found, SampleMaker, inside, pictures_in
from vlm_eval.data.schema import Card, Strict
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample

NORMAL_NAMES = ("normal", "good", "ok")
ANOMALOUS_NAMES = ("anomalous", "abnormal", "defective", "defect", "bad", "ng")


class FoldersOptions(Strict):
    """Options of the reader `folders`. Without `folders` the two common names are looked for."""

    folders: dict[str, str] | None = None  # folder -> "normal", "anomalous", "unknown" or a defect type
    train: tuple[str, ...] = ()  # folders of normal pictures that serve as references only
    picture_suffix: str | None = None  # only files with this ending are pictures (".jpg")
    mask_suffix: str | None = None  # the mask of a.jpg is a + this, beside it (".png")
    mask_folders: dict[str, str] = Field(
        default_factory=dict
    )  # folder of anomalous pictures -> folder of their masks, which have the same names
    object_class: str = UNNAMED_CLASS


def read_folders(card: Card, root: Path) -> Iterable[Sample]:
    """Yield the samples of each folder and of the folders below it."""
    options = FoldersOptions.model_validate(card.options)
    maker = SampleMaker(card)
    folders = _labelled(card, root, options) if options.folders else guess_folders(root)
    for name in options.train:
        for picture in _pictures(root, name, options, card):
            yield maker.make(
                Found(picture, picture.relative_to(root).as_posix(), options.object_class, "no", split="train")
            )
    for name, label in folders.items():
        for picture in _pictures(root, name, options, card):
            yield maker.make(_found(picture, root, name, label, options))


def _labelled(card: Card, root: Path, options: FoldersOptions) -> Mapping[str, str]:
    """Return the stated folders, refusing a root that lacks one of them."""
    stated = options.folders or {}
    missing = [name for name in (*stated, *options.train) if not inside(root, name, f"Card {card.name}").is_dir()]
    if missing:
        raise CardError(
            f"Card {card.name}: {root} lacks the folder {missing[0]!r}; it holds {_entries(root)}. "
            f"Point --root to the folder that holds {', '.join(stated)}, or change the card's options.folders"
        )
    return stated


def guess_folders(root: Path) -> Mapping[str, str]:
    """Find a normal and an anomalous folder by their usual names, or take loose pictures as unlabelled.

    Raises:
        CardError: neither is there, or only one of the two.
    """
    names = {entry.name.lower(): entry.name for entry in sorted(root.iterdir()) if entry.is_dir()}
    normal = [names[name] for name in NORMAL_NAMES if name in names]
    anomalous = [names[name] for name in ANOMALOUS_NAMES if name in names]
    if normal and anomalous:
        return dict.fromkeys(normal, "normal") | dict.fromkeys(anomalous, "anomalous")
    if not normal and not anomalous and pictures_in(root):
        return {".": "unknown"}
    raise CardError(
        f"{root} holds {_entries(root)}. Allowed are one folder named {', '.join(NORMAL_NAMES)} beside one named "
        f"{', '.join(ANOMALOUS_NAMES)}; or pictures without labels; or any layout with a card that describes it"
    )


def _entries(root: Path) -> str:
    names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in root.iterdir())
    return (", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")) or "nothing"


def _pictures(root: Path, name: str, options: FoldersOptions, card: Card) -> Iterator[Path]:
    # Where masks lie beside the pictures under the same stem, the ending alone tells which is which.
    for picture in pictures_in(inside(root, name, f"Card {card.name}"), deep=True):
        if options.picture_suffix is None or picture.name.endswith(options.picture_suffix):
            yield picture


def _found(picture: Path, root: Path, folder: str, label: str, options: FoldersOptions) -> Found:
    anomalous = label not in ("normal", "unknown")
    return Found(
        source=picture,
        path=picture.relative_to(root).as_posix(),
        object_class=options.object_class,
        anomalous="yes" if anomalous else "no" if label == "normal" else "unknown",
        defects=(label,) if anomalous and label != "anomalous" else (),
        masks=_masks(picture, root, folder, options) if anomalous else (),
    )


def _masks(picture: Path, root: Path, folder: str, options: FoldersOptions) -> tuple[Path, ...]:
    if folder in options.mask_folders:
        return (root / options.mask_folders[folder] / picture.relative_to(root / folder),)
    return (picture.with_name(picture.stem + options.mask_suffix),) if options.mask_suffix else ()
