"""What people say that some of a run's answers claim, read for that run."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlm_eval.errors import InputError
from vlm_eval.scoring.human import HumanScorer, HumanVerdict, read_human_verdicts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HumanVerdict", "read_human"]


def read_human(path: Path, frame: "pd.DataFrame") -> list[HumanVerdict]:
    """Read labels for a run: `sample_id, verdict[, cell, model, round, repeat, probability, reviewer]`.

    A file may leave out the model or the cell where the run has only one; without a repeat it is the first.

    Args:
        path: the CSV file.
        frame: the run, as `runs.frame.read_frame` gives it.

    Raises:
        InputError: the file cannot be read, or a row names what the run does not hold, or leaves open which answer
            it is about.
    """
    labels = read_human_verdicts(path)
    held = (dict.fromkeys(frame[column].astype(str).unique()) for column in ("sample_id", "model", "cell"))
    HumanScorer(labels).refuse_misplaced(*held)
    unknown = {label.repeat for label in labels} - {int(repeat) for repeat in frame["repeat"].unique()}
    if unknown:
        raise InputError(f"{path}: the run holds no repeat {min(unknown)}. Repeats are counted from 0.")
    return labels
