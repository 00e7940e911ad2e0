"""Yes/no benchmarks: POPE's JSON lines and MME's tables."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Gold, Item, Question
from vlm_eval.published.replay import (
    Difference,
    Figure,
    Replay,
    answer_of,
    make_item,
    one_of,
    percent,
    read_json,
    rows_of,
)
from vlm_eval.scoring.verdict_scorer import VerdictScorer

Said = Literal["yes", "no", "other"]
QUESTION = Question(layout="published", cell="published", yes_means="anomalous")
"""Yes stands for the positive class; whether that is an anomaly hangs on what was asked."""

POPE_RULES = (
    "POPE takes the text up to the first full stop, drops commas, and reads no where 'No', 'no' or 'not' stands "
    "between blanks, and yes everywhere else: a refusal, an empty text and 'NO' count as yes.",
    "Answers and labels are paired by their order in the two files.",
)
MME_RULES = (
    "MME reads the answer in lower case: yes or no as a whole, else where 'yes' or 'no' stands in its first four "
    "characters, so that 'none' and 'not' are no and a later yes counts as neither.",
    "Its accuracy+ asks for both questions of a picture, and its score is the sum of both accuracies.",
)


def read_pope(file: Path, labels: Path | None) -> Replay:
    """Read POPE's answers (`answer`, `question`) beside its labels (`label`, `image`), both JSON lines.

    Raises:
        ExperimentError: there is no labels file, the two differ in length, or a row lacks a key.
    """
    if labels is None:
        raise ExperimentError("POPE's answers need its labels: give the file of questions with --labels.")
    answers = rows_of(read_json(file), file, ("answer",))
    golds = rows_of(read_json(labels), labels, ("label",), "labels")
    if len(answers) != len(golds):
        raise ExperimentError(f"{file} holds {len(answers)} answers, but {labels} {len(golds)} labels.")
    for number, pair in enumerate(zip(answers, golds, strict=True), start=1):
        _refuse_other_question(*pair, f"{file} and {labels}, entry {number}")
    items = [
        make_item(
            "pope",
            number,
            answer_of(answer, "answer", f"{file}, entry {number}"),
            image=str(gold.get("image", answer.get("image", number))),
            part="object",
            gold=Gold("no" if _label(gold, labels, number) == "no" else "yes"),
            question=QUESTION,
            text=str(answer.get("question", gold.get("text", ""))) or None,
        )
        for number, (answer, gold) in enumerate(zip(answers, golds, strict=True), start=1)
    ]
    published, ours = [_read_as_pope(item.answer.text) for item in items], _read(items)
    figures = [
        Figure("all", name, _measure(name, items, published), _measure(name, items, ours), len(items))
        for name in ("accuracy", "precision", "recall", "F1", "yes ratio")
    ]
    return Replay(tuple(items), tuple(figures), tuple(_differences(items, published, ours)), POPE_RULES)


def _label(gold: Mapping[str, object], file: Path, number: int) -> str:
    # POPE's own code takes whatever is not "no" for yes, "No" and "false" too.
    return one_of(gold["label"], ("yes", "no"), "label", f"{file}, entry {number}")


def _refuse_other_question(answer: Mapping[str, object], gold: Mapping[str, object], where: str) -> None:
    """Raise ExperimentError where an answer and the label of the same place are about different questions."""
    numbers = answer.get("question_id"), gold.get("question_id")
    asked = str(answer.get("question") or ""), str(gold.get("text") or "")  # asked with a hint behind it, maybe
    if (None not in numbers and numbers[0] != numbers[1]) or (all(asked) and not asked[0].startswith(asked[1])):
        raise ExperimentError(
            f"{where}: the answer is about question {numbers[0]} {asked[0]!r}, the label about {numbers[1]} "
            f"{asked[1]!r}. Both files must be in the same order: give the labels that belong to these answers."
        )


def _read_as_pope(text: str) -> Said:
    words = text.partition(".")[0].replace(",", "").split(" ")
    return "no" if {"No", "not", "no"}.intersection(words) else "yes"


def read_mme(file: Path, labels: Path | None = None) -> Replay:
    """Read MME's answers: a table of picture, question, label and answer, or a folder with one a subtask.

    Raises:
        ExperimentError: there is no table, or a line of it does not hold four cells.
    """
    tables = sorted(file.glob("*.txt")) if file.is_dir() else [file]
    if not tables:
        raise ExperimentError(f"{file} holds no .txt files, one a subtask, as MME writes them.")
    items: list[Item] = []
    figures: list[Figure] = []
    for table in tables:
        part = list(_mme_items(table))
        _refuse_single_questions(part, table)
        items += part
        published, ours = [_read_as_mme(item.answer.text) for item in part], _read(part)
        for name, measure in _MME.items():
            figures.append(Figure(table.stem, name, measure(part, published), measure(part, ours), len(part)))
    published, ours = [_read_as_mme(item.answer.text) for item in items], _read(items)
    return Replay(tuple(items), tuple(figures), tuple(_differences(items, published, ours)), MME_RULES)


def _refuse_single_questions(items: Sequence[Item], table: Path) -> None:
    """Raise ExperimentError for an empty table, and where accuracy+ would not be over two questions a picture."""
    if not items:
        raise ExperimentError(f"{table} holds no answers.")
    for picture, count in Counter(item.sample.group for item in items).items():
        if count != 2:
            raise ExperimentError(
                f"{table}: {picture} has {count} question{'' if count == 1 else 's'}. MME asks two of each "
                "picture, and counts both for its accuracy+."
            )


def _mme_items(table: Path) -> Iterable[Item]:
    try:
        lines = table.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{table} cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        cells = line.rstrip("\r").split("\t")
        if not line.strip():
            continue
        if len(cells) != 4:
            raise ExperimentError(
                f"{table}, line {number} holds {len(cells)} cells. MME's are picture, question, label and answer, "
                "parted by tabs."
            )
        image, question, label, answer = cells
        if label.lower() not in ("yes", "no"):
            raise ExperimentError(
                f"{table}, line {number}: the label is {label!r}; it must be Yes or No. "
                "The third cell is the label, the fourth the answer."
            )
        yield make_item(
            "mme",
            f"{table.stem}/{number}",
            answer,
            image=f"{table.stem}/{image}",
            part=table.stem,
            gold=Gold("yes" if label.lower() == "yes" else "no"),
            question=QUESTION,
            text=question,
        )


def _read_as_mme(text: str) -> Said:
    said = text.lower()
    if said in ("yes", "no"):
        return "yes" if said == "yes" else "no"
    start = said[:4]
    return "yes" if "yes" in start else "no" if "no" in start else "other"


def _read(items: Sequence[Item]) -> list[Said]:
    claims: dict[object, Said] = {"anomalous": "yes", "normal": "no"}
    return [claims.get(judged.value, "other") for judged in VerdictScorer().judge(items)]


def _right(items: Sequence[Item], said: Sequence[Said]) -> list[bool]:
    return [item.sample.gold.anomalous == one for item, one in zip(items, said, strict=True)]


def _measure(name: str, items: Sequence[Item], said: Sequence[Said]) -> float:
    right = _right(items, said)
    found = sum(own and one == "yes" for own, one in zip(right, said, strict=True))
    claimed = said.count("yes")
    positive = sum(item.sample.gold.anomalous == "yes" for item in items)
    values = {
        "accuracy": percent(sum(right), len(items)),
        "precision": percent(found, claimed),
        "recall": percent(found, positive),
        "F1": percent(2 * found, claimed + positive),
        "yes ratio": percent(claimed, len(items)),
    }
    return values[name]


def _accuracy(items: Sequence[Item], said: Sequence[Said]) -> float:
    return percent(sum(_right(items, said)), len(items))


def _accuracy_plus(items: Sequence[Item], said: Sequence[Said]) -> float:
    """Return the share of pictures whose questions are all answered rightly."""
    by_picture = defaultdict(list)
    for item, right in zip(items, _right(items, said), strict=True):
        by_picture[item.sample.group].append(right)
    return percent(sum(all(own) for own in by_picture.values()), len(by_picture))


def _score(items: Sequence[Item], said: Sequence[Said]) -> float:
    return _accuracy(items, said) + _accuracy_plus(items, said)


_MME: dict[str, Callable[[Sequence[Item], Sequence[Said]], float]] = {
    "accuracy": _accuracy,
    "accuracy+": _accuracy_plus,
    "score": _score,
}


def _differences(items: Sequence[Item], published: Sequence[Said], ours: Sequence[Said]) -> Iterable[Difference]:
    judged = VerdictScorer().judge(items)
    for item, one, other, judgement in zip(items, published, ours, judged, strict=True):
        if one != other:
            why = (
                f"we abstain: {judgement.reason}" if other == "other" else f"we read: {_evidence(item, judgement)}"
            )
            yield Difference(item.sample.id, item.answer.text, one, other, why)


def _evidence(item: Item, judgement: object) -> str:
    span = getattr(judgement, "evidence", None)
    return item.answer.text[slice(*span)] if span else item.answer.text[:60]
