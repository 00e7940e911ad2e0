"""The published formats by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vlm_eval.errors import ExperimentError
from vlm_eval.published.options import read_mmad_results, read_robustmad
from vlm_eval.published.replay import Replay
from vlm_eval.published.series import read_anomllm
from vlm_eval.published.yes_no import read_mme, read_pope


@dataclass(frozen=True, slots=True)
class Format:
    """How a published file is read, and which scorers its answers are for."""

    read: Callable[[Path, Path | None], Replay]
    scorers: tuple[str, ...]
    labels: bool = False  # what is true stands in a file of its own


FORMATS: Mapping[str, Format] = {
    "pope": Format(read_pope, ("verdict",), labels=True),
    "mme": Format(read_mme, ("verdict",)),
    "mmad": Format(read_mmad_results, ("choice", "verdict")),
    "anomllm": Format(read_anomllm, ("intervals",), labels=True),
    "robustmad": Format(read_robustmad, ("choice",)),
}


def find_format(name: str) -> Format:
    """Return a format. Raises ExperimentError with the names that are known."""
    if name not in FORMATS:
        raise ExperimentError(f"--format {name!r} is not known. Published formats: {', '.join(FORMATS)}.")
    return FORMATS[name]
