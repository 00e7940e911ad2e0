"""Measures how well vision-language models find, name, locate and explain anomalies.

Everything public is here, and is imported when it is first used: `import vlm_eval` loads no heavy package.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vlm_eval.data.loading import Dataset, load_dataset
    from vlm_eval.data.selection import choose_references, select
    from vlm_eval.prompting.cells import Cell, Ingredients
    from vlm_eval.prompting.render import render_prompt
    from vlm_eval.quick import Run, open_run, run
    from vlm_eval.scoring.choice import read_choice
    from vlm_eval.scoring.label_space import load_label_space
    from vlm_eval.scoring.mapping import MappedAnswer, map_answers
    from vlm_eval.scoring.marks import read_marks
    from vlm_eval.scoring.verdict import Verdict, read_verdict
    from vlm_eval.scoring.vqa import normalize_vqa, vqa_accuracy
    from vlm_eval.scoring.words import word_match
    from vlm_eval.scoring.yes_no import read_yes_no

_HOMES = {  # where each public name lives
    "Cell": "prompting.cells",
    "Dataset": "data.loading",
    "Ingredients": "prompting.cells",
    "MappedAnswer": "scoring.mapping",
    "Run": "quick",
    "Verdict": "scoring.verdict",
    "choose_references": "data.selection",
    "load_dataset": "data.loading",
    "load_label_space": "scoring.label_space",
    "map_answers": "scoring.mapping",
    "open_run": "quick",
    "read_choice": "scoring.choice",
    "read_marks": "scoring.marks",
    "read_verdict": "scoring.verdict",
    "read_yes_no": "scoring.yes_no",
    "render_prompt": "prompting.render",
    "run": "quick",
    "select": "data.selection",
    "normalize_vqa": "scoring.vqa",
    "vqa_accuracy": "scoring.vqa",
    "word_match": "scoring.words",
}

__all__ = [
    "Cell",
    "Dataset",
    "Ingredients",
    "MappedAnswer",
    "Run",
    "Verdict",
    "choose_references",
    "load_dataset",
    "load_label_space",
    "map_answers",
    "normalize_vqa",
    "open_run",
    "read_choice",
    "read_marks",
    "read_verdict",
    "read_yes_no",
    "render_prompt",
    "run",
    "select",
    "vqa_accuracy",
    "word_match",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vlm_eval' has no attribute {name!r}")
    return getattr(import_module(f"vlm_eval.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
