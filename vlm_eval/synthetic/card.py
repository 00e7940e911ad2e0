"""Writes the card, the items and the log of a generated data set, so that `run` takes its folder."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from vlm_eval.data.cards import check_card
from vlm_eval.data.schema import Card
from vlm_eval.synthetic.records import ITEMS, LOG, Record, write_lines, write_text
from vlm_eval.synthetic.settings import Interpolation, Synthesis

CONTEXT_QUESTION = (
    "A context-dependent anomaly is an object that is anomalous based only on the context in which it is found. "
    "What object is the context-dependent anomaly in this scene?"
)
"""As the study of context-dependent anomalies asks (seed 000, section 4.5), in the layout vqa."""

METADATA = ("kind", "scene", "target", "variant", "window")


def write_dataset(
    folder: Path,
    settings: Synthesis | Interpolation,
    records: Sequence[Record],
    source: Card | None,
    synonyms: Mapping[str, Sequence[str]],
    pieces: Card | None = None,
) -> Path:
    """Write items, log and card of the records, and return the card's path.

    Args:
        folder: of the generated data set; the card has its name.
        settings: of the synthesis.
        records: finished jobs.
        source: the card of the scenes, whose words are kept.
        synonyms: other words for a target that count as naming it.
        pieces: the card of the data set that cut-outs come from; its licence holds too.
    """
    write_lines(folder / ITEMS, _rows(records))
    write_lines(folder / LOG, _lines(records))
    card = folder / f"{settings.name}.yaml"
    content = _content(settings, records, source, synonyms, pieces)
    check_card(content, card)
    write_text(card, yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110))
    return card


def _rows(records: Iterable[Record]) -> Iterator[dict[str, Any]]:
    for record in records:
        for item in record.items:
            anomalous = record.kind == "anomaly"
            yield {
                "id": item.id,
                "image": item.image,
                "label": "anomalous" if anomalous else "normal",
                "object_class": record.object_class,
                "defect_type": record.target if anomalous else None,
                "mask": item.mask,
                "group": record.group,
                "split": "train" if record.kind == "support" else "test",
                "kind": record.kind,
                "scene": record.scene,
                "target": record.target,
                "variant": record.variant,
                "window": None if record.window is None else " ".join(map(str, record.window)),
            }


def _lines(records: Iterable[Record]) -> Iterator[dict[str, Any]]:
    for record in records:
        about = {"job": record.job, "kind": record.kind, "scene": record.scene, "target": record.target}
        if record.failed:
            yield {**about, "failed": record.failed}
        for attempt in record.attempts:
            yield {
                **about,
                "candidate": attempt.candidate,
                "accepted": attempt.accepted,
                "reason": attempt.reason,
                "picture": attempt.picture,
                "scores": dict(attempt.scores),
            }


def _content(
    settings: Synthesis | Interpolation,
    records: Sequence[Record],
    source: Card | None,
    synonyms: Mapping[str, Sequence[str]],
    pieces: Card | None,
) -> dict[str, Any]:
    common: dict[str, Any] = {} if source is None else source.common.model_dump(exclude_unset=True, mode="json")
    classes: dict[str, Any] = {}
    if source is not None:
        classes = {name: text.model_dump(exclude_unset=True, mode="json") for name, text in source.classes.items()}
    targets = sorted({record.target for record in records if record.kind == "anomaly"})
    if settings.generator == "context":
        common["question"] = CONTEXT_QUESTION
    # What the scenes' own card calls the defects of its real items need not be what was put in.
    defects = {**common.pop("defects", {})}
    known = {str((entry or {}).get("name") or key.replace("_", " ")): entry for key, entry in defects.items()}
    named = {target: {**known.get(target, {}), **_words(synonyms.get(target, ()))} for target in targets}
    return {
        "name": settings.name,
        "title": f"Synthetic anomalies ({settings.generator}, {settings.inpainter}) with controls",
        "reader": "table",
        "root": ".",
        "options": {
            "file": ITEMS,
            "columns": {
                "id": "id",
                "object_class": "object_class",
                "defect_type": "defect_type",
                "mask": "mask",
                "group": "group",
                "split": "split",
                "metadata": list(METADATA),
            },
        },
        "licence": _licence(source, pieces),
        "contamination": "The scenes may be known to a model; the edits are new.",
        "domain": "context" if settings.generator == "context" else source.domain if source else "industrial",
        "common": {**common, "defects": named},
        **({"classes": {name: {**text, "defects": {}} for name, text in classes.items()}} if classes else {}),
    }


def _words(synonyms: Sequence[str]) -> dict[str, list[str]]:
    return {"synonyms": list(synonyms)} if synonyms else {}


def _licence(source: Card | None, pieces: Card | None) -> str:
    scenes = "that of the scenes" if source is None else f"that of the scenes, {source.name}: {source.licence}"
    if pieces is None or (source is not None and pieces.name == source.name):
        return scenes
    return f"{scenes}; and that of the cut-outs, {pieces.name}: {pieces.licence}"
