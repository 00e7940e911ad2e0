"""Reads Customizable-VLM's JSON list (object_type, defect_img_path, good_img_path, label, defect_type).

There label 1 means normal; gold here speaks of anomalies, so it is turned. Three more habits of such files are
mended: backslashes in paths and, each with a note, commas before a closing bracket and normal rows that name
themselves as their own reference, which would make the question trivial.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlm_eval.data.samples import Found, Note, SampleMaker, inside
from vlm_eval.data.schema import Card, Strict
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample

_KEYS = ("object_type", "defect_img_path", "good_img_path", "label")
_GOLD = {0: "yes", 1: "no"}
# A string, or a comma that only blanks separate from a closing bracket. Strings come first: commas in them stay.
_TRAILING = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[\]}])')


class CustomizableOptions(Strict):
    """Options of the reader `customizable-vlm`."""

    file: str = "vlm_for_ad_dataset.json"
    strip: str = ""  # start of every path in the list that the root stands for ("datasets/")


def read_customizable(card: Card, root: Path) -> Iterable[Sample | Note]:
    """Yield one sample an entry, its own normal picture as reference."""
    options = CustomizableOptions.model_validate(card.options)
    file = root if root.is_file() else inside(root, options.file, f"Card {card.name}, options.file")
    folder = file.parent if root.is_file() else root
    entries, commas = _parse(file)
    if commas:
        yield Note(f"{file}: {commas} trailing commas were ignored")
    found = [_found(entry, f"{file}, entry {n}", folder, options) for n, entry in enumerate(entries, start=1)]
    mended = [_own_reference_replaced(item, found) for item in found]
    changed = sum(before != after for before, after in zip(found, mended, strict=True))
    if changed:
        yield Note(
            f"{file}: {changed} items named themselves as reference; each got the next normal picture instead"
        )
    maker = SampleMaker(card)
    for item in mended:
        yield maker.make(item)


def _parse(file: Path) -> tuple[Sequence[Mapping[str, Any]], int]:
    """Read the list, tolerant of trailing commas, and count them."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(f"{file} cannot be read: {error}. Point --root to the folder that holds it") from error
    commas = sum(match.group(1) is None for match in _TRAILING.finditer(text))
    try:
        entries = json.loads(_TRAILING.sub(lambda match: match.group(1) or "", text))
    except json.JSONDecodeError as error:
        raise CardError(f"{file} is no valid JSON, even without trailing commas: {error}") from error
    if not isinstance(entries, list):
        raise CardError(f"{file} holds a JSON {type(entries).__name__}; a list of objects is needed")
    return entries, commas


def _found(entry: Any, where: str, root: Path, options: CustomizableOptions) -> Found:
    lacking = [key for key in _KEYS if not isinstance(entry, dict) or key not in entry]
    if lacking:
        raise CardError(f"{where}: the key {lacking[0]!r} is missing; every entry holds {', '.join(_KEYS)}")
    label = entry["label"]
    if isinstance(label, bool) or label not in _GOLD:
        raise CardError(f"{where}: label {label!r}; allowed are 1 for normal and 0 for anomalous")
    picture, reference = (
        _inside(root, entry[key], where, options) for key in ("defect_img_path", "good_img_path")
    )
    return Found(
        source=picture,
        path=picture.relative_to(root).as_posix(),
        object_class=str(entry["object_type"]),
        anomalous="no" if label == 1 else "yes",
        defects=(str(entry["defect_type"]),) if label == 0 and entry.get("defect_type") else (),
        references=(reference,),
    )


def _inside(root: Path, stated: Any, where: str, options: CustomizableOptions) -> Path:
    return inside(root, str(stated).replace("\\", "/").removeprefix(options.strip), where)


def _own_reference_replaced(item: Found, items: Sequence[Found]) -> Found:
    if item.source not in item.references:
        return item
    normal = [
        other.source for other in items if other.anomalous == "no" and other.object_class == item.object_class
    ]
    if len(normal) < 2:
        return replace(item, references=())
    return replace(item, references=(normal[(normal.index(item.source) + 1) % len(normal)],))
