"""Reads the names of the embedding scorers, such as `mapping:open-images?embed=whole&descriptions=both`."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from vlm_eval.errors import ExperimentError, InputError
from vlm_eval.flow import Scorer

FAMILIES = ("categories", "categories:via-classes", "mapping")
_OPTIONS = ("embed", "descriptions", "embedder", "threshold")


def is_mapping_name(text: str) -> bool:
    """Tell whether a text names an embedding scorer."""
    base = text.partition("?")[0]
    return base in FAMILIES or base.startswith("mapping:")


def open_mapping(text: str, answer_descriptions: Mapping[str, str] | None = None) -> Scorer:
    """Build an embedding scorer from its name and options.

    `mapping` (the card's labels), `mapping:open-images`, `mapping:FILE.csv`, `categories`, or
    `categories:via-classes`; then maybe `?embed=...&descriptions=...&embedder=...&threshold=...`.

    Raises:
        ExperimentError: the name or an option is not known or not allowed.
    """
    from vlm_eval.scoring.categories import CategoriesScorer
    from vlm_eval.scoring.mapping import MappingOptions
    from vlm_eval.scoring.mapping_scorer import CARD, MappingScorer

    base, _, query = text.partition("?")
    if not is_mapping_name(text):
        raise ExperimentError(f"{text!r} is no embedding scorer. Known: {', '.join(FAMILIES)}, mapping:SPACE.")
    try:
        options = MappingOptions(**_read_options(text, query))
        if base.startswith("categories"):
            via = base != "categories"
            return CategoriesScorer(options, via_classes=via, answer_descriptions=answer_descriptions)
        space = base.partition(":")[2] or CARD
        return MappingScorer(space, options, answer_descriptions=answer_descriptions)
    except ExperimentError:
        raise
    except InputError as error:
        raise ExperimentError(f"The scorer {text!r} cannot be used: {error}") from error


def _read_options(text: str, query: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _OPTIONS:
            raise ExperimentError(f"The scorer {text!r}: {name!r} is no option. Known: {', '.join(_OPTIONS)}.")
        given[name] = value
    if "threshold" in given:
        try:
            given["threshold"] = float(given["threshold"])
        except ValueError as error:
            raise ExperimentError(f"The scorer {text!r}: threshold must be a number from -1 to 1.") from error
    return given


def is_study_protocol(version: str) -> bool:
    """Tell from an embedding scorer's version whether both sides have descriptions, as in the study."""
    return " descriptions=both " in version
