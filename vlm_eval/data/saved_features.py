"""Reads what a folder of the Hugging Face library's `save_to_disk` says of itself, without that library."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_eval.data.rows import Columns, Labels
from vlm_eval.errors import CardError

_INFO, _STATE, _SPLITS = "dataset_info.json", "state.json", "dataset_dict.json"


@dataclass(frozen=True, slots=True)
class SavedFeatures:
    """What could hold the picture and the label, and what is unclear about it (empty where nothing is)."""

    images: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()  # of the one label column, where the data set lists them
    splits: tuple[str, ...] = ()  # none where the folder holds one table
    split: str = "test"
    unclear: str = ""


def is_saved(folder: Path) -> bool:
    """Say whether `save_to_disk` wrote a folder: one table, or one folder a split."""
    return (folder / _SPLITS).is_file() or all((folder / name).is_file() for name in (_INFO, _STATE))


def read_saved(folder: Path) -> SavedFeatures:
    """Find the columns with pictures and labels by the features that the folder states. Raises CardError."""
    splits = tuple(_load(folder / _SPLITS).get("splits", ())) if (folder / _SPLITS).is_file() else ()
    split = "test" if "test" in splits or not splits else splits[0]
    features = _load((folder / split if splits else folder) / _INFO).get("features") or {}
    images = tuple(name for name, feature in features.items() if _kind(feature) == "Image")
    listed = {name: feature for name, feature in features.items() if _kind(feature) == "ClassLabel"}
    usual = Columns().label or ""
    labels = (usual,) if usual in features else tuple(listed)
    names = tuple(listed[labels[0]].get("names", ())) if len(labels) == 1 and labels[0] in listed else ()
    unclear = "; ".join(_unclear(images, labels, names, splits))
    return SavedFeatures(images, labels, names, splits, split, unclear)


def _unclear(
    images: tuple[str, ...], labels: tuple[str, ...], names: tuple[str, ...], splits: tuple[str, ...]
) -> Iterator[str]:
    for kind, found in (("pictures", images), ("labels", labels)):
        if len(found) != 1:
            listed = f"{', '.join(found)} all could" if found else "none is stated as such"
            yield f"which column holds the {kind} is not clear ({listed})"
    known = {name for field in Labels.model_fields for name in getattr(Labels(), field)}
    strange = [name for name in names if name.casefold() not in known]
    if strange:
        yield f"whether {', '.join(map(repr, strange))} means normal or anomalous is not clear"
    if len(splits) > 1 and "test" not in splits:
        yield f"which of the splits {', '.join(splits)} is the one to evaluate is not clear"


def _kind(feature: Any) -> str:
    return str(feature.get("_type", "")) if isinstance(feature, dict) else ""


def _load(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CardError(f"{file} cannot be read: {error}. Save the data set again with save_to_disk") from error
    if not isinstance(content, dict):
        raise CardError(f"{file} holds a JSON {type(content).__name__}, not an object. Save the data set again")
    return content
