"""Reads RobustMAD's file: `RobustMAD_MCQ.json`, multiple-choice questions about pictures of MVTec AD and VisA."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vlm_eval.data.option_questions import load_questions, option_fields, with_options
from vlm_eval.data.samples import Found, SampleMaker, inside
from vlm_eval.data.schema import Card, Strict
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample, Scalar

PAIRWISE = "Anomaly Understanding and Localization (Pair-wise comparison)"
"""The category whose questions speak of a first, normal picture."""

_IMAGE_KEYS = ("image_path", "category", "specie_name", "anomaly", "reference_image_path", "questions")
_QUESTION_KEYS = ("question_id", "robustness_category", "question", "options", "answer")


class RobustMadOptions(Strict):
    """Options of the reader `robustmad`."""

    file: str = "RobustMAD_MCQ.json"
    pairs: bool = False  # the questions of pair-wise comparison, each with its reference; else all others


def read_robustmad(card: Card, root: Path) -> Iterable[Sample]:
    """Yield one sample a question, with its category, options and right letter in the metadata.

    No question is a yes/no question, so the gold verdict is unknown and the items enter no table of detection;
    what the picture shows is in the metadata (`picture`). The questions of one picture are one cluster.

    Raises:
        CardError: the file cannot be used.
    """
    options = RobustMadOptions.model_validate(card.options)
    file = inside(root, options.file, f"Card {card.name}, options.file")
    maker = SampleMaker(card)
    for entry, asked, where in _questions(file):
        if (asked["robustness_category"] == PAIRWISE) == options.pairs:
            yield maker.make(_found(root, entry, asked, options, where), _metadata(entry, asked))


def _questions(file: Path) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], str]]:
    content = load_questions(file)
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list):
        raise CardError(f"{file}: RobustMAD's file is one object with a list `images`")
    for number, entry in enumerate(images, start=1):
        _require(entry, _IMAGE_KEYS, f"{file}, image {number}")
        for asked in entry["questions"]:
            where = f"{file}, image {number}, question {asked.get('question_id')}"
            _require(asked, _QUESTION_KEYS, where)
            if asked["answer"] not in asked["options"]:
                raise CardError(
                    f"{where}: the answer {asked['answer']!r} is none of {', '.join(asked['options'])}"
                )
            yield entry, asked, where


def _require(entry: Mapping[str, Any], keys: Iterable[str], where: str) -> None:
    if lacking := [key for key in keys if key not in entry]:
        raise CardError(f"{where} lacks {lacking[0]!r}")


def _found(
    root: Path, entry: Mapping[str, Any], asked: Mapping[str, Any], options: RobustMadOptions, where: str
) -> Found:
    return Found(
        source=inside(root, entry["image_path"], where),
        path=f"{entry['image_path']}#{asked['question_id']}",
        object_class=entry["category"],
        anomalous="unknown",
        references=(inside(root, entry["reference_image_path"], where),) if options.pairs else (),
        group=entry["image_path"],
        question=with_options(asked["question"], asked["options"]),
    )


def _metadata(entry: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Scalar]:
    told = {
        "picture": "anomalous" if entry["anomaly"] else "normal",
        "kind": str(entry["specie_name"]),
        "difficulty": str(entry.get("difficulty", "")),
    }
    quality = {"quality": str(entry["perturbation_type"])} if "perturbation_type" in entry else {}
    return {**option_fields(asked["robustness_category"], asked["answer"], asked["options"]), **told, **quality}
