"""Reads MMAD's protocol: `mmad.json`, multiple-choice questions in seven subtasks about each picture."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from vlm_eval.data.option_questions import load_questions, option_fields, with_options
from vlm_eval.data.samples import Found, Note, SampleMaker, inside
from vlm_eval.data.schema import Card, Strict
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample, Scalar

DETECTION = "Anomaly Detection"
"""The subtask that asks whether there is a defect; its options are yes and no."""


class MmadOptions(Strict):
    """Options of the reader `mmad`."""

    file: str = "mmad.json"
    templates: Literal["similar", "random"] = "similar"  # which normal pictures are the references
    subtasks: tuple[str, ...] = ()  # all of them where none is named


def read_mmad(card: Card, root: Path) -> Iterable[Sample | Note]:
    """Yield one sample a question, with its subtask, options and right letter in the metadata.

    A picture in a folder `good` is normal. Only the questions of anomaly detection ask for that: of the others
    the gold verdict is unknown, so that they enter no table of detection. The questions of one picture are one
    cluster.

    Raises:
        CardError: the file cannot be used, or holds no question of a subtask that the card names.
    """
    options = MmadOptions.model_validate(card.options)
    file = inside(root, options.file, f"Card {card.name}, options.file")
    maker = SampleMaker(card)
    without_mask = 0
    wanted, seen = set(options.subtasks), set[str]()
    for image, entry in _entries(file):
        where = f"{file}, {image}"
        mask = _mask(root, image, entry, where)
        without_mask += mask is None and bool(entry.get("mask_path"))
        for number, asked in enumerate(_questions(entry, where), start=1):
            seen.add(str(asked["type"]))
            if not wanted or asked["type"] in wanted:
                found = _found(root, image, entry, asked, number, mask, options, where)
                yield maker.make(found, _metadata(asked))
    if wanted - seen:
        raise CardError(
            f"Card {card.name}, options.subtasks: {file} holds no question of {', '.join(sorted(wanted - seen))}. "
            f"Its subtasks are {', '.join(sorted(seen))}"
        )
    if without_mask:
        yield Note(f"{without_mask} pictures name a mask that is not there; their place is not known")


def _entries(file: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    entries = load_questions(file)
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise CardError(f"{file}: MMAD's file is one object that maps the path of a picture to its questions")
    return entries.items()


def _questions(entry: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    found = entry.get("conversation")
    if not isinstance(found, list):
        raise CardError(f"{where}: there is no list `conversation` of questions")
    for asked in found:
        lacking = [key for key in ("Question", "Answer", "Options", "type") if key not in asked]
        if lacking:
            raise CardError(f"{where}: a question lacks {lacking[0]!r}")
        if asked["Answer"] not in asked["Options"]:
            raise CardError(f"{where}: the answer {asked['Answer']!r} is none of {', '.join(asked['Options'])}")
    return found


def _found(
    root: Path,
    image: str,
    entry: Mapping[str, Any],
    asked: Mapping[str, Any],
    number: int,
    mask: Path | None,
    options: MmadOptions,
    where: str,
) -> Found:
    parts = Path(image).parts
    normal = "good" in parts
    detection = asked["type"] == DETECTION
    return Found(
        source=inside(root, image, where),
        path=f"{image}#{number}",
        object_class=parts[1] if len(parts) > 2 else parts[0],
        anomalous="unknown" if not detection else "no" if normal else "yes",
        defects=() if normal or len(parts) < 2 else (parts[-2],),
        masks=() if mask is None else (mask,),
        references=tuple(inside(root, path, where) for path in entry.get(f"{options.templates}_templates", ())),
        group=image,
        question=with_options(asked["Question"], asked["Options"]),
    )


def _mask(root: Path, image: str, entry: Mapping[str, Any], where: str) -> Path | None:
    """Find a mask, stated relative to the class folder or to the folder of its pictures."""
    stated = entry.get("mask_path")
    if not stated or "good" in Path(image).parts:
        return None
    parents = [Path(*Path(image).parts[:depth]) for depth in (2, 3, 0)]
    found = (inside(root, (parent / stated).as_posix(), where) for parent in parents)
    picture = inside(root, image, where)
    return next((path for path in found if path != picture and path.is_file()), None)


def _metadata(asked: Mapping[str, Any]) -> dict[str, Scalar]:
    said = option_fields(asked["type"], asked["Answer"], asked["Options"])
    return {**said, "yes means": "anomalous"} if asked["type"] == DETECTION else said
