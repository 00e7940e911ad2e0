"""What files of multiple-choice questions share: how they are opened, and how options are told and kept."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlm_eval.errors import CardError
from vlm_eval.flow import Scalar

OPTION = "option "
"""Begins the name of the metadata that hold the text of an option."""


def load_questions(file: Path) -> Any:
    """Read a JSON file. Raises CardError."""
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CardError(f"{file} cannot be read: {error}. Point --root to the folder with {file.name}") from None
    except json.JSONDecodeError as error:
        raise CardError(f"{file} is no valid JSON: {error}") from None


def with_options(question: str, options: Mapping[str, Any]) -> str:
    """Put the options below a question, one a line."""
    return "\n".join([question, *(f"{letter}. {text}" for letter, text in options.items())])


def option_fields(subtask: Any, right: Any, options: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return the metadata that a scorer of choices reads."""
    letters = {f"{OPTION}{letter}": str(text) for letter, text in options.items()}
    return {"subtask": str(subtask), "right option": str(right), **letters}
