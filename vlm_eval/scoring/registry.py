"""The scorers by name. A new one is one line here."""

from collections.abc import Callable, Mapping
from pathlib import Path

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import RepeatScorer, Scorer
from vlm_eval.scoring.choice_scorer import ChoiceScorer
from vlm_eval.scoring.human import HumanScorer, read_human_verdicts
from vlm_eval.scoring.intervals_scorer import IntervalsScorer
from vlm_eval.scoring.labels import LabelsScorer
from vlm_eval.scoring.mapping_names import FAMILIES, is_mapping_name, open_mapping
from vlm_eval.scoring.marks import MarksScorer
from vlm_eval.scoring.place import PlaceScorer
from vlm_eval.scoring.verbalised import VerbalisedScorer
from vlm_eval.scoring.verdict_scorer import VerdictScorer
from vlm_eval.scoring.votes import VotesScorer
from vlm_eval.scoring.vqa import VqaScorer
from vlm_eval.scoring.words import WordsScorer, WordsStrictScorer

_HUMAN = "human:"  # and the path of a CSV file
_SCORERS: dict[str, Callable[[], Scorer | RepeatScorer]] = {
    "choice": ChoiceScorer,
    "intervals": IntervalsScorer,
    "labels": LabelsScorer,
    "marks": MarksScorer,
    "place": PlaceScorer,
    "place:pixel": lambda: PlaceScorer("pixel"),
    "place:thousand": lambda: PlaceScorer("thousand"),
    "place:unit": lambda: PlaceScorer("unit"),
    "verbalised": VerbalisedScorer,
    "verbalised:hundred": lambda: VerbalisedScorer("hundred"),
    "verbalised:percent": lambda: VerbalisedScorer("percent"),
    "verbalised:unit": lambda: VerbalisedScorer("unit"),
    "verdict": VerdictScorer,
    "votes": VotesScorer,
    "vqa": VqaScorer,
    "words": WordsScorer,
    "words:strict": WordsStrictScorer,
}


def list_scorers() -> list[str]:
    """Return the names that `open_scorer` knows, sorted; the mapping families take options behind a `?`.

    `human:FILE` is not among them, for it is nothing without a file.
    """
    return sorted([*_SCORERS, *FAMILIES])


def is_scorer(name: str) -> bool:
    """Say whether `open_scorer` knows a name, without building anything heavy."""
    return name in _SCORERS or is_mapping_name(name) or name.startswith(_HUMAN)


def open_scorer(name: str, answer_descriptions: Mapping[str, str] | None = None) -> Scorer | RepeatScorer:
    """Build the scorer of that name.

    Args:
        name: such as `verdict`, `mapping:open-images?embed=whole`, or `human:verdicts.csv`.
        answer_descriptions: of distinct answers by text, for mappings that embed them.

    Raises:
        ExperimentError: a name that is not known.
        InputError: a file of human verdicts that cannot be used.
    """
    if name.startswith(_HUMAN):
        return HumanScorer(read_human_verdicts(Path(name.removeprefix(_HUMAN))))
    if is_mapping_name(name):
        return open_mapping(name, answer_descriptions)
    if name not in _SCORERS:
        raise ExperimentError(
            f"There is no scorer {name!r}. Known: {', '.join(list_scorers())}, human:FILE. Name one of these."
        )
    return _SCORERS[name]()
