"""The scorers by name. A new one is one line here."""

from collections.abc import Callable

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Scorer
from vlm_eval.scoring.labels import LabelsScorer
from vlm_eval.scoring.verdict_scorer import VerdictScorer
from vlm_eval.scoring.vqa import VqaScorer
from vlm_eval.scoring.words import WordsScorer, WordsStrictScorer

_SCORERS: dict[str, Callable[[], Scorer]] = {
    "labels": LabelsScorer,
    "verdict": VerdictScorer,
    "vqa": VqaScorer,
    "words": WordsScorer,
    "words:strict": WordsStrictScorer,
}


def list_scorers() -> list[str]:
    """Return the names that `open_scorer` knows, sorted."""
    return sorted(_SCORERS)


def open_scorer(name: str) -> Scorer:
    """Build the scorer of that name. Raises ExperimentError for a name that is not known."""
    if name not in _SCORERS:
        raise ExperimentError(
            f"There is no scorer {name!r}. Known: {', '.join(list_scorers())}. Name one of these under scorers."
        )
    return _SCORERS[name]()
