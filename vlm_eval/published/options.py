"""Multiple-choice benchmarks: MMAD's result files and RobustMAD's answers, and RobustMAD's judged answers."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Gold, Item, Question
from vlm_eval.metrics.mmad import DETECTION, ChoiceAnswer, ChoiceRow, choice_table
from vlm_eval.published.replay import (
    Difference,
    Figure,
    Replay,
    answer_of,
    make_item,
    one_of,
    percent,
    read_json,
    refuse_repeats,
    rows_of,
)
from vlm_eval.scoring.choice import read_choice
from vlm_eval.scoring.choice_scorer import RIGHT, read_last_letter

MMAD_RULES = (
    "MMAD drops answers that are no letter from A to E while it walks through their list, and so skips the answer "
    "behind each of them too; its Average is a mean over data sets, F1 included.",
    "Its answers were letters before they were stored: where none was found, the option with the most similar "
    "text was taken, whatever the similarity.",
)
ROBUSTMAD_RULES = (
    "RobustMAD compares the letter that its parser stored: the first capital A to E that stands alone in the "
    "answer in capitals, so that the article of 'A crack' is option A, and else the first such letter in a word.",
    "Accuracies are over all questions of a category.",
)
JUDGED_RULES = (
    "RobustMAD's judge gives each answer 1 to 5 points on four dimensions and overall; the figures are means, in "
    "percent of five points. Another judge cannot be replayed from the file, so ours is the same mean.",
)
_LETTERS = "ABCDE"
_OPTION = re.compile(r"^\s*([A-E])[.:)]\s*(.*?)\s*$", re.MULTILINE)
_DIMENSIONS = ("technical_accuracy", "comprehensiveness", "relevance", "style_and_clarity")


def read_mmad_results(file: Path, labels: Path | None = None) -> Replay:
    """Read MMAD's result JSON: `image`, `question`, `question_type`, `correct_answer`, `gpt_answer`.

    Raises:
        ExperimentError: the file cannot be read, or an entry lacks a key.
    """
    needed = ("image", "question", "question_type", "correct_answer", "gpt_answer")
    rows = rows_of(read_json(file), file, needed)
    items = [_mmad_item(number, row, f"{file}, entry {number}") for number, row in enumerate(rows, start=1)]
    read = [read_choice(item.answer.text, item.question.options) for item in items]
    published = choice_table(
        [_choice(item, read_last_letter(item.answer.text)) for item in items], as_published=True
    )
    ours = choice_table([_choice(item, said) for item, said in zip(items, read, strict=True)])
    figures = [
        Figure(row.dataset, name, value, _values(other)[name], row.asked)
        for row, other in zip(published, ours, strict=True)
        for name, value in _values(row).items()
    ]
    differences = [
        Difference(
            item.sample.id, item.answer.text, str(last), str(said), "the last capital letter is not the choice"
        )
        for item, said in zip(items, read, strict=True)
        if (last := read_last_letter(item.answer.text)) != said
    ]
    return Replay(tuple(items), tuple(figures), tuple(differences), MMAD_RULES)


def _mmad_item(number: int, row: Mapping[str, Any], where: str) -> Item:
    asked = row["question"].get("text") if isinstance(row["question"], Mapping) else row["question"]
    image, parts = row["image"], Path(str(row["image"])).parts
    if not isinstance(asked, str) or not isinstance(image, str) or len(parts) < 2:
        raise ExperimentError(
            f"{where}: image is {image!r} and question {row['question']!r}. The image is a path that begins with "
            "the data set (DS-MVTec/bottle/...), the question a text or an object with one."
        )
    options = dict(_OPTION.findall(asked)) or {letter: "" for letter in _LETTERS}
    right = one_of(row["correct_answer"], tuple(_LETTERS), "correct_answer", where)
    detection = row["question_type"] == DETECTION
    return make_item(
        "mmad-results",
        number,
        answer_of(row, "gpt_answer", where),
        image=image,
        part=parts[1] if len(parts) > 2 else parts[0],
        gold=Gold("unknown" if not detection else "no" if "good" in image else "yes"),
        question=Question(
            layout="choice", cell="published", yes_means="anomalous" if detection else None, options=options
        ),
        metadata={"subtask": str(row["question_type"]), RIGHT: right}
        | {f"option {letter}": text for letter, text in options.items()},
        text=asked,
    )


def _choice(item: Item, said: str | None) -> ChoiceAnswer:
    metadata = item.sample.metadata
    return ChoiceAnswer(item.sample.group, str(metadata["subtask"]), str(metadata[RIGHT]), said)


def _values(row: ChoiceRow) -> dict[str, float]:
    named = {"Average": row.average, "Recall": row.recall, "Precision": row.precision, "F1": row.f1}
    named |= {"Overkill": row.overkill, "Miss": row.miss}
    return row.subtasks | {name: value for name, value in named.items() if value is not None}


def read_robustmad(file: Path, labels: Path | None = None) -> Replay:
    """Read RobustMAD's answers: multiple choice (a list) or judged (an object with `questions`).

    Raises:
        ExperimentError: the file cannot be read, or an entry lacks a key.
    """
    data = read_json(file)
    if isinstance(data, Mapping) and "questions" in data:
        return _judged(rows_of(data["questions"], file, ("question_id", "robustness_category", "judge")), file)
    needed = ("image_path", "robustness_category", "question_id", "question", "answer", "mslm_answer")
    return _chosen(rows_of(data, file, needed), file)


def _chosen(rows: Sequence[Mapping[str, Any]], file: Path) -> Replay:
    options = {letter: "" for letter in _LETTERS}  # the file does not hold their texts
    question = Question(layout="choice", cell="published", yes_means=None, options=options)
    items = [
        make_item(
            "robustmad",
            row["question_id"],
            _raw_answer(row, f"{file}, question {row['question_id']}"),
            image=str(row["image_path"]),
            part=str(row["robustness_category"]),
            gold=Gold("unknown"),
            question=question,
            metadata={RIGHT: _right(row, file), "difficulty": str(row.get("difficulty", ""))},
            text=str(row["question"]),
        )
        for row in rows
    ]
    refuse_repeats(items, file)
    read = [read_choice(item.answer.text, options) for item in items]
    figures = []
    for part, places in _by(rows, "robustness_category").items():
        right = [rows[place]["mslm_answer"] == rows[place]["answer"] for place in places]
        ours = [read[place] == rows[place]["answer"] for place in places]
        figures.append(
            Figure(
                part, "accuracy", percent(sum(right), len(places)), percent(sum(ours), len(places)), len(places)
            )
        )
    differences = [
        Difference(
            item.sample.id, item.answer.text, str(row["mslm_answer"]), str(said), _why(item.answer.text, said)
        )
        for item, row, said in zip(items, rows, read, strict=True)
        if row["mslm_answer"] != said
    ]
    return Replay(tuple(items), tuple(figures), tuple(differences), ROBUSTMAD_RULES)


def _raw_answer(row: Mapping[str, Any], where: str) -> str:
    """Return what the model said; of a file without it, the letter that was stored."""
    return answer_of(row, "mslm_answer" if row.get("raw_response") is None else "raw_response", where)


def _right(row: Mapping[str, Any], file: Path) -> str:
    return one_of(row["answer"], tuple(_LETTERS), "answer", f"{file}, question {row['question_id']}")


def _why(text: str, said: str | None) -> str:
    if said is None:
        return "no option is picked, or several are"
    return (
        "the first capital letter is not the choice" if re.search(r"\b[A-E]\b", text) else "a letter within a word"
    )


def _by(rows: Sequence[Mapping[str, Any]], key: str) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        places[str(row[key])].append(place)
    return places


def _judged(rows: Sequence[Mapping[str, Any]], file: Path) -> Replay:
    question = Question(layout="published", cell="published", yes_means=None)
    items, figures = [], []
    for row in rows:
        items.append(
            make_item(
                "robustmad-judged",
                row["question_id"],
                answer_of({"mslm_answer": None, **row}, "mslm_answer", f"{file}, question {row['question_id']}"),
                image=str(row.get("image_path", row["question_id"])),
                part=str(row["robustness_category"]),
                gold=Gold(
                    "yes" if row.get("anomaly") is True else "no" if row.get("anomaly") is False else "unknown"
                ),
                question=question,
                metadata={"points": _points(row, "overall_score", file)},
                text=str(row.get("question", "")) or None,
            )
        )
    refuse_repeats(items, file)
    for part, places in _by(rows, "robustness_category").items():
        for name in ("overall_score", *_DIMENSIONS):
            value = 20 * sum(_points(rows[place], name, file) for place in places) / len(places)
            figures.append(Figure(part, name.replace("_", " "), value, value, len(places)))
    return Replay(tuple(items), tuple(figures), (), JUDGED_RULES)


def _points(row: Mapping[str, Any], name: str, file: Path) -> float:
    judge = row["judge"]
    found = judge.get(name, judge.get("dimension_scores", {}).get(name)) if isinstance(judge, Mapping) else None
    if isinstance(found, bool) or not isinstance(found, int | float) or not 1 <= found <= 5:
        raise ExperimentError(
            f"{file}, question {row['question_id']}: {name} is {found!r}; a judge gives 1 to 5 points."
        )
    return float(found)
