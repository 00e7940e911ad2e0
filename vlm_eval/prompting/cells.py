"""Ingredients, and the cells of an ablation grid."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from vlm_eval.errors import ExperimentError

LEVELS: Mapping[str, Mapping[str, bool]] = {
    "naive": {},
    "class": {"class_info": True},
    "expert": {"class_info": True, "standard": True},
    "rules": {"class_info": True, "standard": True},
}
"""The prompt levels of arXiv:2311.02782; `rules` is `expert` for a card whose standard is a list of rules."""

INGREDIENTS = ("class", "standard", "reference", "marks")
"""The ingredients beside the task, which is always on."""


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a prompt holds beside the task."""

    class_info: bool = False
    standard: bool = False
    shots: int = 0  # number of normal reference pictures
    marks: bool = False

    def levels(self) -> dict[str, int]:
        """Return the level of each ingredient, 0 for off."""
        return {
            "class": int(self.class_info),
            "standard": int(self.standard),
            "reference": self.shots,
            "marks": int(self.marks),
        }


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a grid: a name and what the prompt holds."""

    name: str
    ingredients: Ingredients


def ingredients_of(level: str, *, shots: int = 0, marks: bool = False) -> Ingredients:
    """Return what a named level holds. Raises ExperimentError for an unknown level."""
    if level not in LEVELS:
        raise ExperimentError(f"Unknown prompt level {level!r}. Allowed: {', '.join(LEVELS)}.")
    if shots < 0:
        raise ExperimentError(f"The number of reference pictures is {shots}; it must be 0 or more.")
    return Ingredients(**LEVELS[level], shots=shots, marks=marks)


def read_ingredients(
    given: Ingredients | str | Iterable[str] | Mapping[str, int], shots: int | None = None
) -> Ingredients:
    """Read ingredients from a level's name, from their own names, or from levels by name; `shots` overrides.

    Raises:
        ExperimentError: an unknown level or ingredient, or fewer than 0 reference pictures.
    """
    if isinstance(given, str):
        return ingredients_of(given, shots=shots or 0)
    if not isinstance(given, Ingredients):
        levels = dict(given) if isinstance(given, Mapping) else dict.fromkeys(given, 1)
        levels.pop("task", None)
        (cell,) = factorial({name: [int(level)] for name, level in levels.items()})
        given = cell.ingredients
    if shots is not None:
        given = replace(given, shots=shots)
    if given.shots < 0:
        raise ExperimentError(f"The number of reference pictures is {given.shots}; it must be 0 or more.")
    return given


def cell_name(ingredients: Ingredients) -> str:
    """Name a cell by what it holds, such as `task+class+reference`."""
    parts = ["task"]
    for name, level in ingredients.levels().items():
        if level:
            parts.append(name if level == 1 else f"{name}{level}")
    return "+".join(parts)


def factorial(factors: Mapping[str, Sequence[int]]) -> tuple[Cell, ...]:
    """Cross the levels of ingredients; those not named stay off.

    Args:
        factors: levels by ingredient (`class`, `standard`, `marks`: 0 or 1; `reference`: counts of pictures).

    Raises:
        ExperimentError: an unknown ingredient, or a level that it cannot take.
    """
    for name, levels in factors.items():
        _check_factor(name, levels)
    cells = []
    for combination in product(*factors.values()):
        level = dict(zip(factors, combination, strict=True))
        ingredients = Ingredients(
            class_info=bool(level.get("class", 0)),
            standard=bool(level.get("standard", 0)),
            shots=level.get("reference", 0),
            marks=bool(level.get("marks", 0)),
        )
        cells.append(Cell(cell_name(ingredients), ingredients))
    return tuple(cells)


def _check_factor(name: str, levels: Sequence[int]) -> None:
    if name not in INGREDIENTS:
        raise ExperimentError(
            f"Unknown ingredient {name!r} in the grid. Allowed: {', '.join(INGREDIENTS)} (the task is always on)."
        )
    if not levels or len(set(levels)) != len(levels):
        raise ExperimentError(
            f"The levels of {name!r} are {list(levels)}; give each level once, such as [off, on]."
        )
    most = max(levels)
    if min(levels) < 0 or (name != "reference" and most > 1):
        raise ExperimentError(f"The levels of {name!r} are {list(levels)}; allowed are off and on.")


def levels_grid(levels: Sequence[str], shots: Sequence[int]) -> tuple[Cell, ...]:
    """Cross named levels with numbers of reference pictures, as `expert/one-shot`."""
    words = {0: "zero-shot", 1: "one-shot"}
    return tuple(
        Cell(f"{level}/{words.get(count, f'{count}-shot')}", ingredients_of(level, shots=count))
        for count in shots
        for level in levels
    )
