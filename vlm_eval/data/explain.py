"""Turns pydantic's complaints about a file into one message: the file, the key, what is allowed, what to do."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError


def explain(error: ValidationError, model: type[BaseModel], file: Path | str, prefix: str = "") -> str:
    """Describe every problem of a file that failed to validate against a model, one a line.

    Args:
        error: what pydantic raised.
        model: the model at the top of the file.
        file: the file, named first.
        prefix: the key under which the model stands in the file ("options").
    """
    lines = [_line(problem, model, prefix) for problem in error.errors()]
    return f"{file} cannot be used:\n" + "\n".join(f"  {line}" for line in lines)


def _line(problem: Any, model: type[BaseModel], prefix: str) -> str:
    location = tuple(problem["loc"])
    key = ".".join(str(part) for part in ((prefix, *location) if prefix else location)) or "the file"
    allowed = allowed_keys(model, location[:-1])
    if problem["type"] == "extra_forbidden":
        return f"{key}: unknown key{_hint(str(location[-1]), allowed)}; allowed are {', '.join(allowed)}"
    if problem["type"] == "missing":
        return f"{key}: is required and missing"
    return f"{key}: {problem['msg'][0].lower()}{problem['msg'][1:]}, but it is {problem['input']!r:.80}"


def _hint(key: str, allowed: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, allowed, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def allowed_keys(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """List the keys that a model allows at a location inside it, sorted; empty where it is no model."""
    here: Any = model
    for part in location:
        here = _step(here, part)
    found = _model_in(here)
    return sorted(found.model_fields) if found else []


def _step(here: Any, part: str | int) -> Any:
    found = _model_in(here)
    if found:
        field = found.model_fields.get(str(part))
        return field.annotation if field else None
    arguments = [argument for argument in get_args(here) if argument is not Ellipsis]
    return arguments[-1] if arguments else None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation is, or is optionally."""
    if get_origin(annotation) in (Union, UnionType):
        return next((found for found in map(_model_in, get_args(annotation)) if found), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
