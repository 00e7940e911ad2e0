"""The scorers by name. A new one is one line here."""

from collections.abc import Callable, Mapping

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Scorer
from vlm_eval.scoring.intervals_scorer import IntervalsScorer
from vlm_eval.scoring.labels import LabelsScorer
from vlm_eval.scoring.mapping_names import FAMILIES, is_mapping_name, open_mapping
from vlm_eval.scoring.marks import MarksScorer
from vlm_eval.scoring.place import PlaceScorer
from vlm_eval.scoring.verbalised import VerbalisedScorer
from vlm_eval.scoring.verdict_scorer import VerdictScorer
from vlm_eval.scoring.vqa import VqaScorer
from vlm_eval.scoring.words import WordsScorer, WordsStrictScorer

_SCORERS: dict[str, Callable[[], Scorer]] = {
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
    "vqa": VqaScorer,
    "words": WordsScorer,
    "words:strict": WordsStrictScorer,
}


def list_scorers() -> list[str]:
    """Return the names that `open_scorer` knows, sorted; the mapping families take options behind a `?`."""
    return sorted([*_SCORERS, *FAMILIES])


def is_scorer(name: str) -> bool:
    """Say whether `open_scorer` knows a name, without building anything heavy."""
    return name in _SCORERS or is_mapping_name(name)


def open_scorer(name: str, answer_descriptions: Mapping[str, str] | None = None) -> Scorer:
    """Build the scorer of that name.

    Args:
        name: such as `verdict`, or `mapping:open-images?embed=whole`.
        answer_descriptions: of distinct answers by text, for mappings that embed them.

    Raises:
        ExperimentError: a name that is not known.
    """
    if is_mapping_name(name):
        return open_mapping(name, answer_descriptions)
    if name not in _SCORERS:
        raise ExperimentError(
            f"There is no scorer {name!r}. Known: {', '.join(list_scorers())}. Name one of these under scorers."
        )
    return _SCORERS[name]()
